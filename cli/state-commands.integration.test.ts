import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openServerGroup } from '../dev/processes/server-group.ts';
import type { ServerGroup } from '../dev/processes/server-group.ts';
import { waitUntil } from '../dev/processes/wait-until.ts';
import { startRedis } from '../dev/redis/server.ts';
import { fillSlot, writerDeps } from '../pipeline/snapshot/snapshot-factory.contract.ts';
import { writeSnapshot } from '../pipeline/snapshot/write-snapshot.ts';
import { encodeCore } from '../pipeline/commit/slot-codec.ts';
import { NEWEST_BLOB_VERSION, emptySlot } from '../pipeline/fold/slot-state.ts';
import { kafkaClient } from '../pipeline/source/kafka-connection.ts';
import { KafkaTopic } from '../pipeline/source/kafka-topic.ts';
import { FolderSnapshotStore } from '../storage/folder/snapshot-store.ts';
import type { SlotId } from '../storage/ports.ts';
import { becomeSingleReader } from '../storage/postgres/single-reader.ts';
import { realDatabase } from '../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../storage/postgres/database.contract.ts';
import { PostgresRecordLog } from '../storage/postgres/record-log.ts';
import { PostgresStateStore } from '../storage/postgres/state-store.ts';
import { RedisStateStore } from '../storage/redis/state-store.ts';
import { aCommit, after, utf8 } from '../storage/slot-factory.contract.ts';
import type { StoredSnapshot } from '../storage/snapshot-ports.ts';
import { runWeir } from './run-weir.contract.ts';

const brokers = process.env['KAFKA_BROKERS'] ?? '';
if (brokers === '') throw new Error('KAFKA_BROKERS is missing: run these tests through npm test');
const connection = { brokers: brokers.split(','), clientId: 'weir-test', log: (): undefined => undefined };
const kafka = kafkaClient(connection);

let folder: string;
let database: TestDatabase;
let servers: ServerGroup;
let redisUrl: string;
let admin: Admin;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-state-'));
  database = await realDatabase('state_commands');
  servers = await openServerGroup();
  redisUrl = (await startRedis(servers))['REDIS_URL'] ?? '';
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  await servers.stop();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** The database of this file, as a URL: its schema is named in the connection. */
function databaseUrl(): string {
  const url = new URL(process.env['DATABASE_URL'] ?? '');
  const { options } = database.pool.options as { options?: string };
  url.searchParams.set('options', options ?? '');
  return url.href;
}

async function weir(args: string, env: Record<string, string>) {
  return runWeir(args.split(' '), {
    DATABASE_URL: databaseUrl(),
    SNAPSHOT_URL: join(folder, 'snapshots'),
    ...env,
  });
}

