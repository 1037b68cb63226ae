import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeadLetter } from '../../schemas/outcome.ts';
import { anIntent } from '../action-factory.contract.ts';
import { ledgerContract } from '../ledger.contract.ts';
import type { LedgerAction, SlotId, SlotMarks } from '../ports.ts';
import { ACTION_CHANNEL } from './ledger-statements.ts';
import { PostgresActionLedger } from './ledger.ts';
import { migrate } from './migrate.ts';
import { connectPostgres } from './pool.ts';

const SCHEMA = `ledger_${process.pid}`;
const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 0 };
const CHANGE = {
  subscriberId: 's-1',
  cycleStartMs: Date.UTC(2026, 0, 1),
  cycleEndMs: Date.UTC(2026, 1, 1),
  downBytes: 1,
  upBytes: -1,
  partition: 0,
  offset: 1,
};
const LETTER: DeadLetter = {
  topic: 'accounting',
  partition: 0,
  offset: 1,
  appendTimeMs: 0,
  reason: 'empty',
  detail: '',
  nasId: null,
  key: null,
  value: null,
};
const url = process.env['DATABASE_URL'];
if (url === undefined) throw new Error('DATABASE_URL is missing: run these tests through npm test');
const quiet = { warn: () => undefined };
let pool: pg.Pool;

beforeAll(async () => {
  const admin = await connectPostgres(url, quiet, { max: 1 });
  await admin.query(`create schema ${SCHEMA}`);
  await admin.end();
  pool = await connectPostgres(url, quiet, { schema: SCHEMA, max: 8 });
  await migrate(pool);
});

afterAll(async () => {
  await pool.query(`drop schema ${SCHEMA} cascade`);
  await pool.end();
});

const marks: SlotMarks = {
  raise: () => Promise.reject(new Error('the ledger raises it')),
  async read(slot) {
    const found = await pool.query<{ position: number }>(
      'select position from slot_mark where slot_group = $1 and topic = $2 and partition = $3',
      [slot.group, slot.topic, slot.partition],
    );
    return found.rows[0]?.position ?? null;
  },
};

ledgerContract(
  'Postgres',
  async () => {
    await pool.query('truncate action, slot_mark');
    return {
      ledger: new PostgresActionLedger(pool),
      second: new PostgresActionLedger(pool),
      marks,
      now: () => Date.now(),
      // The server's clock cannot be moved, so everything that waits for it is moved instead.
      async passTime(ms) {
        await pool.query(`update action set due_at = due_at - $1 * interval '1 millisecond'`, [ms]);
      },
    };
  },
  25,
);

