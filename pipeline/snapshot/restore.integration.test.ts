import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServerGroup } from '../../dev/processes/server-group.ts';
import type { ServerGroup } from '../../dev/processes/server-group.ts';
import { startRedis } from '../../dev/redis/server.ts';
import { FolderSnapshotStore } from '../../storage/folder/snapshot-store.ts';
import type { SlotId, StateStore } from '../../storage/ports.ts';
import { realDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresStateStore } from '../../storage/postgres/state-store.ts';
import { RedisStateStore } from '../../storage/redis/state-store.ts';
import { aSlot, viewOf } from '../../storage/slot-factory.contract.ts';
import { checkSnapshot } from './read-snapshot.ts';
import { rebuildPartition } from './rebuild.ts';
import { requireRebuilt } from './rebuilding.ts';
import { fillSlot, writerDeps } from './snapshot-factory.contract.ts';
import { writeSnapshot } from './write-snapshot.ts';

const VALUES = 20_000;
const LOG = { low: 0, high: 5_000 };

let folder: string;
let group: ServerGroup;
let redisUrl: string;
let database: TestDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-restore-'));
  group = await openServerGroup();
  // One of its own: everything in it is going to be lost.
  redisUrl = (await startRedis(group))['REDIS_URL'] ?? '';
  database = await realDatabase('snapshot_restore');
});

afterAll(async () => {
  await database.close();
  await group.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Equal for slots that hold the same, the outbox too. */
async function digestOf(store: StateStore, slot: SlotId): Promise<string> {
  const outbox = (await store.readOutbox(slot)).map(({ n, bytes }) => [
    n,
    Buffer.from(bytes).toString('hex'),
  ]);
  const view = await viewOf(store, slot);
  return createHash('sha256')
    .update(JSON.stringify([view, outbox]))
    .digest('hex');
}

/** Snapshot, loss, refusal where something is left, rebuild: the slot holds what it held. */
async function losesAndRebuilds(store: StateStore, lose: (slot: SlotId) => Promise<void>): Promise<void> {
  const snapshots = new FolderSnapshotStore(folder);
  const slot = aSlot({ partition: 2 });
  const lease = await fillSlot(store, slot, VALUES);
  const before = await digestOf(store, slot);
  const written = await writeSnapshot({ ...writerDeps(store), snapshots }, slot, lease);
  const deps = { store, snapshots, readsVersion: (version: number) => version === 1 };
  await expect(rebuildPartition(deps, slot, LOG, { kind: 'newest' }, { force: false })).rejects.toMatchObject(
    {
      code: 'conflict',
    },
  );
  await lose(slot);
  expect((await store.readHead(slot)).position).toBeNull();
  const report = await rebuildPartition(deps, slot, LOG, { kind: 'newest' }, { force: false });
  expect(report).toMatchObject({ snapshot: { place: written?.place }, position: written?.position });
  expect(await digestOf(store, slot)).toBe(before);
  requireRebuilt(slot, (await store.readHead(slot)).meta);
  await rebuildPartition(deps, slot, LOG, { kind: 'newest' }, { force: true });
  expect(await digestOf(store, slot)).toBe(before);
}

describe('a slot of 20,000 values', () => {
  it('comes back after FLUSHALL of Redis', async () => {
    const store = new RedisStateStore({ url: redisUrl, log: { warn: () => undefined } });
    const raw = new Redis(redisUrl);
    try {
      await store.verify();
      await losesAndRebuilds(store, async () => void (await raw.flushall()));
    } finally {
      raw.disconnect();
      await store.close();
    }
  });

  it('comes back after its rows in Postgres are gone', async () => {
    const { pool } = database;
    await losesAndRebuilds(new PostgresStateStore(pool), async () => {
      await pool.query('truncate slot_state, slot_meta, slot_outbox, slot_row, slot_due, slot_value');
    });
  });

  it('moves from one store to the other by its snapshot', async () => {
    const redis = new RedisStateStore({ url: redisUrl, log: { warn: () => undefined } });
    try {
      await redis.verify();
      const snapshots = new FolderSnapshotStore(folder);
      const slot = aSlot();
      const lease = await fillSlot(redis, slot, 3_000);
      const written = await writeSnapshot({ ...writerDeps(redis), snapshots }, slot, lease);
      const postgres = new PostgresStateStore(database.pool);
      const deps = { store: postgres, snapshots, readsVersion: () => true };
      await rebuildPartition(deps, slot, LOG, { kind: 'newest' }, { force: false });
      expect(await digestOf(postgres, slot)).toBe(await digestOf(redis, slot));
      const { counts } = await checkSnapshot(() =>
        snapshots.open(written ?? { slot, position: 0, takenAtMs: 0 }),
      );
      expect(counts.values).toBe(3_001);
    } finally {
      await redis.close();
    }
  });
});
