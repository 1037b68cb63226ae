import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { BoughtTopUp } from '../../schemas/tariff.ts';
import { deriveProfile } from '../derive-profile.ts';
import { aProfile } from '../profile-factory.contract.ts';
import { T, terms } from '../tariff-given.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDirectory } from './directory.ts';
import { PostgresItemBook } from './item-book.ts';
import { PostgresProfileKeeping } from './profile-keeping.ts';
import { SecretBox } from './secret-box.ts';
import { PostgresSubscriberLookup } from './subscriber-lookup.ts';
import { PostgresTariffReads } from './tariff-reads.ts';
import { readRow } from './tariff-rows.ts';
import { postgresTariffs } from './tariff-store.ts';

const DAY = 86_400_000;
const context = { by: 'ann', atMs: T, reason: '' };
const EUR = { amountMinor: 500, currency: 'EUR' };

let database: TestDatabase;
let pool: pg.Pool;
let directory: PostgresDirectory;

const store = () => postgresTariffs(pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' });

async function controls(): Promise<number> {
  return (await pool.query('delete from control_outbox')).rowCount ?? 0;
}

async function count(table: string): Promise<number> {
  const found = await pool.query<{ n: number }>(`select count(*) as n from ${table}`);
  return found.rows[0]?.n ?? -1;
}

/** What the program before wrote: the profile and its control, nothing else. */
async function writeAsBefore(...profiles: SubscriberProfile[]): Promise<void> {
  await pool.query(
    `insert into subscriber (subscriber_id, profile)
     select item ->> 'subscriberId', item from jsonb_array_elements($1::jsonb) as item
     on conflict (subscriber_id) do update set profile = excluded.profile`,
    [JSON.stringify(profiles)],
  );
}

const plans = (...assigned: [planId: string, fromMs: number, toMs: number | null][]) =>
  assigned.map(([planId, fromMs, toMs]) => ({ planId, fromMs, toMs }));

function bought(id: string): BoughtTopUp {
  const span = { fromMs: T, expiresMs: T + DAY };
  return {
    id,
    kind: 'bytes',
    bytes: 5,
    speed: null,
    ...span,
    source: 'api',
    productId: null,
    cancelledMs: null,
  };
}

const PLAN: PlanVersion = { planId: 'home', version: 1, ...terms('home').metering };

/** A profile that says everything in the order in which it is derived. */
const profiles: fc.Arbitrary<Omit<SubscriberProfile, 'subscriberId'>> = fc.record(
  {
    userName: fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\0', '')),
    segment: fc.constantFrom('', 'home', 'ünal "x"'),
    tags: fc.array(fc.constantFrom('a', 'b', 'ö'), { maxLength: 3 }),
    zone: fc.constantFrom('UTC', 'Europe/Berlin'),
    anchorDay: fc.integer({ min: 1, max: 31 }),
    assignments: fc
      .uniqueArray(fc.integer({ min: 0, max: 4e12 }), { maxLength: 5 })
      .map((bounds) => bounds.sort((a, b) => a - b))
      .map((bounds) =>
        plans(
          ...bounds.map((ms, i): [string, number, number | null] => [`p-${i}`, ms, bounds[i + 1] ?? null]),
        ),
      ),
    topUps: fc
      .array(fc.tuple(fc.integer({ min: 1, max: 9e15 }), fc.nat(1e6), fc.integer({ min: 1, max: 1e6 })), {
        maxLength: 4,
      })
      .map((all) =>
        all
          .map(([size, fromMs, days], i) => ({ id: `t/${i}`, bytes: size, fromMs, expiresMs: fromMs + days }))
          .sort((a, b) => a.expiresMs - b.expiresMs || a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1)),
      ),
    carryOverBytes: fc.nat(1e9),
    holds: fc
      .uniqueArray(fc.constantFrom('customer', 'fraud', 'legal', 'non-payment'), { maxLength: 4 })
      .map((kinds) =>
        kinds.map((kind, i) => ({ kind, fromMs: i * 5, toMs: i % 2 === 0 ? null : i * 5 + 3 })),
      ),
    boosts: fc
      .array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1, maxLength: 3 })
      .map((all) =>
        all.map((downBps, i) => ({ id: `t/${i}`, downBps, upBps: 7, fromMs: 0, expiresMs: i + 1 })),
      ),
    poolId: fc.option(fc.constantFrom('p', 'q'), { nil: null }),
    billingStatus: fc.constantFrom('current', 'overdue', 'suspended'),
    overageConsent: fc.boolean(),
  },
  {
    requiredKeys: [
      ...[
        'userName',
        'segment',
        'tags',
        'zone',
        'anchorDay',
        'assignments',
        'topUps',
        'carryOverBytes',
        'holds',
      ],
      ...['poolId', 'billingStatus', 'overageConsent'],
    ] as never,
  },
);

