import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { embeddedDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresImports } from '../../storage/postgres/imports.ts';
import { PostgresItemBook } from '../../storage/postgres/item-book.ts';
import { PostgresTariffReads } from '../../storage/postgres/tariff-reads.ts';
import { postgresTariffs } from '../../storage/postgres/tariff-store.ts';
import type { ImportJob, ImportKind } from '../../storage/import-ports.ts';
import { Importer } from './importer.ts';

const NOW = Date.UTC(2026, 0, 10);

let database: TestDatabase;
let importer: Importer;
let imports: PostgresImports;

beforeAll(async () => {
  database = await embeddedDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  const { pool } = database;
  await pool.query('truncate control_outbox, subscriber, account, plan, plan_version, import_job cascade');
  await pool.query(`insert into plan (plan_id) values ('home')`);
  await pool.query(`insert into plan_version (plan_id, version, content) values ('home', 1, '{}')`);
  imports = new PostgresImports(pool);
  importer = open();
});

function open(chunkRows = 3): Importer {
  const { pool } = database;
  return new Importer({
    imports,
    store: postgresTariffs(pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' }),
    reads: new PostgresTariffReads(pool),
    log: { info: () => undefined, error: () => undefined },
    nowMs: () => NOW,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    limits: { maxBytes: 1_000_000, maxRecords: 10_000 },
    chunkRows,
    backlog: 5000,
  });
}

async function take(kind: ImportKind, lines: readonly string[]): Promise<ImportJob> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(lines.join('\n')));
  }
  const { importId } = await importer.take({ kind, format: 'csv', dryRun: false, by: 'ann', bytes: bytes() });
  await importer.idle();
  const job = await imports.find(importId);
  if (job === null) throw new Error('the import is gone');
  return job;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
const people = (count: number): string[] => [
  'subscriber_id,zone,user_names',
  ...numbers(count).map((n) => `s${n},Europe/Berlin,user${n}`),
];
const plans = (count: number): string[] => [
  'subscriber_id,plan_id,from',
  ...numbers(count).map((n) => `s${n},home,2026-01-01T00:00:00Z`),
];

async function profiles(): Promise<SubscriberProfile[]> {
  const found = await database.pool.query<{ profile: SubscriberProfile }>(
    'select profile from subscriber order by subscriber_no',
  );
  return found.rows.map(({ profile }) => profile);
}

it('brings subscribers and their plans to the profiles and into the log', async () => {
  expect(await take('subscribers', people(7))).toMatchObject({ state: 'done', rowsApplied: 7 });
  expect(await take('assignments', plans(7))).toMatchObject({ state: 'done', rowsApplied: 7 });
  const found = await profiles();
  expect(found.map(({ subscriberId, userName }) => [subscriberId, userName])).toEqual(
    numbers(7).map((n) => [`s${n}`, `user${n}`]),
  );
  for (const { zone, assignments } of found) {
    expect(zone).toBe('Europe/Berlin');
    expect(assignments).toEqual([{ planId: 'home', fromMs: Date.UTC(2026, 0, 1), toMs: null }]);
  }
  const told = await database.pool.query('select from control_outbox');
  expect(told.rowCount).toBe(14);
});

it('refuses a file that names who is not there, before anything of it is applied', async () => {
  await take('subscribers', people(4));
  const job = await take('assignments', plans(5));
  expect(job).toMatchObject({ state: 'refused', rowsApplied: 0 });
  expect(await imports.faults(job.importId, 0, 9)).toEqual([
    { record: 5, fault: 'no subscriber is called s5' },
  ]);
  expect((await profiles()).every(({ assignments }) => assignments.length === 0)).toBe(true);
});

it('stops at a plan that somebody has already, all or none of its chunk, and goes on where it was', async () => {
  await take('subscribers', people(7));
  const before = await take('assignments', ['subscriber_id,plan_id,from', 's5,home,2026-01-05T00:00:00Z']);
  expect(before.state).toBe('done');
  const job = await take('assignments', plans(7));
  expect(job).toMatchObject({ state: 'stopped', rowsApplied: 3 });
  expect((await imports.faults(job.importId, 0, 9)).map(({ record }) => record)).toEqual([4]);
  expect((await profiles()).map(({ assignments }) => assignments.length)).toEqual([1, 1, 1, 0, 1, 0, 0]);
  await database.pool.query(`delete from assignment where from_at = '2026-01-05T00:00:00Z'`);
  // As another process would, after this one.
  importer = open();
  await importer.resume(job.importId, 'bob');
  await importer.idle();
  expect(await imports.find(job.importId)).toMatchObject({ state: 'done', rowsApplied: 7 });
  expect((await profiles()).map(({ assignments }) => assignments.length)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect(await imports.faults(job.importId, 0, 9)).toEqual([]);
});

it('applies the same file once', async () => {
  const first = await take('subscribers', people(4));
  const again = await take('subscribers', people(4));
  expect(again.importId).toBe(first.importId);
  expect((await database.pool.query('select from control_outbox')).rowCount).toBe(4);
});
