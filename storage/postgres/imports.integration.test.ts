import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

  it('forgets one whose file nobody reads any more', async () => {
    const imports = new PostgresImports(database.pool, 'EUR');
    await imports.begin({ importId: 'dead', kind: 'subscribers', dryRun: false, chunkRows: 2, by: 'ann' });
    const passHour = () =>
      database.pool.query(`update import_job set moved_at = moved_at - interval '61 minutes'`);
    await passHour();
    await imports.stage('dead', [{ record: 1, content: null, fault: 'x' }]);
    expect(await imports.remove('dead', 'ann')).toBe(false);
    await passHour();
    expect(await imports.remove('dead', 'ann')).toBe(true);
    expect(await imports.faults('dead', 0, 9)).toEqual([]);
  });

  it('names the content of one that was overtaken in the audit', async () => {
    const imports = new PostgresImports(database.pool, 'EUR');
    const hash = 'ab'.repeat(32);
    for (const importId of ['early', 'late']) {
      await imports.begin({ importId, kind: 'subscribers', dryRun: false, chunkRows: 2, by: 'ann' });
      await imports.read(importId, importId === 'early' ? hash : 'cd'.repeat(32), 3);
      await imports.become(importId, ['checking'], 'applying');
      await imports.become(importId, ['applying'], 'done');
    }
    await imports.remove('early', 'ann');
    const { rows } = await database.pool.query(
      `select content ->> 'contentHash' as hash from audit where subject = 'early' and action = 'import-forget'`,
    );
    expect(rows).toEqual([{ hash }]);
  });

  it('lets one of two that begin at once apply', async () => {
    const imports = new PostgresImports(database.pool, 'EUR');
    for (const importId of ['a', 'b'])
      await imports.begin({ importId, kind: 'subscribers', dryRun: false, chunkRows: 2, by: 'ann' });
    await imports.become('a', ['checking'], 'applying');
    // As it is where neither sees the other.
    await expect(
      database.pool.query(`update import_job set state = 'applying' where import_id = 'b'`),
    ).rejects.toMatchObject({ code: '23505' });
  });
});
