import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { embeddedDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresImports } from '../../storage/postgres/imports.ts';
import { PostgresItemBook } from '../../storage/postgres/item-book.ts';
import { PostgresTariffReads } from '../../storage/postgres/tariff-reads.ts';
import { postgresTariffs } from '../../storage/postgres/tariff-store.ts';
import type { TariffReads, TariffStore } from '../../storage/tariff-ports.ts';
import type { ImportJob, ImportKind } from '../../storage/import-ports.ts';
import type { GivenFile } from './importer.ts';
import { Importer } from './importer.ts';

const NOW = Date.UTC(2026, 0, 10);

let database: TestDatabase;
let importer: Importer;
let store: TariffStore;
let imports: PostgresImports;

beforeAll(async () => {
  database = await embeddedDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  const { pool } = database;
  await pool.query(
    'truncate control_outbox, subscriber, account, plan, plan_version, import_job, audit, cycle cascade',
  );
  await pool.query(`insert into plan (plan_id) values ('home')`);
  await pool.query(`insert into plan_version (plan_id, version, content) values ('home', 1, '{}')`);
  imports = new PostgresImports(pool, 'EUR');
  store = postgresTariffs(pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' });
  importer = open();
});

function open(reads: Pick<TariffReads, 'outboxBacklog'> = new PostgresTariffReads(database.pool)): Importer {
  return new Importer({
    imports,
    store,
    reads,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    nowMs: () => NOW,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    limits: { maxBytes: 1_000_000, maxRecords: 10_000 },
    chunkRows: 3,
    backlog: 5000,
  });
}

function fileOf(lines: readonly string[], kind: ImportKind = 'subscribers'): GivenFile {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(lines.join('\n')));
  }
  return { kind, format: 'csv', dryRun: false, by: 'ann', mayGivePlans: true, bytes: bytes() };
}