describe('PostgresActionLedger', () => {
  it('inserts rows and mark together or not at all', async () => {
    await pool.query('truncate action, slot_mark');
    const ledger = new PostgresActionLedger(pool);
    await pool.query(`alter table slot_mark add constraint refuse check (position < 100)`);
    try {
      const refused = ledger.insert(SLOT, 100, {
        intents: [anIntent({ id: 'a' })],
        adjustments: [{ ...CHANGE, id: '0:1:0', reason: 'operator', serviceClass: '', detail: '' }],
        closedCycles: [{ ...CHANGE, planId: 'home', classes: [], adjustedDownBytes: 0, adjustedUpBytes: 0 }],
        deadLetters: [LETTER],
      });
      await expect(refused).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await ledger.recent(10)).toEqual([]);
      for (const table of ['usage_adjustment', 'closed_cycle', 'dead_letter']) {
        expect((await pool.query(`select 1 from ${table}`)).rowCount).toBe(0);
      }
    } finally {
      await pool.query('alter table slot_mark drop constraint refuse');
    }
  });

  it('wakes listeners when something is new, and only then', async () => {
    await pool.query('truncate action, slot_mark');
    const ledger = new PostgresActionLedger(pool);
    const listener = new pg.Client({ connectionString: url });
    await listener.connect();
    let woken = 0;
    listener.on('notification', () => (woken += 1));
    await listener.query(`listen ${ACTION_CHANNEL}`);
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    await ledger.insert(SLOT, 2, { intents: [] });
    // A round trip later everything sent before it has arrived.
    await listener.query('select 1');
    await listener.end();
    expect(woken).toBe(1);
  });

  it('delivers each action once and in order with four dispatchers and a writer at once', async () => {
    await pool.query('truncate action, slot_mark');
    const ledgers = Array.from({ length: 4 }, () => new PostgresActionLedger(pool));
    const sent = new Map<string, string[]>();
    let inserting = true;
    const insertAll = async (): Promise<void> => {
      const writer = new PostgresActionLedger(pool);
      for (let round = 0; round < 20; round++) {
        const batch = Array.from({ length: 100 }, (_, n) =>
          anIntent({
            id: `${String(round).padStart(2, '0')}-${n}`,
            kind: 'notify',
            subscriberId: `s-${n % 50}`,
          }),
        );
        await writer.insert(SLOT, round, { intents: batch });
      }
      inserting = false;
    };
    const dispatchAll = async (ledger: PostgresActionLedger, owner: string): Promise<void> => {
      for (;;) {
        const stop = !inserting;
        const claimed = await ledger.claim(owner, 16, 30_000);
        if (claimed.length === 0 && stop && (await ledger.counts()).sending === 0) return;
        for (const { intent } of claimed)
          sent.set(intent.subscriberId, [...(sent.get(intent.subscriberId) ?? []), intent.id]);
        const applied = await Promise.all(
          claimed.map(({ intent }) => ledger.settle(owner, intent.id, 'delivered', '')),
        );
        expect(applied.every(Boolean)).toBe(true);
      }
    };
    await Promise.all([insertAll(), ...ledgers.map((ledger, n) => dispatchAll(ledger, `d${n}`))]);
    expect([...sent.values()].flat()).toHaveLength(2_000);
    for (const [subscriber, ids] of sent) {
      const own = await ledgers[0]?.ofSubscriber(subscriber, 100);
      expect(ids).toEqual(own?.map((action: LedgerAction) => action.intent.id).reverse());
    }
  });

  it('leaves every action in the right state when answers and newer decisions cross', async () => {
    await pool.query('truncate action, slot_mark');
    const ledger = new PostgresActionLedger(pool);
    const writer = new PostgresActionLedger(pool);
    const subscribers = Array.from({ length: 40 }, (_, n) => `s-${n}`);
    for (let round = 0; round < 15; round++) {
      const intents = subscribers.map((subscriberId) =>
        anIntent({
          id: `${round}-${subscriberId}`,
          subscriberId,
          kind: round % 2 === 0 ? 'throttle' : 'restore',
        }),
      );
      const claimed = await ledger.claim('me', 100, 30_000);
      await Promise.all([
        writer.insert(SLOT, round, { intents: [...intents].reverse() }),
        ...claimed.map(({ intent }) =>
          ledger.settle('me', intent.id, 'pending', 'again', Date.now() + 3_600_000),
        ),
      ]);
    }
    // Whichever came first, no older action may stand before the newest for an hour.
    const last = await ledger.claim('me', 100, 30_000);
    expect(last.map(({ intent }) => intent.id).sort()).toEqual(subscribers.map((s) => `14-${s}`).sort());
    expect(await ledger.counts()).toMatchObject({ pending: 0, sending: 40, superseded: 14 * 40 });
  });

  it('looks rows up by index, however stale the statistics', async () => {
    const single = await connectPostgres(url, quiet, { schema: SCHEMA, max: 1 });
    try {
      await single.query('truncate action, slot_mark');
      await single.query(`
        insert into action (id, subscriber_id, kind, state, intent, due_at)
        select 'h' || n, 's' || n % 2000, 'throttle', 'delivered', '{}', null from generate_series(1, 20000) n`);
      await single.query('analyze action');
      const ledger = new PostgresActionLedger(single);
      const before = await rowsRead(single);
      for (let at = 0; at < 2_000; at += 100) {
        const batch = Array.from({ length: 100 }, (_, n) =>
          anIntent({ id: `a${at + n}`, subscriberId: `s${at + n}` }),
        );
        await ledger.insert(SLOT, at, { intents: batch });
      }
      // One look-up an action; 44,000 where the planner is left free.
      expect((await rowsRead(single)) - before).toBeLessThan(4_000);
      const inserted = await rowsRead(single);
      expect(await ledger.claim('me', 64, 30_000)).toHaveLength(64);
      expect((await rowsRead(single)) - inserted).toBeLessThan(1_000);
    } finally {
      await single.end();
    }
  });
});

/** Rows of the ledger that this connection's scans have read so far, by whatever way. */
async function rowsRead(single: pg.Pool): Promise<number> {
  await single.query('select pg_stat_force_next_flush()');
  const found = await single.query<{ rows: number }>(
    `select (t.seq_tup_read + (select sum(i.idx_tup_read) from pg_stat_user_indexes i where i.relid = t.relid))::float8
       as rows
     from pg_stat_user_tables t where t.relname = 'action' and t.schemaname = $1`,
    [SCHEMA],
  );
  return found.rows[0]?.rows ?? Number.NaN;
}
