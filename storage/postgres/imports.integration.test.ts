import { afterAll, beforeAll, describe } from 'vitest';
import { importsContract } from '../imports.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresImports } from './imports.ts';

describe.each([
  ['Postgres', () => realDatabase('imports')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
    await database.pool.query(`
      insert into account (account_id, currency, anchor_day) values ('a', 'EUR', 1)`);
    await database.pool.query(
      `insert into subscriber (subscriber_id, profile, account_id) select 's' || n, '{}', 'a' from generate_series(1, 9) n`,
    );
    await database.pool.query(`insert into plan (plan_id) values ('home') on conflict do nothing`);
    await database.pool.query(
      `insert into plan_version (plan_id, version, content) values ('home', 1, '{}')`,
    );
  });
  afterAll(() => database.close());

  importsContract(name, async () => {
    await database.pool.query('truncate import_job cascade');
    return new PostgresImports(database.pool, 'EUR');
  });
});