async function take(kind: ImportKind, lines: readonly string[]): Promise<ImportJob> {
  const {
    job: { importId },
  } = await importer.take(fileOf(lines, kind));
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

it('refuses a file with a plan that somebody has another one beside, before anything of it is applied', async () => {
  await take('subscribers', people(7));
  const before = await take('assignments', ['subscriber_id,plan_id,from', 's5,home,2026-01-05T00:00:00Z']);
  expect(before.state).toBe('done');
  const job = await take('assignments', plans(7));
  expect(job).toMatchObject({ state: 'refused', rowsApplied: 0 });
  expect(await imports.faults(job.importId, 0, 9)).toEqual([
    { record: 5, fault: expect.stringContaining('overlaps with the plan home') as string },
  ]);
});

it('stops at a plan that somebody got meanwhile, all or none of its chunk, and goes on where it was', async () => {
  await take('subscribers', people(7));
  const apply = store.applyImport.bind(store);
  store.applyImport = async (importId, lines, context) => {
    if (lines[0]?.line === 4)
      await store.assign('s5', 'home', { at: 'now' }, false, { by: 'eve', atMs: NOW, reason: '' });
    await apply(importId, lines, context);
  };
  const job = await take('assignments', plans(7));
  store.applyImport = apply;
  expect(job).toMatchObject({ state: 'stopped', rowsApplied: 3 });
  expect(job.reason).toContain('records 4 to 6 did not go in');
  expect((await imports.faults(job.importId, 0, 9)).map(({ record }) => record)).toEqual([5]);
  expect((await profiles()).map(({ assignments }) => assignments.length)).toEqual([1, 1, 1, 0, 1, 0, 0]);
  await database.pool.query(`delete from assignment where from_at = to_timestamp(${NOW} / 1000.0)`);
  // As another process would, after this one.
  importer = open();
  await importer.resume(job.importId, 'bob');
  await importer.idle();
  expect(await imports.find(job.importId)).toMatchObject({ state: 'done', rowsApplied: 7 });
  expect((await profiles()).map(({ assignments }) => assignments.length)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect(await imports.faults(job.importId, 0, 9)).toEqual([]);
});

describe('what is stored stands against a plan of a file', () => {
  const plan = (line: string): Promise<ImportJob> =>
    take('assignments', ['subscriber_id,plan_id,from,to', line]);
  const faultsOf = async ({ importId }: ImportJob): Promise<string[]> =>
    (await imports.faults(importId, 0, 9)).map(({ fault }) => fault);
  const OPEN = 's1,home,2026-01-01T00:00:00Z,';
  beforeEach(() => take('subscribers', people(2)));

  it.each([
    ['an archived one', `update plan set archived_at = now()`, OPEN, 'archived'],
    ['one of who has left', `update subscriber set terminated_at = now()`, OPEN, 'terminated'],
    [
      'one of another currency',
      `insert into plan_version (plan_id, version, content, terms) values ('home', 2, '{}', '{"currency":"USD"}')`,
      OPEN,
      'currency',
    ],
    [
      'one in a cycle that is closed',
      `insert into cycle (subscriber_no, start_at, end_at, status)
       select subscriber_no, '2025-12-01', '2026-01-01', 'closed' from subscriber`,
      's1,home,2025-12-15T00:00:00Z,2025-12-20T00:00:00Z',
      'beyond-cycle',
    ],
    ['one that begins in years', 'select 1', 's1,home,2028-01-01T00:00:00Z,', '400 days'],
    ['one without a version', 'delete from plan_version', OPEN, 'no plan is called home'],
  ])('%s', async (_name, statement, line, fault) => {
    await database.pool.query(statement);
    const job = await plan(line);
    expect(job).toMatchObject({ state: 'refused', rowsApplied: 0 });
    expect(await faultsOf(job)).toEqual([expect.stringContaining(fault)]);
  });

  it('but not against what is there as it is given', async () => {
    expect((await plan(OPEN)).state).toBe('done');
    await database.pool.query('update plan set archived_at = now()');
    expect((await plan(`${OPEN}\ns2,home,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z`)).state).toBe('refused');
    await database.pool.query('update plan set archived_at = null');
    expect((await plan(`${OPEN}\ns2,home,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z`)).state).toBe('done');
  });
});

it('refuses names that belong to another subscriber, and an account of another currency', async () => {
  await take('subscribers', [
    'subscriber_id,zone,user_names,external_id',
    's1,UTC,anna,x-1',
    's2,UTC,bert,x-2',
    's5,UTC,dora,',
  ]);
  await database.pool.query(
    `insert into account (account_id, currency, anchor_day) values ('dear', 'USD', 1)`,
  );
  const job = await take('subscribers', [
    'subscriber_id,zone,user_names,external_id,account_id',
    's3,UTC,dora,x-3,',
    's4,UTC,carl,x-2,',
    's1,UTC,,,dear',
    's2,UTC,bert,,acct-s2',
  ]);
  expect(job.state).toBe('refused');
  expect(await imports.faults(job.importId, 0, 9)).toEqual([
    { record: 1, fault: 'the user name dora is that of s5' },
    { record: 2, fault: 'the external id is that of s2' },
    { record: 3, fault: expect.stringContaining('currency: the account dear is charged in USD') as string },
  ]);
});

it('brings subscribers in with a plan each, told of once', async () => {
  const lines = (plan: string): string[] => [
    'subscriber_id,zone,plan,plan_from,plan_to',
    ...numbers(4).map((n) => `s${n},UTC,${n === 3 ? plan : 'home'},2026-01-01T00:00:00Z,`),
    's5,UTC,,,',
  ];
  const refused = await take('subscribers', lines('none'));
  expect(refused.state).toBe('refused');
  expect(await imports.faults(refused.importId, 0, 9)).toEqual([
    { record: 3, fault: 'no plan is called none' },
  ]);
  expect(await take('subscribers', lines('home'))).toMatchObject({ state: 'done', rowsApplied: 5 });
  const plan = { planId: 'home', fromMs: Date.UTC(2026, 0, 1), toMs: null };
  expect((await profiles()).map(({ assignments }) => assignments)).toEqual([
    [plan],
    [plan],
    [plan],
    [plan],
    [],
  ]);
  expect((await database.pool.query('select from control_outbox')).rowCount).toBe(5);
  const again = await take('subscribers', [...lines('home'), 's1000,UTC,home,2026-01-01T00:00:00Z,']);
  expect(again.state).toBe('done');
  const other = await take('subscribers', [lines('')[0] ?? '', 's1,UTC,home,2025-12-01T00:00:00Z,']);
  expect(other.state).toBe('refused');
});

it('leaves what a file does not say as it is', async () => {
  await database.pool.query(
    `insert into account (account_id, currency, anchor_day) values ('firm', 'EUR', 7)`,
  );
  await take('subscribers', [
    'subscriber_id,zone,account_id,segment,tags,external_id,overage_consent,user_names',
    's1,UTC,firm,business,a;b,x-1,true,anna',
  ]);
  const rows = async (): Promise<unknown> => new PostgresTariffReads(database.pool).rows('s1');
  const before = await rows();
  expect(await take('subscribers', ['subscriber_id,zone', 's1,Europe/Vienna'])).toMatchObject({
    state: 'done',
  });
  expect(await rows()).toEqual({ ...(before as object), zone: 'Europe/Vienna', revision: 2 });
  // An empty cell says that there is none.
  await take('subscribers', [
    'subscriber_id,zone,external_id,segment,tags,user_names,account_id',
    's1,UTC,,,,,',
  ]);
  expect(await rows()).toMatchObject({
    ...{ externalId: null, segment: '', tags: [], credentials: [], overageConsent: true },
    account: { accountId: 'firm' },
  });
});

it('tells the audit log of each chunk, in its transaction, and of who had it done', async () => {
  const { importId } = await take('subscribers', people(4));
  await imports.remove(importId, 'bob');
  const { rows } = await database.pool.query<{
    who: string;
    action: string;
    subject: string;
    content: object;
  }>('select who, action, subject, content from audit order by id');
  const job = {
    kind: 'subscribers',
    records: 4,
    contentHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  };
  expect(rows.map(({ who, action, content }) => [who, action, content])).toEqual([
    ['ann', 'import', { ...job, applied: 0 }],
    ['ann', 'import-chunk', { fromRecord: 1, toRecord: 3, subscribers: 3 }],
    ['ann', 'import-chunk', { fromRecord: 4, toRecord: 4, subscribers: 1 }],
    ['bob', 'import-forget', { ...job, applied: 4 }],
  ]);
  expect(new Set(rows.map(({ subject }) => subject))).toEqual(new Set([importId]));
});

it('goes in once where two processes go on with it at once', async () => {
  // Ends before its first chunk.
  const dead = open({ outboxBacklog: () => Promise.resolve(5001) });
  const {
    job: { importId },
  } = await dead.take(fileOf(people(7)));
  await dead.stop();
  const both = [open(), open()];
  await Promise.all(both.map((one) => one.resume(importId, 'bob')));
  await Promise.all(both.map((one) => one.idle()));
  expect(await imports.find(importId)).toMatchObject({ state: 'done', rowsApplied: 7 });
  const counts = await database.pool.query<{ told: number; chunks: number; people: number }>(
    `select (select count(*)::int from control_outbox) as told, (select count(*)::int from subscriber) as people,
       (select count(*)::int from audit where action = 'import-chunk') as chunks`,
  );
  expect(counts.rows).toEqual([{ told: 7, people: 7, chunks: 3 }]);
});

it('applies the same file once', async () => {
  const first = await take('subscribers', people(4));
  const again = await take('subscribers', people(4));
  expect(again.importId).toBe(first.importId);
  expect((await database.pool.query('select from control_outbox')).rowCount).toBe(4);
});