function tests(): void {
  afterAll(() => database.close());
  beforeEach(async () => {
    await pool.query(
      `truncate control_outbox, subscriber, account, plan, plan_version, pool, billing_item, audit, top_up, policy_report cascade`,
    );
    directory = new PostgresDirectory(pool, new SecretBox(randomBytes(32)));
    await directory.putPlans([PLAN]);
    await controls();
  });

  it('gives back every profile as it was given, and as the other writing derives it', async () => {
    const given = fc.sample(profiles, { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 300), seed: 35 });
    const all = given.map((one, i): SubscriberProfile => ({ subscriberId: `s-${i}`, ...one }));
    await directory.putSubscribers(all);
    for (const one of all) {
      expect(await directory.subscriber(one.subscriberId)).toEqual(one);
      const rows = (await readRow(pool, one.subscriberId))?.rows;
      expect(rows === undefined ? null : deriveProfile(rows, () => [])).toEqual(one);
    }
    expect(await controls()).toBe(all.length);
    await directory.putSubscribers(all);
    expect(await controls()).toBe(0);
  });

  it('leaves alone what others than the directory said, and hears it again where they say nothing', async () => {
    await directory.putSubscribers([aProfile('s-1', { poolId: 'p' })]);
    await store().putPlanVersion(terms('a'), context);
    await store().assign('s-1', 'a', { at: 'now' }, false, context);
    await store().buyTopUp({ subscriberId: 's-1' }, bought('t-1'), EUR, context);
    await store().hold('s-1', 'fraud', { fromMs: T, toMs: T + DAY }, context);
    const holds = [{ kind: 'fraud', fromMs: 0, toMs: null } as const];
    const topUps = [
      { id: 'gift', bytes: 1, fromMs: 0, expiresMs: T },
      { id: 't-1', bytes: 9, fromMs: 0, expiresMs: T },
    ];
    await directory.putSubscribers([aProfile('s-1', { segment: 'business', holds, topUps })]);
    const after = await directory.subscriber('s-1');
    expect(after).toMatchObject({
      segment: 'business',
      poolId: null,
      assignments: plans(['home', 0, T], ['a', T, null]),
      topUps: [
        { id: 'gift', bytes: 1, fromMs: 0, expiresMs: T },
        { id: 't-1', bytes: 5, fromMs: T, expiresMs: T + DAY },
      ],
      holds: [
        { kind: 'fraud', fromMs: 0, toMs: T },
        { kind: 'fraud', fromMs: T, toMs: T + DAY },
        { kind: 'fraud', fromMs: T + DAY, toMs: null },
      ],
    });
    await directory.putSubscribers([aProfile('s-1', { segment: 'business' })]);
    expect(await directory.subscriber('s-1')).toMatchObject({
      topUps: [{ id: 't-1' }],
      holds: [{ kind: 'fraud', fromMs: T, toMs: T + DAY }],
    });
  });

  it('keeps a terminated subscriber terminated', async () => {
    await directory.putSubscribers([aProfile('s-1')]);
    await store().terminate('s-1', { at: 'now' }, context);
    await directory.putSubscribers([aProfile('s-1', { segment: 'business', poolId: 'p' })]);
    const after = await directory.subscriber('s-1');
    expect(after).toMatchObject({ segment: 'business', assignments: plans(['home', 0, T]) });
  });

  it('takes the currency of an account from the plan', async () => {
    const overage = { blockBytes: 1, blockPriceMinor: 1, currency: 'USD', maxBlocks: null };
    await directory.putPlans([{ ...PLAN, planId: 'paid', overage }]);
    await directory.putSubscribers([
      aProfile('s-1'),
      aProfile('s-2', { assignments: plans(['paid', 0, null]) }),
    ]);
    const found = await pool.query('select account_id, currency from account order by 1');
    expect(found.rows).toEqual([
      { account_id: 'acct-s-1', currency: 'EUR' },
      { account_id: 'acct-s-2', currency: 'USD' },
    ]);
  });

  it('takes apart what the program before writes, every row of a statement and every statement', async () => {
    await writeAsBefore(aProfile('s-1'), aProfile('s-2'), aProfile('s-3'));
    expect([await count('assignment'), await count('account'), await count('credential')]).toEqual([3, 3, 3]);
    const client = await pool.connect();
    await client.query('begin');
    await client.query(
      `update subscriber set profile = profile || '{"segment": "x"}' where subscriber_id = 's-1'`,
    );
    await client.query(
      `update subscriber set profile = profile || '{"segment": "y"}' where subscriber_id = 's-2'`,
    );
    await client.query('commit');
    client.release();
    const found = await pool.query('select segment from subscriber order by subscriber_id');
    expect(found.rows).toEqual([{ segment: 'x' }, { segment: 'y' }, { segment: 'residential' }]);
    expect(await controls()).toBe(0);
    await directory.putSubscribers([aProfile('s-3')]);
    expect(await controls()).toBe(0);
  });

  it('takes what the program before charged for as bought: the directory does not take it away', async () => {
    const topUps = [{ id: 'buy', bytes: 5, fromMs: 0, expiresMs: T }];
    await pool.query(
      `insert into billing_item (key, subscriber_id, type, amount_minor, currency, quantity, cycle_start, source)
       values ('buy', 's-1', 'topup', 5, 'EUR', 1, '2026-01-01', '{}')`,
    );
    await writeAsBefore(aProfile('s-1', { topUps }));
    await directory.putSubscribers([aProfile('s-1')]);
    expect((await directory.subscriber('s-1'))?.topUps).toEqual(topUps);
    const found = await pool.query('select source from top_up');
    expect(found.rows).toEqual([{ source: 'policy' }]);
  });

  it('takes apart in pieces what was there before', async () => {
    await pool.query('alter table subscriber disable trigger user');
    await writeAsBefore(aProfile('s-1'), aProfile('s-2'), aProfile('s-3', { poolId: 'p' }));
    await pool.query('alter table subscriber enable trigger user');
    const profiles = new PostgresProfileKeeping(pool, 'JPY');
    const pieces = [await profiles.absorb(2), await profiles.absorb(2), await profiles.absorb(2)];
    expect(pieces).toEqual([2, 1, 0]);
    expect([await count('assignment'), await count('account where currency = $$JPY$$')]).toEqual([3, 3]);
    await directory.putSubscribers([aProfile('s-1'), aProfile('s-2'), aProfile('s-3', { poolId: 'p' })]);
    expect(await controls()).toBe(0);
  });

  it('charges in another currency than was assumed, as long as nothing was charged or priced', async () => {
    const ids = ['s-1', 's-2', 's-3', 's-4', 's-5'];
    await directory.putSubscribers(ids.map((subscriberId) => aProfile(subscriberId)));
    const reads = new PostgresTariffReads(pool);
    const said = { taxClass: 'standard', cycle: { kind: 'month', anchorDay: 1 } as const, billingRef: null };
    const put = (id: string, currency: string) =>
      store().putAccount({ ...said, accountId: `acct-${id}`, billingStatus: 'current', currency }, context);
    await put('s-1', 'USD');
    await put('s-2', 'EUR');
    await store().bookOneOff('s-3', EUR, '', context);
    // Neither says a currency.
    const read = { ...said, accountId: 'acct-s-4', billingStatus: 'overdue', currency: 'EUR' } as const;
    await store().putAccount(read, context, false);
    await store().changeCycle('acct-s-5', { kind: 'month', anchorDay: 9 }, context);
    const job = new PostgresProfileKeeping(pool, 'USD');
    const pieces = [await job.absorb(1), await job.absorb(1), await job.absorb(1), await job.absorb(1)];
    expect(pieces).toEqual([1, 1, 1, 0]);
    const currencies = ids.map(async (id) => (await reads.account(`acct-${id}`))?.currency);
    expect(await Promise.all(currencies)).toEqual(['USD', 'EUR', 'EUR', 'USD', 'USD']);
    await expect(put('s-3', 'USD')).rejects.toMatchObject({ code: 'conflict' });
    await put('s-2', 'USD');
    await expect(store().putPlanVersion(terms('home', { currency: 'USD' }), context)).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('finds a subscriber by each of its names that is in force', async () => {
    await directory.putSubscribers([
      aProfile('s-1', { userName: 'ann' }),
      aProfile('s-2', { userName: 'bob' }),
    ]);
    const names = [
      { userName: 'ann', fromMs: 0, toMs: T },
      { userName: 'ann2', fromMs: T, toMs: null },
      { userName: 'ann3', fromMs: 0, toMs: null },
    ];
    const given = {
      subscriberId: 's-1',
      accountId: 'acct-s-1',
      externalId: null,
      segment: '',
      tags: [],
      zone: 'UTC',
    };
    await store().putSubscriber({ ...given, overageConsent: false, credentials: names }, context);
    const found = await new PostgresSubscriberLookup(pool).subscriberIdsOf(['ann', 'ann2', 'ann3', 'bob']);
    expect([...found].sort()).toEqual([
      ['ann2', 's-1'],
      ['ann3', 's-1'],
      ['bob', 's-2'],
    ]);
  });

  it('tells of a name when it begins', async () => {
    const names = [
      { userName: 'ann', fromMs: 0, toMs: T + DAY },
      { userName: 'ann2', fromMs: T + DAY, toMs: null },
    ];
    const given = {
      subscriberId: 's-1',
      accountId: 'acct-s-1',
      externalId: null,
      segment: '',
      tags: [],
      zone: 'UTC',
    };
    await store().putSubscriber({ ...given, overageConsent: false, credentials: names }, context);
    expect((await directory.subscriber('s-1'))?.userName).toBe('ann');
    const profiles = new PostgresProfileKeeping(pool, 'EUR');
    expect(await profiles.refreshDated(T, T + DAY - 1)).toBe(0);
    expect(await profiles.refreshDated(T + DAY - 1, T + DAY)).toBe(1);
    expect((await directory.subscriber('s-1'))?.userName).toBe('ann2');
  });

  it('keeps what was bought for a pool when the directory says the pool again', async () => {
    const said: PoolProfile = {
      ...{ poolId: 'p', allowanceBytes: 5, zone: 'UTC', anchorDay: 1, segment: '', planId: null },
      ...{
        overageConsent: false,
        billTo: 's-1',
        topUps: [{ id: 'gift', bytes: 1, fromMs: 0, expiresMs: T }],
      },
    };
    await directory.putSubscribers([aProfile('s-1')]);
    await directory.putPools([said]);
    expect(await directory.pools()).toEqual([said]);
    await store().buyTopUp({ poolId: 'p' }, bought('t-1'), EUR, context);
    await controls();
    await directory.putPools([{ ...said, allowanceBytes: 6 }]);
    const topUps = [...(said.topUps ?? []), { id: 't-1', bytes: 5, fromMs: T, expiresMs: T + DAY }];
    expect(await directory.pools()).toEqual([{ ...said, allowanceBytes: 6, topUps }]);
    expect(await controls()).toBe(1);
    const { topUps: _, ...none } = said;
    await directory.putPools([none]);
    expect((await directory.pools())[0]?.topUps).toEqual([topUps[1]]);
  });
}

describe('profile functions on a server', () => {
  beforeAll(async () => {
    database = await realDatabase('profiles');
    ({ pool } = database);
  });
  tests();
});

describe('profile functions on the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
    ({ pool } = database);
  });
  tests();
});
