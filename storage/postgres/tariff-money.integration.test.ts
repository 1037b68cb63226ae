import type pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import type { BillingItem } from '../../schemas/billing.ts';
import type { SlotId } from '../ports.ts';
import { tariffMoneyContract } from '../tariff-money.contract.ts';
import type { MoneyFixture } from '../money-fixture.contract.ts';
import type { CycleRow } from '../tariff-ports.ts';
import { CycleClose } from './cycle-close.ts';
import { PostgresCycleKeeping } from './cycle-keeping.ts';
import { embeddedDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresItemBook } from './item-book.ts';
import { ITEM_COLUMNS } from './item-rows.ts';
import { PostgresActionLedger } from './ledger.ts';
import { readRow } from './tariff-rows.ts';
import { postgresTariffs } from './tariff-store.ts';

const RUNS = 20;
const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 0 };
const TABLES = `control_outbox, subscriber, account, plan, plan_version, add_on_version, billing_item, audit, cycle, closed_cycle,
  usage_adjustment, slot_mark, idempotency`;

const ITEMS = `select ${ITEM_COLUMNS} from billing_item i where subscriber_id = $1 order by seq`;
const CYCLES = `
  select s.subscriber_id as "subscriberId", (extract(epoch from c.start_at) * 1000)::float8 as "startMs",
    (extract(epoch from c.end_at) * 1000)::float8 as "endMs", c.status,
    (extract(epoch from c.closed_at) * 1000)::float8 as "closedMs", c.terms_differ as "termsDiffer"
  from cycle c join subscriber s using (subscriber_no) where s.subscriber_id = $1 order by c.start_at`;

async function opened(pool: pg.Pool): Promise<MoneyFixture> {
  await pool.query(`truncate ${TABLES} cascade`);
  const onFault = (error: unknown): void => {
    throw error;
  };
  const ledger = new PostgresActionLedger(pool, Date.now, new CycleClose(onFault));
  const keeping = new PostgresCycleKeeping(pool, { onFault });
  let position = 0;
  return {
    store: postgresTariffs(pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' }),
    rows: async (id) => (await readRow(pool, id))?.rows ?? null,
    items: async (id) => (await pool.query<BillingItem>(ITEMS, [id])).rows,
    cycles: async (id) => (await pool.query<CycleRow>(CYCLES, [id])).rows,
    async close(closedCycles, adjustments) {
      position += 1;
      await ledger.insert(SLOT, position, { closedCycles: [...closedCycles], adjustments: [...adjustments] });
    },
    async begun(nowMs) {
      while ((await keeping.begun(nowMs, 100)) > 0);
    },
    async closeUntold(beforeMs) {
      while ((await keeping.closeUntold(beforeMs, 100)) > 0);
    },
    reopened: () => opened(pool),
  };
}

describe('PGlite', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  afterAll(() => database.close());

  tariffMoneyContract('PGlite', RUNS, () => opened(database.pool));
});
