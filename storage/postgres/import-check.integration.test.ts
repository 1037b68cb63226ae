import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { aProfile } from '../profile-factory.contract.ts';
import { terms } from '../tariff-given.contract.ts';
import type { ImportLine, TariffStore } from '../tariff-ports.ts';
import { embeddedDatabase, readWhole } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { CHECK } from './import-check.ts';
import { PostgresImports } from './imports.ts';
import { PostgresItemBook } from './item-book.ts';
import { postgresTariffs } from './tariff-store.ts';

const NOW = Date.UTC(2026, 0, 10);
const BY = { by: 'ann', atMs: NOW, reason: '' };

let database: TestDatabase;
let store: TariffStore;
let imports: PostgresImports;

beforeAll(async () => {
  database = await embeddedDatabase();
  imports = new PostgresImports(database.pool);
  store = postgresTariffs(database.pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' });
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query(
    'truncate control_outbox, subscriber, account, plan, plan_version, import_job, audit, cycle cascade',
  );
  await store.putPlanVersion(terms('home'), BY);
});

type Content = ImportLine['content'];
const linesOf = (contents: readonly Content[]): ImportLine[] =>
  contents.map((content, i) => ({ line: i + 1, content }));
const person = (subscriberId: string, more: object = {}): Content => ({ subscriberId, zone: 'UTC', ...more });
const named = (...userNames: string[]): object => ({
  credentials: userNames.map((userName) => ({ userName, fromMs: 0, toMs: null })),
});
const apply = (...contents: Content[]): Promise<void> => store.applyImport('none', linesOf(contents), BY);

/** What stands against records of one file. */
async function checked(contents: readonly Content[], chunkRows = 2000): Promise<string[]> {
  await database.pool.query('truncate import_job cascade');
  await imports.begin({ importId: 'i', kind: 'subscribers', dryRun: false, chunkRows, by: 'ann' });
  await imports.stage(
    'i',
    contents.map((content, i) => ({ record: i + 1, content, fault: null })),
  );
  await imports.check('i', NOW, 0, contents.length);
  return (await imports.faults('i', 0, 99)).map(({ record, fault }) => `${record}: ${fault}`);
}

async function profileOf(subscriberId: string): Promise<SubscriberProfile | undefined> {
  const found = await database.pool.query<{ profile: SubscriberProfile }>(
    'select profile from subscriber where subscriber_id = $1',
    [subscriberId],
  );
  return found.rows[0]?.profile;
}

it('asks for what is stored by indexes, however much there is of it', async () => {
  const { pool } = database;
  await pool.query(`
    insert into subscriber (subscriber_id, profile, external_id)
      select 's' || n, '{}', 'x' || n from generate_series(1, 3000) n;
    insert into credential (subscriber_no, user_name, from_at, exclusive)
      select subscriber_no, subscriber_id, 'epoch', true from subscriber;
    analyze subscriber; analyze credential; analyze account; analyze assignment; analyze cycle`);
  const whole = await readWhole(pool, CHECK, ['i', 0, 20_000, NOW]);
  // Plans are few.
  expect(whole.filter((table) => table !== 'plan_version')).toEqual([]);
});

describe('what the program before wrote and nobody took apart', () => {
  const profile = aProfile('s1', {
    segment: 'gold',
    assignments: [{ planId: 'home', fromMs: 0, toMs: NOW }],
    topUps: [{ id: 't', bytes: 5, fromMs: 0, expiresMs: NOW + 1 }],
    carryOverBytes: 7,
  });
  beforeEach(async () => {
    const { pool } = database;
    await pool.query('alter table subscriber disable trigger user');
    await pool.query('insert into subscriber (subscriber_id, profile) values ($1, $2)', ['s1', profile]);
    await pool.query('alter table subscriber enable trigger user');
  });

  it('stays where a file changes it', async () => {
    await apply(person('s1', { zone: 'Asia/Tokyo' }));
    expect(await profileOf('s1')).toMatchObject({ ...profile, zone: 'Asia/Tokyo' });
  });

  it('stays where a file gives it a plan', async () => {
    await apply({ subscriberId: 's1', planId: 'home', fromMs: NOW, toMs: null });
    const assignments = [...profile.assignments, { planId: 'home', fromMs: NOW, toMs: null }];
    expect(await profileOf('s1')).toMatchObject({ ...profile, assignments });
  });
});
