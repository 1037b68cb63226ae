import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import type { ErrorCode } from '../../schemas/errors.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { migrate } from './migrate.ts';
import { postgresError } from './postgres-error.ts';

const SHIPPED = new URL('../migrations/postgres/', import.meta.url);
/** The last file of the release before tariffs. */
const BEFORE = '026_hold_and_boost.sql';

let database: TestDatabase;
let pool: pg.Pool;

/** What the release before writes, statement by statement; `n` makes keys of their own. */
const WRITES_BEFORE = (n: number): string[] => [
  `insert into plan_version (plan_id, version, content) values ('home-${n}', 1, '{}')`,
  `insert into subscriber (subscriber_id, profile) values ('old-${n}', '{}')
   on conflict (subscriber_id) do update set profile = excluded.profile`,
  `insert into billing_item (key, subscriber_id, type, amount_minor, currency, quantity, cycle_start, source)
   values ('block-${n}', 'old-${n}', 'overage', 5, 'EUR', 1, '2026-01-01', '{}'),
     ('buy-${n}', 'old-${n}', 'topup', 5, 'EUR', 1, '2026-01-01', '{}')`,
  `insert into api_key (id, name, key_hash, roles) values ('key-${n}', 'n', sha256('${n}'::bytea), '{viewer}')`,
  `insert into policy_report (slot_group, topic, reporter, partition, position, in_force)
   values ('weir', 't', 'r', ${n}, 0, '{}')`,
];

