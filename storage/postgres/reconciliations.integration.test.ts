import { afterAll, beforeAll, describe } from 'vitest';
import { reconciliationsContract } from '../reconciliations.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresReconciliations } from './reconciliations.ts';

describe.each([
  ['Postgres', () => realDatabase('reconciliations')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  reconciliationsContract(name, async () => {
    await database.pool.query('truncate reconciliation cascade');
    return new PostgresReconciliations(database.pool);
  });
});
