import { afterAll, beforeAll, describe } from 'vitest';
import { usageRecordsContract } from '../usage-records.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresActionLedger } from './ledger.ts';
import { PostgresUsageRecords } from './usage-records.ts';

describe.each([
  ['Postgres', () => realDatabase('usage_records')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  usageRecordsContract(name, async () => {
    await database.pool.query('truncate usage_adjustment, closed_cycle');
    return {
      ledger: new PostgresActionLedger(database.pool),
      records: new PostgresUsageRecords(database.pool),
    };
  });
});
