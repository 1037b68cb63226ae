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
  imports = new PostgresImports(database.pool, 'EUR');
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
  const values = ['i', 0, 20_000, NOW, 'EUR'];
  const whole = await readWhole(pool, CHECK, values);
  // Plans are few.
  expect(whole.filter((table) => table !== 'plan_version')).toEqual([]);
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${CHECK}`, values);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  // Of the file too: it has as many lines.
  for (const index of ['subscriber_external', 'credential_name'])
    expect(plan, index).toContain(`using ${index} `);
  expect(plan.match(/using import_line_subscriber /g)).toHaveLength(2);
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

describe('a file that names another account', () => {
  beforeEach(() => apply(person('s1'), person('s2', { accountId: 'firm' }), person('s3')));
  const moved = [person('s1', { accountId: 'firm' }), person('s2', { accountId: 'firm' })];

  it('moves who has nothing that is charged', async () => {
    expect(await checked(moved)).toEqual([]);
    await apply(...moved);
  });

  it('is refused for who had a plan, and the chunk refuses it too', async () => {
    await apply({ subscriberId: 's1', planId: 'home', fromMs: 0, toMs: 1000 });
    expect(await checked(moved)).toEqual([expect.stringMatching(/^1: account: .* is moved by PUT/)]);
    await expect(apply(...moved)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^s1: account: /) as string,
    });
  });

  it('is refused for who has a plan in its profile alone', async () => {
    await database.pool.query('alter table subscriber disable trigger user');
    await database.pool.query(
      `update subscriber set account_id = null, profile = $1 where subscriber_id = 's1'`,
      [aProfile('s1')],
    );
    await database.pool.query('alter table subscriber enable trigger user');
    expect(await checked(moved)).toEqual([expect.stringMatching(/^1: account: /)]);
    await expect(apply(...moved)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('names that a file moves', () => {
  beforeEach(() =>
    apply(
      person('s1', { externalId: 'x1', ...named('anna') }),
      person('s2', { externalId: 'x2', ...named('bert') }),
      person('s3', { externalId: 'x3', ...named('carl') }),
    ),
  );

  it('are swapped within a chunk', async () => {
    const swap = [
      person('s1', { externalId: 'x2', ...named('bert') }),
      person('s2', { externalId: 'x1', ...named('anna') }),
    ];
    expect(await checked(swap)).toEqual([]);
    await apply(...swap);
    expect((await profileOf('s1'))?.userName).toBe('bert');
    expect((await profileOf('s2'))?.userName).toBe('anna');
    const found = await database.pool.query('select external_id from subscriber order by subscriber_id');
    expect(found.rows).toEqual(['x2', 'x1', 'x3'].map((id) => ({ external_id: id })));
  });

  it('go to a record of a later chunk, not to one of a chunk before', async () => {
    const taking = person('s4', { externalId: 'x1', ...named('anna') });
    const giving = person('s1', { externalId: null, ...named() });
    expect(await checked([giving, person('s5'), taking], 2)).toEqual([]);
    expect(await checked([taking, giving], 1)).toEqual(['1: the external id is that of s1']);
    // A record that says nothing of names gives none up.
    expect(await checked([person('s1'), taking])).toEqual(['2: the external id is that of s1']);
    expect(await checked([person('s1', named('dora')), person('s4', named('anna'))])).toEqual([]);
  });
});

it('finds a plan in another currency than that of the account that a record makes', async () => {
  const dear = terms('dear', { currency: 'USD' });
  await store.putPlanVersion(dear, BY);
  const plan = { planId: 'dear', fromMs: NOW, toMs: null };
  const fault = expect.stringMatching(
    /^\d: currency: the account is charged in EUR, the plan in USD/,
  ) as string;
  expect(await checked([person('s1', { plan }), person('s2', { accountId: 'new', plan })])).toEqual([
    fault,
    fault,
  ]);
  await database.pool.query(
    `insert into account (account_id, currency, anchor_day) values ('acct-s1', 'USD', 1), ('us', 'USD', 1)`,
  );
  expect(await checked([person('s1', { plan }), person('s2', { accountId: 'us', plan })])).toEqual([]);
});
