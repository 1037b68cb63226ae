import { afterAll, beforeAll, describe, it } from 'vitest';
import { embeddedDatabase } from '../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../storage/postgres/database.contract.ts';
import { PostgresBillingItems } from '../storage/postgres/billing-items.ts';
import { PostgresItemBook } from '../storage/postgres/item-book.ts';
import { PostgresSubjectExport } from '../storage/postgres/subject-export.ts';
import { PostgresTariffReads } from '../storage/postgres/tariff-reads.ts';
import { postgresTariffs } from '../storage/postgres/tariff-store.ts';
import { PostgresUsageRecords } from '../storage/postgres/usage-records.ts';
import type { TariffStore } from '../storage/tariff-ports.ts';
import { routesOf, sendAnything } from './route-fuzz.contract.ts';
import { account, NOW_MS, planTerms } from './tariff-factory.contract.ts';
import { memoryTariffs } from './tariff-memory.contract.ts';
import { tariffApi } from './tariff-rig.contract.ts';

/** Requests of each route; WEIR_TEST_RUNS raises it. */
const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 40);

/** What is stored, by the names of fields and parameters. */
const KNOWN = {
  ...{ id: ['s1', 's2'], subscriberId: ['s1', 's2'], planId: ['fibre', 'basic'], accountId: ['a1', 'a2'] },
  ...{ addOnId: ['more'], poolId: ['p1', 'p2'], billTo: ['s1'], productId: ['extra-5'], currency: ['EUR'] },
  ...{ holdId: ['1', '2'], addOnAssignmentId: ['1', '2'], zone: ['UTC', 'Australia/Lord_Howe'] },
  ...{ at: ['now', 'cycle-end', new Date(NOW_MS + 86_400_000).toISOString()], userName: ['ann', 'bob'] },
  ...{ 'if-match': ['*', '"1"', '"2"'], 'idempotency-key': ['k1', 'k2', 'k3', 'k4', 'k5', 'k6'] },
};

/** Routes of tariffs: of others the store is another. */
const PATHS = /^\/v1\/(plans|add-ons|accounts|subscribers|pools|cycles)/;

let database: TestDatabase;
let rig: Awaited<ReturnType<typeof tariffApi>>;

beforeAll(async () => {
  database = await embeddedDatabase();
  const { pool } = database;
  const store = postgresTariffs(pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' });
  await seed(store);
  rig = await tariffApi({
    ...memoryTariffs(),
    store,
    reads: new PostgresTariffReads(pool),
    exports: new PostgresSubjectExport(pool),
    records: new PostgresUsageRecords(pool),
    items: new PostgresBillingItems(pool),
  });
}, 120_000);

afterAll(() => database.close());

/** Two of everything. */
async function seed(store: TariffStore): Promise<void> {
  const context = { by: 'seed', atMs: NOW_MS, reason: '' };
  for (const planId of ['fibre', 'basic']) await store.putPlanVersion(planTerms({ planId }), context);
  await store.putAddOnVersion(
    {
      ...{ addOnId: 'more', version: 1, name: 'More', currency: 'EUR', feeMinor: 500, when: 'advance' },
      ...{ capBytes: 1, prorated: true, effectiveFromMs: 0 },
    },
    context,
  );
  for (const n of [1, 2]) {
    const {
      revision: _,
      cycleChanges: _changes,
      ...given
    } = account({ accountId: `a${n}`, billingRef: null });
    await store.putAccount(given, context);
    await store.putSubscriber(
      {
        ...{
          subscriberId: `s${n}`,
          accountId: `a${n}`,
          externalId: null,
          segment: '',
          tags: [],
          zone: 'UTC',
        },
        ...{ overageConsent: true, credentials: [] },
      },
      context,
    );
    await store.putPool(
      {
        ...{ poolId: `p${n}`, allowanceBytes: 5, zone: 'UTC', anchorDay: 1, segment: '', planId: null },
        ...{ overageConsent: false, billTo: 's1' },
      },
      context,
    );
  }
}

describe('every route of tariffs over Postgres', () => {
  it('answers anything that is sent as its document says, and never by a fault of its own', async () => {
    const routes = routesOf(rig.app).filter(({ path }) => PATHS.test(path));
    // Twice: the second time there is more to run into.
    for (const route of [...routes, ...routes]) await sendAnything(rig.ask, route, RUNS / 2, KNOWN);
  }, 400_000);
});
