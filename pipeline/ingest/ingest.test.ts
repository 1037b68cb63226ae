import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { MemoryRecordLog } from '../../storage/memory/record-log.ts';
import { recordEncoder } from '../decode/encode.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../source/accounting-schema.ts';
import { aPacket, decoded } from './ingest-rig.contract.ts';
import { Ingest } from './ingest.ts';
import type { IngestBody, IngestOptions, IngestOutcome } from './ingest.ts';

const PARTITIONS = 4;
const T = Date.UTC(2025, 5, 1);

const RECORD = {
  record_id: 'r1',
  status_type: 'STOP',
  subscriber_id: 'sub-1',
  session_id: 's1',
  nas_id: 'n1',
};

function rig(changes: Partial<IngestOptions> = {}) {
  const log = new MemoryRecordLog({
    topic: 't',
    partitions: PARTITIONS,
    simulatedTime: false,
    log: () => undefined,
  });
  const heard: string[] = [];
  const ingest = new Ingest({
    writer: log,
    lookup: {
      subscriberIdsOf: (names) => Promise.resolve(new Map(names.includes('ann') ? [['ann', 'sub-1']] : [])),
    },
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    radius: { serviceAttribute: null },
    maxRecordBytes: 4_096,
    now: () => T,
    observer: {
      ended: (result) => heard.push(result),
      records: (result, count) => heard.push(`${count} ${result}`),
      refused: (feed, detail) => heard.push(`${feed}: ${detail}`),
    },
    ...changes,
  });
  /** Everything in the log, as the workers see it. */
  const inLog = async () => {
    const all = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const entries = await log.read(partition, 0, 10_000);
      for (const [i, input] of decoded(partition, entries, PARTITIONS).entries())
        all.push({ partition, key: Buffer.from(entries[i]?.key ?? '').toString(), input });
    }
    return all;
  };
  return { ingest, inLog, heard, take: (value: unknown) => ingest.take('feed-1', json(value)) };
}

function json(value: unknown, eventTime: string | null = null): IngestBody {
  return { form: 'json', value, byteLength: 100, eventTime };
}

function faultsOf(outcome: IngestOutcome): string[] {
  return outcome.kind === 'refused' ? outcome.faults.map(({ index, detail }) => `${index}: ${detail}`) : [];
}

it('puts a packet into the log as a usage event of its subscriber', async () => {
  const { ingest, inLog, heard } = rig();
  const outcome = await ingest.take('feed-1', json(aPacket(), '1700000000'));
  expect(outcome).toEqual({ kind: 'stored', records: 1, ignored: 0 });
  expect(await inLog()).toMatchObject([
    {
      partition: partitionOfText('sub-1', PARTITIONS),
      key: 'sub-1',
      input: {
        kind: 'usage',
        event: {
          feedId: 'feed-1',
          statusType: 'INTERIM_UPDATE',
          subscriberId: 'sub-1',
          userName: 'ann',
          sessionId: 's1',
          nasId: 'bras-1',
          eventTimeMs: 1_700_000_000_000,
          receivedAtMs: T,
          inputOctets: 4_294_967_295,
          outputOctets: 2 * 2 ** 32 + 5,
        },
      },
    },
  ]);
  expect(heard).toEqual(['1 stored', '0 ignored', 'stored']);
});

describe('the subscriber', () => {
  const idOf = async (packet: unknown): Promise<string> => {
    const { take, inLog } = rig();
    expect(await take(packet)).toMatchObject({ kind: 'stored' });
    const [one] = await inLog();
    expect(one?.input.kind).toBe('usage');
    return one?.key ?? '';
  };
  it('is the Chargeable-User-Identity, else the profile of the user name, else the name', async () => {
    const identity = { type: 'octets', value: ['0x63756931'] };
    expect(await idOf(aPacket({ 'Chargeable-User-Identity': identity }))).toBe('cui1');
    expect(await idOf(aPacket())).toBe('sub-1');
    expect(await idOf(aPacket({ 'User-Name': 'nobody' }))).toBe('user:nobody');
  });

  it('is found the same way for records that name none', async () => {
    const { subscriber_id: _, ...unnamed } = RECORD;
    expect(await idOf({ ...unnamed, user_name: 'ann' })).toBe('sub-1');
    expect(await idOf({ ...unnamed, user_name: 'ann', chargeable_user_identity: 'cui1' })).toBe('cui1');
    expect(await idOf({ ...RECORD, user_name: 'nobody' })).toBe('sub-1');
  });

  it('is nobody on Accounting-On: its key is the NAS', async () => {
    expect(
      await idOf({ 'Acct-Status-Type': 'Accounting-On', 'NAS-Identifier': 'bras-7', 'User-Name': 'ann' }),
    ).toBe('bras-7');
  });
});