describe('weir state, embedded log and state in Postgres', () => {
  const slot: SlotId = { group: 'weir', topic: 'accounting', partition: 1 };
  let store: PostgresStateStore;
  let written: StoredSnapshot;

  beforeAll(async () => {
    const log = new PostgresRecordLog(database.pool, {
      topic: slot.topic,
      partitions: 2,
      simulatedTime: false,
      log: () => undefined,
    });
    await log.prepare();
    const entry = { key: null, value: utf8('x') };
    await log.append(Array.from({ length: 500 }, (_, i) => ({ ...entry, partition: i % 2 })));
    await log.close();
    store = new PostgresStateStore(database.pool);
  });

  beforeEach(async () => {
    await database.pool.query('truncate slot_state, slot_meta, slot_outbox, slot_row, slot_due, slot_value');
    await rm(join(folder, 'snapshots'), { recursive: true, force: true });
    const lease = await fillSlot(store, slot, 30);
    const settings = {
      partitionCount: 2,
      bucketCount: 40,
      defaultZone: 'UTC',
      acceptLatenessMs: 1,
      cycleCloseGraceMs: 1,
    };
    const core = { ...emptySlot(1, settings, 0), watermarkMs: Date.UTC(2025, 0, 2) };
    core.population = { subscribers: 11, openSessions: 7, throttled: 2 };
    const meta = [{ field: 'core', value: encodeCore(core) }];
    await store.commit(aCommit(slot, lease, { meta, position: 200 }));
    const snapshots = new FolderSnapshotStore(join(folder, 'snapshots'));
    const deps = { ...writerDeps(store), snapshots, stateVersion: NEWEST_BLOB_VERSION };
    const info = await writeSnapshot(deps, slot, after(lease));
    if (info === null) throw new Error('nothing was written');
    written = info;
  });

  it('shows a slot, and one that is empty', async () => {
    const shown = await weir('state show 1', {});
    expect(shown).toMatchObject({ code: 0, err: '' });
    for (const line of [
      'position     200',
      'watermark    2025-01-02T00:00:00.000Z',
      'subscribers  11, 2 throttled; 7 open sessions',
      'made for 2 partitions, 40 buckets',
      'outbox       3 not delivered',
      'due          30',
      'values       31,',
      'catalogue    1 plan, 1 policy, 1 nas',
    ]) {
      expect(shown.out).toContain(line);
    }
    expect((await weir('state show 0', {})).out).toContain('none: the slot is empty');
    expect(await weir('state show 2', {})).toMatchObject({
      code: 2,
      err: 'weir: there is no partition 2: they are 0 to 1\n',
    });
  });

  it('lists snapshots', async () => {
    const { out } = await weir('state snapshots', {});
    expect(out).toContain(`partition 1  position 200  2025-01-31T00:00:01.000Z`);
    expect(out).toContain(written.place);
    expect(JSON.parse((await weir('state snapshots --json', {})).out)).toEqual([written]);
  });

  it('rebuilds from the newest snapshot what is empty, and with --force what is not', async () => {
    const before = (await weir('state show 1', {})).out;
    const refused = await weir('state rebuild --partition 1', {});
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('holds state up to offset 200: add --force');
    await database.pool.query('delete from slot_state');
    const rebuilt = await weir('state rebuild --partition 1', {});
    expect(rebuilt).toMatchObject({ code: 0, err: '' });
    expect(rebuilt.out).toBe(
      `partition 1: restored from ${written.place} of 2025-01-31T00:00:01.000Z; position 200, 50 entries to replay\n`,
    );
    expect((await weir('state show 1', {})).out).toBe(before);
    expect((await weir('state rebuild --partition 1 --force', {})).code).toBe(0);
    expect((await weir('state show 1', {})).out).toBe(before);
  });

  it('does the others where one partition cannot be rebuilt', async () => {
    const { code, out, err } = await weir('state rebuild --force', {});
    expect(code).toBe(1);
    expect(err).toContain('partition 0: no snapshot for partition 0');
    expect(err).toContain('1 of 2 partitions not rebuilt');
    expect(out).toContain('partition 1: restored');
  });

  it('rebuilds from a file that lies anywhere, if it is whole and of that partition', async () => {
    const copy = join(folder, 'copy');
    const content: Buffer[] = [];
    for await (const chunk of new FolderSnapshotStore(join(folder, 'snapshots')).open(written)) {
      content.push(Buffer.from(chunk));
    }
    await writeFile(copy, Buffer.concat(content));
    expect((await weir(`state rebuild --snapshot ${copy} --force`, {})).out).toContain(
      `restored from ${copy}`,
    );
    expect((await weir(`state rebuild --snapshot ${copy} --partition 0`, {})).err).toContain(
      'is of partition 1',
    );
    await writeFile(copy, Buffer.concat(content).subarray(0, 100));
    expect((await weir(`state rebuild --snapshot ${copy} --force`, {})).err).toContain('cannot be used');
    expect((await weir('state rebuild --snapshot /nowhere', {})).err).toContain('/nowhere: there is none');
    expect(await weir(`state rebuild --snapshot ${copy} --from-log`, {})).toMatchObject({ code: 2 });
  });

  it('empties a partition for a replay of its log', async () => {
    const { code, out } = await weir('state rebuild --partition 1 --from-log --force', {});
    expect(code).toBe(0);
    expect(out).toBe('partition 1: emptied, it begins at the log; position 0, 250 entries to replay\n');
    expect((await store.readHead(slot)).position).toBeNull();
  });

  it('refuses while a worker reads the log', async () => {
    const release = await becomeSingleReader(database.pool);
    try {
      const refused = await weir('state rebuild --partition 1', {});
      expect(refused.code).toBe(1);
      expect(refused.err).toContain('a worker reads the embedded log: stop the workers first');
      const forced = await weir('state rebuild --partition 1 --force', {});
      expect(forced).toMatchObject({ code: 0 });
      expect(forced.err).toContain('stop the workers first');
    } finally {
      release();
    }
  });
});

describe('weir state, Kafka and Redis', () => {
  it('rebuilds what was lost by FLUSHALL, while nobody is in the group', async () => {
    const topic = `state-${String(process.pid)}-${String(Date.now())}`;
    const configEntries = [
      { name: 'retention.ms', value: '3600000' },
      { name: 'cleanup.policy', value: 'delete' },
    ];
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: Array.from({ length: 450 }, () => ({ value: 'x' })) });
    await producer.disconnect();
    const facts = new KafkaTopic(kafka, topic);
    const store = new RedisStateStore({ url: redisUrl, log: { warn: () => undefined } });
    const consumer = kafka.consumer({ groupId: topic });
    try {
      expect(await facts.retention()).toEqual({ ms: 3_600_000, bytes: null, compacted: false });
      await store.verify();
      const slot = { group: topic, topic, partition: 0 };
      const lease = await fillSlot(store, slot, 30);
      const snapshots = new FolderSnapshotStore(join(folder, 'kafka'));
      const deps = { ...writerDeps(store), snapshots, stateVersion: NEWEST_BLOB_VERSION };
      await writeSnapshot(deps, slot, lease);
      await store.close();
      const env = {
        KAFKA_BROKERS: brokers,
        KAFKA_TOPIC: topic,
        KAFKA_GROUP: topic,
        REDIS_URL: redisUrl,
        SNAPSHOT_URL: `file://${join(folder, 'kafka')}`,
      };
      await consumer.connect();
      await consumer.subscribe({ topic });
      await consumer.run({ eachMessage: () => Promise.resolve() });
      await waitUntil('the consumer is in its group', async () => (await facts.groupMembers(topic)) === 1, {
        timeoutMs: 60_000,
      });
      expect((await weir('state rebuild', env)).err).toContain(`the consumer group ${topic} has 1 member`);
      await consumer.disconnect();
      await flushAll();
      expect((await weir('state show 0', env)).out).toContain('the slot is empty');
      const rebuilt = await weir('state rebuild', env);
      expect(rebuilt).toMatchObject({ code: 0, err: '' });
      expect(rebuilt.out).toContain('position 200, 250 entries to replay');
      expect((await weir('state show 0', env)).out).toContain('values       31,');
    } finally {
      await consumer.disconnect();
      await facts.close();
    }
  });
});

async function flushAll(): Promise<void> {
  const raw = new Redis(redisUrl);
  try {
    await raw.flushall();
  } finally {
    raw.disconnect();
  }
}
