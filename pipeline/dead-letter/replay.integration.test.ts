import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../../api/api-rig.contract.ts';
import { createApi } from '../../api/server.ts';
import type { Control, ReplayControl } from '../../schemas/control.ts';
import type { DeadLetterListView, DeadLetterReplayView } from '../../schemas/dead-letter-views.ts';
import type { DeadLetter } from '../../schemas/outcome.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { embeddedDatabase, realDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresControlOutbox } from '../../storage/postgres/control-outbox.ts';
import { PostgresDeadLetters } from '../../storage/postgres/dead-letters.ts';
import { PostgresActionLedger } from '../../storage/postgres/ledger.ts';
import { composeDeadLetters } from '../compose-dead-letters.ts';
import { readConfig } from '../config.ts';
import { decodeBatch } from '../decode/decode.ts';
import { formatControlId } from '../../schemas/control.ts';
import { expandControl } from '../relay/expand.ts';
import { ACCOUNTING, APPENDED, confluent, encoded, letter, SCHEMAS } from './letter-rig.contract.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 3 };
const PARTITIONS = 8;

/** A schema registry that knows one id as soon as it is told. */
let registry: Server;
let knows: boolean;
/** how letters' replays wake the relay */
let woken: number;

beforeAll(async () => {
  registry = createServer((_, response) => {
    response.writeHead(knows ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(knows ? { schema: ACCOUNTING } : { error_code: 40403 }));
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise((resolve) => registry.close(resolve)));

describe.each([
  ['Postgres', () => realDatabase('replay_letters')],
  ['the embedded Postgres', embeddedDatabase],
] as const)('letters in %s', (_name, openDatabase) => {
  let database: TestDatabase;
  let rig: Awaited<ReturnType<typeof apiOfLetters>>;

  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.pool.query('truncate dead_letter, control_outbox, audit');
    knows = true;
    woken = 0;
    rig = await apiOfLetters(database);
  });
  afterEach(() => rig.close());

  async function put(...letters: DeadLetter[]): Promise<void> {
    await new PostgresActionLedger(database.pool).insert(SLOT, 100, { deadLetters: letters });
  }

  async function controls(): Promise<Control[]> {
    const { rows } = await database.pool.query<{ control: Control }>(
      'select control from control_outbox order by xid, id',
    );
    return rows.map(({ control }) => control);
  }

  it('become one control, which the relay brings to the subscriber’s own partition', async () => {
    await put(letter('misrouted', encoded({ user_name: 'a\0b' })));
    const first = await rig.replay({ ids: ['3:99'] });
    expect(first).toMatchObject({ replayed: 1, refused: [] });
    const [control, ...others] = await controls();
    expect(others).toEqual([]);
    expect(control).toMatchObject({ kind: 'replay', letter: { partition: 3, offset: 99 }, by: 'ann' });
    expect(woken).toBe(1);

    const again = await rig.replay({ ids: ['3:99'] });
    expect(again.refused).toEqual([
      { id: '3:99', why: expect.stringMatching(/^already replayed at 20\d\d-\d\d-\d\dT/) },
    ]);
    expect(await controls()).toHaveLength(1);
    expect((await rig.list('replayed=true')).letters).toMatchObject([{ id: '3:99', nasId: 'nas-1' }]);
    expect((await rig.list('replayed=false')).letters).toEqual([]);

    const pending = (await rig.relayed())[0];
    if (pending === undefined) throw new Error('nothing to relay');
    const [entry] = expandControl(pending, PARTITIONS, null);
    expect(entry?.partition).toBe(partitionOfText('sub-1', PARTITIONS));
    const [input] = decodeBatch(
      {
        partition: entry?.partition ?? -1,
        entries: [
          {
            offset: 5,
            key: entry?.key ?? null,
            value: entry?.value ?? null,
            control: formatControlId(pending.id),
            appendTimeMs: APPENDED,
          },
        ],
      },
      { partitionCount: PARTITIONS, schemas: SCHEMAS, maxRecordBytes: 4096 },
    );
    expect(input).toMatchObject({
      kind: 'control',
      control: { kind: 'replay', event: { subscriberId: 'sub-1', userName: 'a\0b', inputOctets: 10 } },
    });
  });

  it('are replayed once, whoever asks at the same time', async () => {
    await put(...Array.from({ length: 20 }, (_, offset) => letter('beyond-horizon', encoded(), { offset })));
    const asked = await Promise.all(Array.from({ length: 4 }, () => rig.replay({ filter: {} })));
    expect(asked.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(20);
    const offsets = (await controls()).map((control) => (control as ReplayControl).letter.offset);
    expect(offsets.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, offset) => offset));
    for (const { why } of asked.flatMap(({ refused }) => refused))
      expect(why).toContain('already replayed at');
  });

  it('with a schema that is registered since can be replayed', async () => {
    knows = false;
    await put(letter('unknown-schema', confluent(77)));
    expect((await rig.list('')).letters).toMatchObject([
      { nasId: 'nas-1', problem: 'schema id 77: the schema registry does not know it' },
    ]);
    knows = true;
    let answer: DeadLetterReplayView;
    const until = Date.now() + 20_000;
    do {
      answer = await rig.replay({ filter: { reason: 'unknown-schema' } });
    } while (answer.replayed === 0 && Date.now() < until);
    expect(answer).toMatchObject({ ids: ['3:99'] });
  });

  it('are put right by edits', async () => {
    await put(letter('missing-field', encoded({ subscriber_id: '' })));
    expect((await rig.replay({ filter: {} })).refused).toMatchObject([
      { why: 'subscriber_id is empty: put it right by --set field=value' },
    ]);
    expect(await rig.replay({ filter: {}, set: { subscriber_id: 'sub-2' } })).toMatchObject({ replayed: 1 });
    expect(await controls()).toMatchObject([{ event: { subscriberId: 'sub-2' } }]);
  });

  it('are counted by reason and shown with their bytes', async () => {
    await put(letter('empty', null, { offset: 1 }), letter('undecodable', Buffer.from([1, 2, 255])));
    expect((await rig.get('/v1/dead-letters/summary')).json()).toMatchObject({
      reasons: [{ letters: 1 }, {}],
    });
    expect((await rig.get('/v1/dead-letters/3:99')).json()).toMatchObject({ value: '0102ff', valueBytes: 3 });
    expect((await rig.get('/v1/dead-letters/3:1')).json()).toMatchObject({ value: null });
  });
});

/** The API over the letters of a database, with the registry that this file runs. */
async function apiOfLetters({ pool }: TestDatabase) {
  const { port } = registry.address() as AddressInfo;
  const config = readConfig({ SCHEMA_REGISTRY_URL: `http://127.0.0.1:${port}` });
  const letters = new PostgresDeadLetters(pool, config.topic, () => (woken += 1));
  const options = apiOptions({ deadLetters: composeDeadLetters(config, letters) });
  const { app, close } = await createApi({ ...options, rateLimit: 1_000_000 });
  const { key } = await options.keys.create('ann', ['operator']);
  const headers = { authorization: `Bearer ${key}` };
  const get = (url: string) => app.inject({ url, headers });
  return {
    close,
    get,
    list: async (query: string) => (await get(`/v1/dead-letters?${query}`)).json<DeadLetterListView>(),
    replay: async (payload: object) => {
      const url = '/v1/dead-letters/replay';
      return (await app.inject({ method: 'POST', url, headers, payload })).json<DeadLetterReplayView>();
    },
    relayed: async () => {
      const leadership = await new PostgresControlOutbox(pool).lead();
      const pending = (await leadership?.next(10)) ?? [];
      await leadership?.release();
      return pending;
    },
  };
}
