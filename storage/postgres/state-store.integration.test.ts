import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerDroppingProxy } from '../answer-dropping-proxy.contract.ts';
import { aCommit, aSlot, after, utf8, viewOf } from '../slot-factory.contract.ts';
import { slotMarksContract } from '../slot-marks.contract.ts';
import { stateStoreModel } from '../state-store-model.contract.ts';
import { stateStoreContract } from '../state-store.contract.ts';
import { embeddedDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { migrate } from './migrate.ts';
import { connectPostgres } from './pool.ts';
import { postgresStateFixture } from './slot-copy.contract.ts';
import { PostgresSlotMarks } from './slot-marks.ts';
import { PostgresStateStore } from './state-store.ts';

const url = process.env['DATABASE_URL'];
if (url === undefined) throw new Error('DATABASE_URL is missing: run these tests through npm test');
const SCHEMA = `state_${String(process.pid)}`;
const quiet = { warn: () => undefined };

describe('a server', () => {
  let pool: pg.Pool;
  beforeAll(async () => {
    const admin = await connectPostgres(url, quiet, { max: 1 });
    await admin.query(`create schema ${SCHEMA}`);
    await admin.end();
    pool = await connectPostgres(url, quiet, { schema: SCHEMA, max: 4 });
    await migrate(pool);
  });
  afterAll(async () => {
    await pool.query(`drop schema ${SCHEMA} cascade`);
    await pool.end();
  });

  stateStoreContract('Postgres', async () => postgresStateFixture(pool));
  stateStoreModel(() => new PostgresStateStore(pool), 40);
  slotMarksContract('Postgres', () => new PostgresSlotMarks(pool));

  it('leaves nothing at all of a commit that failed half-way', async () => {
    const { store, breakHalfway } = postgresStateFixture(pool);
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const heal = await breakHalfway(slot);
    const values = [3, 7].map((bucket) => ({ bucket, field: 'a', value: utf8('v') }));
    const outbox = [{ n: 1, bytes: utf8('o') }];
    try {
      const failed = store.commit(aCommit(slot, lease, { values, outbox }));
      await expect(failed).rejects.toMatchObject({ code: 'invalid-input', retriable: false });
    } finally {
      await heal();
    }
    expect(await viewOf(store, slot)).toMatchObject({ position: null, values: [] });
    expect((await store.acquire(slot)).outbox).toEqual([]);
  });

  it('lets one of two commits with the same sequence number through', async () => {
    const store = new PostgresStateStore(pool);
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const results = await Promise.all([1, 2, 3].map(() => store.commit(aCommit(slot, lease))));
    expect(results.sort()).toEqual(['applied', 'rejected', 'rejected']);
  });

  it('gives owners that acquire at the same time an epoch each', async () => {
    const store = new PostgresStateStore(pool);
    const slot = aSlot();
    const heads = await Promise.all([1, 2, 3].map(() => store.acquire(slot)));
    expect(heads.map(({ lease }) => lease.epoch).sort()).toEqual([1, 2, 3]);
    const held = await Promise.all(heads.map(({ lease }) => store.holds(slot, lease)));
    expect(held.filter(Boolean)).toHaveLength(1);
  });

  it('reports an unknown outcome when the answer to COMMIT is lost, and answers already when asked again', async () => {
    const target = new URL(url);
    const proxy = await answerDroppingProxy(target.hostname, Number(target.port === '' ? 5432 : target.port));
    target.hostname = '127.0.0.1';
    target.port = String(proxy.port);
    const through = await connectPostgres(target.href, quiet, { schema: SCHEMA, max: 1 });
    try {
      const store = new PostgresStateStore(through);
      const slot = aSlot();
      const { lease } = await store.acquire(slot);
      const commit = aCommit(slot, lease, { values: [{ bucket: 1, field: 'a', value: utf8('v') }] });
      proxy.dropAnswerTo('commit\0');
      await expect(store.commit(commit)).rejects.toMatchObject({ code: 'store-unknown-outcome' });
      expect(await store.commit(commit)).toBe('already');
      proxy.dropAnswerTo('slot_value');
      const lost = aCommit(slot, after(lease), { values: [{ bucket: 1, field: 'a', value: utf8('w') }] });
      await expect(store.commit(lost)).rejects.toMatchObject({ code: 'unreachable', retriable: true });
      expect((await viewOf(store, slot)).values).toEqual(['[1,"a","v"]']);
      expect(await store.commit(lost)).toBe('applied');
    } finally {
      await through.end();
      await proxy.close();
    }
  });
});

describe('the embedded server', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  afterAll(() => database.close());

  stateStoreContract('PGlite', async () => postgresStateFixture(database.pool));
  stateStoreModel(() => new PostgresStateStore(database.pool), 10);
  slotMarksContract('PGlite', () => new PostgresSlotMarks(database.pool));
});
