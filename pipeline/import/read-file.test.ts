import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImportKind, StagedRecord } from '../../storage/import-ports.ts';
import type { FileBounds, FileEnd, ImportFormat } from './read-file.ts';
import { readFile } from './read-file.ts';

const NOW = 1_767_225_600_000;
const LIMITS: FileBounds = { maxBytes: 100_000, maxRecords: 100, mayGivePlans: true };

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

interface FileRead {
  chunks: StagedRecord[][];
  end: FileEnd;
}

async function read(
  kind: ImportKind,
  format: ImportFormat,
  text: string | Uint8Array,
  { limits = LIMITS, size = 7 }: { limits?: FileBounds; size?: number } = {},
): Promise<FileRead> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const reading = readFile(kind, format, pieces(bytes, size), 2, limits);
  const chunks: StagedRecord[][] = [];
  for (;;) {
    const step = await reading.next();
    if (step.done === true) return { chunks, end: step.value };
    chunks.push(step.value);
  }
}

const subscriber = (subscriberId: string, given: object = {}) => ({ subscriberId, zone: 'UTC', ...given });
/** Of a CSV file with all columns: empty cells. */
const NOTHING = { externalId: null, segment: '', tags: [], credentials: [] };

describe('readFile', () => {
  it('reads subscribers from CSV, in chunks', async () => {
    const text = [
      'subscriber_id,account_id,external_id,segment,tags,zone,overage_consent,user_names',
      's1,a1,e1,home,vip;old,Europe/Berlin,true,anna;bert',
      's2,,,,,UTC,,',
      '"s,3",,,,,UTC,false,',
    ].join('\r\n');
    const { chunks, end } = await read('subscribers', 'csv', text);
    const credential = (userName: string) => ({ userName, fromMs: 0, toMs: null });
    const first = subscriber('s1', {
      accountId: 'a1',
      externalId: 'e1',
      segment: 'home',
      tags: ['vip', 'old'],
      zone: 'Europe/Berlin',
      overageConsent: true,
      credentials: [credential('anna'), credential('bert')],
    });
    expect(chunks).toEqual([
      [
        { record: 1, content: first, fault: null },
        { record: 2, content: subscriber('s2', NOTHING), fault: null },
      ],
      [{ record: 3, content: subscriber('s,3', { ...NOTHING, overageConsent: false }), fault: null }],
    ]);
    const contentHash = createHash('sha256').update(text).digest('hex');
    expect(end).toEqual({ contentHash, records: 3, faults: 0 });
  });

  it('reads the same from NDJSON', async () => {
    const credentials = [{ userName: 'anna', from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00+01:00' }];
    const text = `${JSON.stringify({ subscriberId: 's1', zone: 'UTC', credentials })}\r\n\n{"subscriberId":"ä","zone":"UTC"}`;
    const { chunks } = await read('subscribers', 'ndjson', text);
    const dated = { userName: 'anna', fromMs: NOW, toMs: Date.parse('2026-01-31T23:00:00Z') };
    expect(chunks.flat().map(({ content }) => content)).toEqual([
      subscriber('s1', { credentials: [dated] }),
      subscriber('ä'),
    ]);
  });

  it('reads subscribers with a plan each, of who may give plans', async () => {
    const csv = 'subscriber_id,zone,plan,plan_from,plan_to\ns1,UTC,home,2026-01-01T00:00:00Z,\ns2,UTC,,,\n';
    const { chunks } = await read('subscribers', 'csv', csv);
    expect(chunks.flat().map(({ content }) => content)).toEqual([
      subscriber('s1', { plan: { planId: 'home', fromMs: NOW, toMs: null } }),
      subscriber('s2'),
    ]);
    const { chunks: without } = await read('subscribers', 'csv', csv, {
      limits: { ...LIMITS, mayGivePlans: false },
    });
    expect(without.flat().map(({ fault }) => fault)).toEqual([
      'line 2: plans are brought in by keys of the role billing',
      null,
    ]);
  });

  it('reads assignments', async () => {
    const csv =
      'plan_id,subscriber_id,to,from\nhome,s1,2026-02-01T00:00Z,2026-01-01T00:00:00Z\nhome,s1,2026-03-01T00:00Z,2026-02-01T00:00Z\n';
    const { chunks, end } = await read('assignments', 'csv', csv);
    expect(chunks.flat().map(({ content }) => content)).toEqual([
      { subscriberId: 's1', planId: 'home', fromMs: NOW, toMs: Date.parse('2026-02-01T00:00Z') },
      {
        subscriberId: 's1',
        planId: 'home',
        fromMs: Date.parse('2026-02-01T00:00Z'),
        toMs: Date.parse('2026-03-01T00:00Z'),
      },
    ]);
    expect(end.faults).toBe(0);
  });

  const faultsOf = async (
    kind: ImportKind,
    format: ImportFormat,
    text: string | Uint8Array,
  ): Promise<unknown[]> => {
    const { chunks } = await read(kind, format, text);
    return chunks.flat().flatMap(({ record, fault }) => (fault === null ? [] : [[record, fault]]));
  };

  it.each<[string, ImportKind, ImportFormat, string, unknown[]]>([
    ['an empty file', 'subscribers', 'csv', '', [[1, 'line 1: there is no header line']]],
    [
      'an unknown column',
      'subscribers',
      'csv',
      'subscriber_id,zone,colour\n',
      [
        [
          1,
          'line 1: the column "colour" is not known; those that are: subscriber_id, account_id, external_id, segment, tags, zone, overage_consent, user_names, plan, plan_from, plan_to',
        ],
      ],
    ],
    [
      'a missing column',
      'subscribers',
      'csv',
      'subscriber_id\n',
      [[1, 'line 1: the column zone is missing']],
    ],
    ['a column twice', 'assignments', 'csv', 'from,from\n', [[1, 'line 1: the column from is there twice']]],
    [
      'cells that are missing',
      'subscribers',
      'csv',
      'subscriber_id,zone\ns1,UTC\ns2\n',
      [[2, 'line 3: has 1 cells, and the header 2']],
    ],
    [
      'an unknown zone',
      'subscribers',
      'csv',
      'subscriber_id,zone\ns1,Mars\n',
      [[1, 'line 2: zone is not a known time zone']],
    ],
    [
      'no id',
      'subscribers',
      'csv',
      'subscriber_id,zone\n,UTC\n',
      [[1, 'line 2: subscriberId is not text of 1 to 256 characters']],
    ],
    [
      'words for a consent',
      'subscribers',
      'csv',
      'subscriber_id,zone,overage_consent\ns1,UTC,yes\n',
      [[1, 'line 2: overageConsent is not true or false']],
    ],
    [
      'an id twice',
      'subscribers',
      'csv',
      'subscriber_id,zone\ns1,UTC\ns1,UTC\n',
      [[2, 'line 3: s1 is there twice']],
    ],
    [
      'a quote after a good line',
      'subscribers',
      'csv',
      'subscriber_id,zone\ns1,UTC\ns"2,UTC\ns3,UTC\n',
      [[2, 'line 3: a quote within a cell that has none around it']],
    ],
    [
      'what is not JSON',
      'subscribers',
      'ndjson',
      '{"subscriberId":"s1","zone":"UTC"}\n{\n',
      [[2, 'line 2: is not JSON']],
    ],
    ['a list', 'subscribers', 'ndjson', '[]', [[1, 'line 1: is not an object']]],
    [
      'an unknown field',
      'assignments',
      'ndjson',
      '{"subscriberId":"s1","plan":"x"}',
      [[1, 'line 1: has the unknown field "plan"']],
    ],
    [
      'a NUL',
      'subscribers',
      'ndjson',
      '{"subscriberId":"a\\u0000","zone":"UTC"}',
      [[1, 'line 1: subscriberId has a character that cannot be stored']],
    ],
    [
      'half of a character',
      'subscribers',
      'ndjson',
      '{"subscriberId":"a\\ud800","zone":"UTC"}',
      [[1, 'line 1: subscriberId has a character that cannot be stored']],
    ],
    [
      'a time without an offset',
      'assignments',
      'csv',
      'subscriber_id,plan_id,from\ns1,p,2026-01-01T00:00\n',
      [[1, 'line 2: from is not an instant with its offset, such as 2026-01-31T00:00:00Z']],
    ],
    [
      'an end before the beginning',
      'assignments',
      'csv',
      'subscriber_id,plan_id,from,to\ns1,p,2026-01-01T00:00Z,2026-01-01T00:00Z\n',
      [[1, 'line 2: to is not after from']],
    ],
    [
      'two plans from one instant',
      'assignments',
      'csv',
      'subscriber_id,plan_id,from\ns1,p,2026-01-01T00:00Z\ns1,q,2026-01-01T01:00+01:00\n',
      [[2, 'line 3: s1 has two plans at a time in this file, or more than 100']],
    ],
    [
      'a plan that overlaps with another',
      'assignments',
      'csv',
      'subscriber_id,plan_id,from,to\ns1,p,2026-01-01T00:00Z,2026-02-01T00:00Z\ns2,p,2026-01-01T00:00Z,\ns1,q,2026-01-31T00:00Z,\n',
      [[3, 'line 4: s1 has two plans at a time in this file, or more than 100']],
    ],
    [
      'an external id of two',
      'subscribers',
      'csv',
      'subscriber_id,zone,external_id\ns1,UTC,x\ns2,UTC,y\ns3,UTC,x\n',
      [[3, 'line 4: the external id x is there twice']],
    ],
    [
      'a user name of two at a time',
      'subscribers',
      'ndjson',
      [
        { subscriberId: 's1', zone: 'UTC', credentials: [{ userName: 'a', to: '2026-01-01T00:00:00Z' }] },
        { subscriberId: 's2', zone: 'UTC', credentials: [{ userName: 'a', from: '2026-01-01T00:00:00Z' }] },
        { subscriberId: 's3', zone: 'UTC', credentials: [{ userName: 'a', from: '2026-05-01T00:00:00Z' }] },
      ]
        .map((one) => JSON.stringify(one))
        .join('\n'),
      [[3, 'line 3: the user name a is there twice at a time']],
    ],
    [
      'half a plan',
      'subscribers',
      'csv',
      'subscriber_id,zone,plan,plan_from,plan_to\ns1,UTC,home,,\ns2,UTC,,2026-01-01T00:00Z,\ns3,UTC,p,2026-01-01T00:00Z,2025-01-01T00:00Z\n',
      [
        [1, 'line 2: the plan has no time from which on it holds'],
        [2, 'line 3: the plan is missing, its time is there'],
        [3, 'line 4: the end of the plan is not after its beginning'],
      ],
    ],
    [
      'columns that are parted by semicolons',
      'subscribers',
      'csv',
      'subscriber_id;zone\ns1;UTC\n',
      [[1, 'line 1: the header has one column: columns are parted by commas; are these by semicolons?']],
    ],
    [
      'a user name twice',
      'subscribers',
      'csv',
      'subscriber_id,zone,user_names\ns1,UTC,a;a\n',
      [[1, 'line 2: credentials: a is there twice']],
    ],
  ])('tells of %s', async (_name, kind, format, text, faults) => {
    expect(await faultsOf(kind, format, text)).toEqual(faults);
  });

  it('refuses a file that is not UTF-8', async () => {
    const text = Buffer.concat([
      Buffer.from('subscriber_id,zone\ns1,UTC\n'),
      Buffer.from([0xff]),
      Buffer.from(',UTC\n'),
    ]);
    expect(await faultsOf('subscribers', 'csv', text)).toEqual([[1, 'the file is not UTF-8']]);
  });

  it('passes over the mark at the beginning of a file', async () => {
    expect(await faultsOf('subscribers', 'csv', '\ufeffsubscriber_id,zone\ns1,UTC\n')).toEqual([]);
  });

  it('refuses what is too large', async () => {
    const text = `subscriber_id,zone\n${Array.from({ length: 9 }, (_, n) => `s${n},UTC\n`).join('')}`;
    await expect(
      read('subscribers', 'csv', text, { limits: { ...LIMITS, maxBytes: 60 } }),
    ).rejects.toMatchObject({
      code: 'invalid-input',
    });
    await expect(
      read('subscribers', 'csv', text, { limits: { ...LIMITS, maxRecords: 8 } }),
    ).rejects.toMatchObject({
      code: 'invalid-input',
    });
    const { end } = await read('subscribers', 'csv', text, { limits: { ...LIMITS, maxRecords: 9 } });
    expect(end.records).toBe(9);
  });

  it('reads the same however the bytes are cut, whatever they are (300 cases)', async () => {
    const line = fc.oneof(
      fc.constant('{"subscriberId":"ä😀","zone":"UTC"}'),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.json({ maxDepth: 2 }),
    );
    const cases = fc.record({
      lines: fc.array(line, { maxLength: 8 }),
      format: fc.constantFrom<ImportFormat>('csv', 'ndjson'),
      kind: fc.constantFrom<ImportKind>('subscribers', 'assignments'),
      header: fc.boolean(),
      size: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ lines, format, kind, header, size }) => {
        const text = `${header ? 'subscriber_id,zone\n' : ''}${lines.join('\n')}`;
        const whole = await read(kind, format, text, { size: 100_000 });
        const cut = await read(kind, format, text, { size });
        expect(cut.chunks.flat()).toEqual(whole.chunks.flat());
        expect(cut.end).toEqual(whole.end);
        expect(cut.chunks.flat().map(({ record }) => record)).toEqual(
          Array.from({ length: cut.end.records }, (_, n) => n + 1),
        );
      }),
      { numRuns: 300 },
    );
  });
});
