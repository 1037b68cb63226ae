import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresPolicyReports } from './policy-reports.ts';

let database: TestDatabase;
let reports: PostgresPolicyReports;

const at = (partition: number, base: string | null, position = 1) => ({
  partition,
  position,
  layout: 4,
  policies: { fup: { base, candidate: null } },
});

function tests(): void {
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.pool.query('truncate policy_report, policy_folder_report');
    reports = new PostgresPolicyReports(database.pool, 'weir', 'accounting');
  });

  async function age(seconds: number): Promise<void> {
    for (const table of ['policy_report', 'policy_folder_report'])
      await database.pool.query(`update ${table} set reported_at = reported_at - $1 * interval '1 second'`, [
        seconds,
      ]);
  }

  it('keeps what each reporter said last, by partition', async () => {
    await reports.report('a', [at(1, 'v1'), at(0, 'v1')]);
    await reports.report('b', [at(2, 'v1')]);
    await reports.report('a', [at(0, 'v2', 7), at(1, 'v1')]);
    expect(await reports.partitions()).toEqual([at(0, 'v2', 7), at(1, 'v1'), at(2, 'v1')]);
    await reports.report('a', []);
    expect(await reports.partitions()).toEqual([at(2, 'v1')]);
  });

  it('believes the newer of two that claim a partition', async () => {
    await reports.report('a', [at(0, 'v1')]);
    await age(30);
    await reports.report('b', [at(0, 'v2')]);
    expect(await reports.partitions()).toEqual([at(0, 'v2')]);
  });

  it('forgets who is silent for two minutes', async () => {
    await reports.report('a', [at(0, 'v1')]);
    await reports.reportFolder('a', { folder: '/p', files: 1, refused: [] });
    await age(119);
    expect(await reports.partitions()).toHaveLength(1);
    await age(2);
    expect(await reports.partitions()).toEqual([]);
    expect(await reports.folders()).toEqual([]);
    await age(3600);
    await reports.report('b', [at(1, 'v1')]);
    await reports.reportFolder('b', { folder: '/p', files: 1, refused: [] });
    for (const table of ['policy_report', 'policy_folder_report'])
      expect((await database.pool.query(`select from ${table}`)).rowCount).toBe(1);
  });

  it('keeps other groups and topics apart', async () => {
    const other = new PostgresPolicyReports(database.pool, 'weir', 'test');
    await reports.report('a', [at(0, 'v1')]);
    await other.report('a', [at(3, 'v1')]);
    expect(await reports.partitions()).toEqual([at(0, 'v1')]);
    expect(await other.partitions()).toEqual([at(3, 'v1')]);
  });

  it('takes who does not say a layout for one of the program before', async () => {
    await reports.report('a', [{ ...at(0, 'v1'), layout: 5 }, at(1, 'v1')]);
    await reports.report('a', [{ ...at(0, 'v1'), layout: 6 }, at(1, 'v1')]);
    await database.pool.query('update policy_report set layout = null where partition = 1');
    expect((await reports.partitions()).map(({ layout }) => layout)).toEqual([6, 4]);
  });

  it('keeps the last look of each process at its folder', async () => {
    const refused = [{ file: 'a.json', policyId: 'a', faults: ['a.json:1:2: no'] }];
    await reports.reportFolder('a', { folder: '/p', files: 2, refused });
    await reports.reportFolder('b', { folder: '/p', files: 2, refused: [] });
    await reports.reportFolder('b', { folder: '/p', files: 3, refused: [] });
    expect(await reports.folders()).toEqual([
      { folder: '/p', files: 2, refused },
      { folder: '/p', files: 3, refused: [] },
    ]);
  });
}

describe('policy reports in PostgreSQL', () => {
  beforeAll(async () => {
    database = await realDatabase('policy_reports');
  });
  tests();
});

describe('policy reports in the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  tests();
});