it('acknowledges packets without usage and stores nothing of them', async () => {
  const { take, inLog } = rig();
  expect(await take(aPacket({ 'Acct-Status-Type': 'Tunnel-Start' }))).toEqual({
    kind: 'stored',
    records: 0,
    ignored: 1,
  });
  expect(await inLog()).toEqual([]);
});

it('takes Avro', async () => {
  const { ingest, inLog } = rig();
  const encode = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  const bytes = Buffer.from(encode({ ...RECORD, status_type: 'STOP', input_octets: 7 }));
  expect(await ingest.take('f', { form: 'avro', bytes })).toMatchObject({ kind: 'stored', records: 1 });
  expect(await inLog()).toMatchObject([{ key: 'sub-1', input: { event: { inputOctets: 7, feedId: 'f' } } }]);
});

describe('a request with bad records', () => {
  it('is refused whole, every bad record by its index', async () => {
    const { take, inLog, heard } = rig();
    const bad = { ...RECORD, input_octets: -1 };
    const outcome = await take([RECORD, bad, aPacket(), { ...RECORD, nas_id: 5 }, null]);
    expect(faultsOf(outcome)).toEqual([
      '1: negative-octets: a counter is negative',
      '3: nas_id is not text',
      '4: it is not an object',
    ]);
    expect(await inLog()).toEqual([]);
    expect(heard).toEqual(['5 refused', 'refused', 'feed-1: negative-octets: a counter is negative']);
  });

  it.each<[string, unknown, string]>([
    [
      'a NUL in a name',
      aPacket({ 'User-Name': { type: 'string', value: ['a\u0000b'] } }),
      'user_name holds a NUL',
    ],
    ['half a surrogate pair', { ...RECORD, calling_station_id: '\ud800' }, 'calling_station_id'],
    ['an id that was not UTF-8', { ...RECORD, session_id: 'a\ufffd' }, 'session_id is not UTF-8'],
    ['no subscriber', aPacket({ 'User-Name': undefined }), 'no subscriber_id'],
    ['no session', { ...RECORD, session_id: '' }, 'session_id is empty'],
    ['a long name', aPacket({ 'User-Name': 'x'.repeat(252) }), 'oversize'],
    ['a long text', { ...RECORD, calling_station_id: 'x'.repeat(5_000) }, 'oversize'],
    ['octets beyond 2^53', { ...RECORD, input_octets: 5, input_gigawords: 2 ** 22 }, 'octets-beyond-2^53'],
    ['a time of 1999', { ...RECORD, event_time: 915_148_800_000 }, 'implausible-time'],
    ['a negative delay', { ...RECORD, acct_delay_seconds: -1 }, 'implausible-time'],
  ])('such as %s', async (_, value, detail) => {
    const { take, inLog } = rig();
    expect(faultsOf(await take(value))[0]).toContain(detail);
    expect(await inLog()).toEqual([]);
  });
});

describe('a directory or log that is away', () => {
  const away = new AppError('unreachable', 'away', { retriable: true });
  it('fails the request: no user is taken for nobody because of it', async () => {
    const { take, ingest, inLog, heard } = rig({ lookup: { subscriberIdsOf: () => Promise.reject(away) } });
    await expect(take(aPacket())).rejects.toBe(away);
    expect(await inLog()).toEqual([]);
    expect(heard).toEqual(['failed']);
    expect(ingest.heldRecords).toBe(0);
  });

  it('is asked for its partitions again', async () => {
    const counts = [Promise.reject(away), Promise.resolve(PARTITIONS)];
    counts[0]?.catch(() => undefined);
    const appended: number[] = [];
    const { take, ingest } = rig({
      writer: {
        partitionCount: () => counts.shift() ?? Promise.reject(new Error('asked a third time')),
        append: (entries) => {
          appended.push(entries.length);
          return Promise.resolve();
        },
      },
    });
    await expect(take(RECORD)).rejects.toBe(away);
    expect(ingest.heldRecords).toBe(0);
    await take(RECORD);
    await take([RECORD, RECORD]);
    expect(appended).toEqual([1, 2]);
  });

  it('takes nothing more while too much waits for it', async () => {
    const appends: (() => void)[] = [];
    const append = () => new Promise<void>((resolve) => appends.push(resolve));
    const { take, ingest, heard } = rig({
      writer: { partitionCount: () => Promise.resolve(PARTITIONS), append },
      limits: { maxHeldRecords: 2 },
    });
    const first = take([RECORD, RECORD, RECORD]);
    expect(ingest.turnsAway()).toBe(true);
    expect(await take(RECORD)).toEqual({ kind: 'busy' });
    await new Promise((resolve) => setImmediate(resolve));
    appends[0]?.();
    expect(await first).toMatchObject({ kind: 'stored', records: 3 });
    expect(ingest.turnsAway()).toBe(false);
    expect(heard).toEqual(['busy', 'busy', '3 stored', '0 ignored', 'stored']);
  });
});