/** Brings the release before and what it wrote up to date. */
async function migrateFromBefore(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-migrations-'));
  try {
    for (const name of (await readdir(SHIPPED)).filter((file) => file.endsWith('.sql') && file <= BEFORE))
      await cp(new URL(name, SHIPPED), join(folder, name));
    await migrate(pool, pathToFileURL(`${folder}/`));
    for (const statement of WRITES_BEFORE(1)) await pool.query(statement);
    await migrate(pool, pathToFileURL(`${fileURLToPath(SHIPPED)}/`));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const NUMBER = `(select min(subscriber_no) from subscriber)`;
const WITHIN = `'2026-01-15', '2026-02-15'`;

/** Rows that the refusals below run into. */
const STANDING = [
  `insert into account (account_id, currency, anchor_day) values ('a-1', 'EUR', 1)`,
  `update subscriber set external_id = 'crm-1' where subscriber_id = 'old-1'`,
  `insert into credential values (${NUMBER}, 'ann', '2026-01-01', null, true)`,
  `insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
   values (${NUMBER}, 'home-1', '2026-01-01', '2026-02-01', 'api')`,
  `insert into add_on_assignment (subscriber_no, add_on_id, from_at) values (${NUMBER}, 'tv', '2026-01-01')`,
  `insert into top_up (top_up_id, subscriber_no, kind, bytes, from_at, expires_at, source)
   values ('t-1', ${NUMBER}, 'bytes', 5, ${WITHIN}, 'api')`,
  `insert into hold (subscriber_no, kind, from_at, source) values (${NUMBER}, 'fraud', '2026-01-01', 'api')`,
  `insert into pool_member (subscriber_no, pool_id, from_at, source) values (${NUMBER}, 'p', '2026-01-01', 'api')`,
  `insert into plan_version (plan_id, version, content, effective_from) values ('dated', 1, '{}', '2026-01-01')`,
  `update plan_version set terms = '{"currency": "EUR"}' where plan_id = 'dated'`,
  `insert into add_on_version (add_on_id, version, content, effective_from) values ('tv', 1, '{}', '2026-01-01')`,
  `insert into cycle (subscriber_no, start_at, end_at) values (${NUMBER}, '2026-01-01', '2026-02-01')`,
  `insert into invoice_delivery (key) values ('block-1')`,
  `insert into job_run (name, leader) values ('trim', 'x')`,
];

const anItem = (change: string) =>
  `insert into billing_item (key, subscriber_id, account_id, tax_class, line, type, amount_minor, currency, quantity,
     cycle_start, source, period_from, period_to)
   select 'k', 's', 'a', 'standard', 'plan:p', 'recurring', 5, 'EUR', 1, '2026-01-01', '{}', ${change}`;
const aTopUp = (values: string) =>
  `insert into top_up (top_up_id, subscriber_no, pool_id, kind, bytes, down_bps, from_at, expires_at, source)
   select 'x', ${values}, 'api'`;

/** What the database itself refuses. */
const REFUSED: [name: string, statement: string, sqlState: string][] = [
  [
    'an account in no currency',
    `insert into account (account_id, currency, anchor_day) values ('x', 'eur', 1)`,
    '23514',
  ],
  [
    'an account twice',
    `insert into account (account_id, currency, anchor_day) values ('a-1', 'EUR', 1)`,
    '23505',
  ],
  ['monthly without a day', `insert into account (account_id, currency) values ('x', 'EUR')`, '23514'],
  [
    'weekly without a weekday',
    `insert into account (account_id, currency, cycle_kind, anchor_day) values ('x', 'EUR', 'week', 1)`,
    '23514',
  ],
  [
    'every so many days from nowhere',
    `insert into account (account_id, currency, cycle_kind, cycle_days) values ('x', 'EUR', 'days', 28)`,
    '23514',
  ],
  [
    'longer cycles than months',
    `insert into account (account_id, currency, cycle_kind, cycle_days, cycle_from)
     values ('x', 'EUR', 'days', 32, '2026-01-01')`,
    '23514',
  ],
  [
    'a change to longer ones',
    `insert into account_cycle_change (account_id, from_at, cycle_kind, cycle_days, cycle_from, source)
     values ('a-1', now(), 'days', 32, '2026-01-01', 'api')`,
    '23514',
  ],
  [
    'a change to a cycle without a day',
    `insert into account_cycle_change (account_id, from_at, cycle_kind, source) values ('a-1', now(), 'month', 'api')`,
    '23514',
  ],
  [
    'a change of nobody',
    `insert into account_cycle_change (account_id, from_at, cycle_kind, anchor_day, source)
     values ('nobody', now(), 'month', 1, 'api')`,
    '23503',
  ],
  [
    'an external id twice',
    `insert into subscriber (subscriber_id, profile, external_id) values ('x', '{}', 'crm-1')`,
    '23505',
  ],
  ['a name of two services at once', `insert into credential values (0, 'ann', ${WITHIN}, true)`, '23P01'],
  ['a name of nobody', `insert into credential values (0, 'bob', ${WITHIN}, true)`, '23503'],
  [
    'two plans at once',
    `insert into assignment (subscriber_no, plan_id, from_at, to_at, source) values (${NUMBER}, 'b', ${WITHIN}, 'api')`,
    '23P01',
  ],
  [
    'a plan of nobody',
    `insert into assignment (subscriber_no, plan_id, from_at, source) values (0, 'b', now(), 'api')`,
    '23503',
  ],
  [
    'a plan that ends as it begins',
    `insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
     values (${NUMBER}, 'b', '2026-05-01', '2026-05-01', 'api')`,
    '23514',
  ],
  [
    'an add-on twice at once',
    `insert into add_on_assignment (subscriber_no, add_on_id, from_at, to_at) values (${NUMBER}, 'tv', ${WITHIN})`,
    '23P01',
  ],
  ['a top-up twice', aTopUp(`${NUMBER}, null, 'bytes', 5, null, ${WITHIN}`).replace(`'x'`, `'t-1'`), '23505'],
  ['a top-up of nothing', aTopUp(`${NUMBER}, null, 'bytes', null::bigint, null::bigint, ${WITHIN}`), '23514'],
  ['a top-up of two', aTopUp(`${NUMBER}, 'p', 'bytes', 5, null::bigint, ${WITHIN}`), '23514'],
  ['a boost with half a speed', aTopUp(`${NUMBER}, null, 'boost', null::bigint, 5, ${WITHIN}`), '23514'],
  [
    'an unlimited pool',
    aTopUp(`null::bigint, 'p', 'unlimited', null::bigint, null::bigint, ${WITHIN}`),
    '23514',
  ],
  [
    'a top-up that was over before',
    aTopUp(`${NUMBER}, null, 'bytes', 5, null::bigint, '2026-02-01', '2026-01-01'`),
    '23514',
  ],
  [
    'a hold of one kind twice',
    `insert into hold (subscriber_no, kind, from_at, to_at, source) values (${NUMBER}, 'fraud', ${WITHIN}, 'api')`,
    '23P01',
  ],
  [
    'two pools at once',
    `insert into pool_member (subscriber_no, pool_id, from_at, to_at, source) values (${NUMBER}, 'q', ${WITHIN}, 'api')`,
    '23P01',
  ],
  [
    'another content of a version',
    `update plan_version set content = '{"a": 1}' where plan_id = 'dated'`,
    '23514',
  ],
  [
    'other terms of a version',
    `update plan_version set terms = '{"currency": "USD"}' where plan_id = 'dated'`,
    '23514',
  ],
  ['no terms any more', `update plan_version set terms = null where plan_id = 'dated'`, '23514'],
  [
    'another date of a version',
    `update plan_version set effective_from = null where plan_id = 'dated'`,
    '23514',
  ],
  [
    'two versions of an add-on from one date',
    `insert into add_on_version (add_on_id, version, content, effective_from) values ('tv', 2, '{}', '2026-01-01')`,
    '23505',
  ],
  ['an item of no kind', anItem('null, null').replace(`'recurring'`, `'gift'`), '23514'],
  ['an item of no quantity', anItem('null, null').replace(`'EUR', 1`, `'EUR', 0`), '23514'],
  ['an item for half a period', anItem(`'2026-01-01', null`), '23514'],
  ['an item for a period that ends before', anItem(`'2026-02-01', '2026-01-01'`), '23514'],
  ['an item of no line', anItem('null, null').replace(`'plan:p'`, 'null'), '23514'],
  [
    'cycles that overlap',
    `insert into cycle (subscriber_no, start_at, end_at) values (${NUMBER}, ${WITHIN})`,
    '23P01',
  ],
  ['the delivery of nothing', `insert into invoice_delivery (key) values ('nothing')`, '23503'],
  ['a delivery twice', `insert into invoice_delivery (key) values ('block-1')`, '23505'],
  ['a delivery that waits for nothing', `update invoice_delivery set due_at = null`, '23514'],
  ['a delivery that nobody sends', `update invoice_delivery set state = 'sending'`, '23514'],
  ['a job twice at once', `insert into job_run (name, leader) values ('trim', 'y')`, '23505'],
  ['a run that ended somehow', `update job_run set ended_at = now()`, '23514'],
  ['a key for no requests', `update api_key set rate_limit = 0`, '23514'],
];

const CODES: Record<string, ErrorCode> = {
  '23P01': 'conflict',
  '23505': 'conflict',
  '23503': 'not-found',
  '23514': 'invalid-input',
};

function tests(): void {
  afterAll(() => database.close());
  beforeAll(async () => {
    ({ pool } = database);
    await migrateFromBefore();
  });

  it('brings along what the release before wrote', async () => {
    await expectToldOf(1);
  });

  it('takes what the release before writes', async () => {
    for (const statement of WRITES_BEFORE(2)) await pool.query(statement);
    await expectToldOf(2);
  });

  async function expectToldOf(n: number): Promise<void> {
    const items = await pool.query(
      `select key, account_id, tax_class, line from billing_item where subscriber_id = $1 order by key`,
      [`old-${n}`],
    );
    const mine = { account_id: `acct-old-${n}`, tax_class: 'standard' };
    expect(items.rows).toEqual([
      { key: `block-${n}`, ...mine, line: 'overage:data' },
      { key: `buy-${n}`, ...mine, line: `top-up:buy-${n}` },
    ]);
    const plans = await pool.query('select revision from plan where plan_id = $1', [`home-${n}`]);
    expect(plans.rows).toEqual([{ revision: 1 }]);
    const subscribers = await pool.query<{ subscriber_no: number }>(
      'select subscriber_no, zone, tags, account_id from subscriber where subscriber_id = $1',
      [`old-${n}`],
    );
    expect(subscribers.rows).toMatchObject([{ zone: 'UTC', tags: [], account_id: `acct-old-${n}` }]);
    expect(subscribers.rows[0]?.subscriber_no).toBeGreaterThan(0);
  }

  it('remembers that it was used before', async () => {
    const { rows } = await pool.query(`select reporter, layout from policy_report where slot_group = ''`);
    expect(rows).toEqual([{ reporter: 'before', layout: null }]);
  });

  describe('refuses', () => {
    beforeAll(async () => {
      for (const statement of STANDING) await pool.query(statement);
    });

    it.each(REFUSED)('%s', async (_name, statement, sqlState) => {
      const thrown: unknown = await pool.query(statement).then(
        () => null,
        (error: unknown) => error,
      );
      expect((thrown as { code?: string } | null)?.code, String(thrown)).toBe(sqlState);
      const translated = postgresError(thrown);
      expect(isAppError(translated) && [translated.code, translated.retriable]).toEqual([
        CODES[sqlState],
        false,
      ]);
    });

    it.each([
      [
        'the next plan from where one ends',
        `insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
        values (${NUMBER}, 'b', '2026-02-01', '2026-03-01', 'api')`,
      ],
      [
        'another kind of hold',
        `insert into hold (subscriber_no, kind, from_at, source)
        values (${NUMBER}, 'legal', '2026-01-01', 'api')`,
      ],
      [
        'the next cycle',
        `insert into cycle (subscriber_no, start_at, end_at)
        values (${NUMBER}, '2026-02-01', '2026-03-01')`,
      ],
      [
        'a name twice that is not exclusive',
        `insert into credential values (${NUMBER}, 'ann', '2026-01-02')`,
      ],
      ['a credit', anItem('null, null').replace(`5, 'EUR', 1`, `-5, 'EUR', -1`)],
      [
        'the job again, when it has ended',
        `with ended as (
        update job_run set ended_at = now(), outcome = 'done' returning name) select * from ended`,
      ],
    ])('but not %s', async (_name, statement) => {
      expect((await pool.query(statement)).rowCount).toBe(1);
    });
  });

  it('takes rectangles for what overlaps where key and time do, and for nothing else', async () => {
    const year = (n: number): number => Date.UTC(n, 0, 1);
    const near = fc.constantFrom(-1, 0, 1).map((ms) => year(2026) + ms);
    const far = fc.constantFrom(-1, 0, 1, year(1900), year(2109), year(2110), year(9999), year(9999) + 1);
    const time = fc.oneof(near, far, fc.integer({ min: year(1000), max: year(9999) }));
    const key = fc.oneof(
      fc.constantFrom(1n, 2n, 3n, 2n ** 53n - 1n, -(2n ** 53n)),
      fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n - 1n }),
    );
    const span = fc.tuple(time, fc.option(time)).filter(([from, to]) => to === null || to > from);
    const pairs = fc.array(fc.tuple(key, fc.boolean(), key, span, span), { minLength: 500, maxLength: 500 });
    const [drawn = []] = fc.sample(pairs, 1);
    const rows = drawn.map(([a, isSame, b, [from, to], [from2, to2]]) => ({
      ...{ a: String(a), b: String(isSame ? a : b), from, to, from2, to2 },
    }));
    const text = `
      select to_json(t) as pair from json_to_recordset($1) as
        t(a bigint, b bigint, "from" float8, "to" float8, from2 float8, to2 float8)
      cross join lateral (select to_timestamp("from" / 1000) as f, to_timestamp("to" / 1000) as t,
        to_timestamp(from2 / 1000) as f2, to_timestamp(to2 / 1000) as t2) at
      where (weir_rectangle(a, f, at.t) && weir_rectangle(b, f2, t2))
        <> (a = b and tstzrange(f, at.t) && tstzrange(f2, t2))`;
    expect((await pool.query(text, [JSON.stringify(rows)])).rows).toEqual([]);
    const neverEnds = `select weir_rectangle(1, '-infinity', 'infinity') && weir_rectangle(1, 'epoch', null) as both`;
    expect((await pool.query(neverEnds)).rows).toEqual([{ both: true }]);
  });
}

describe('tables of tariffs on a server', () => {
  beforeAll(async () => {
    database = await realDatabase('tariff_tables', { migrated: false });
  });
  tests();
});

describe('tables of tariffs on the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase({ migrated: false });
  });
  tests();
});
