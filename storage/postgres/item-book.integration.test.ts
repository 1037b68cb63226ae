import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CycleRule } from '../../schemas/profile.ts';
import type { UsageAdjustment } from '../../schemas/usage-record.ts';
import { anIntent } from '../action-factory.contract.ts';
import { itemBookContract } from '../item-book.contract.ts';
import { aClose, aPlan, aTariff, itemsOf, JANUARY, sums } from '../item-book-factory.contract.ts';
import type { BookFixture, GivenTariff } from '../item-book-factory.contract.ts';
import type { SlotId } from '../ports.ts';
import type { CycleRow } from '../tariff-ports.ts';
import { CycleClose } from './cycle-close.ts';
import { countCycles } from './cycle-counts.ts';
import { PostgresCycleKeeping } from './cycle-keeping.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresInvoiceLedger } from './invoice-ledger.ts';
import { PostgresItemBook } from './item-book.ts';
import { PostgresActionLedger } from './ledger.ts';
import { inTransaction } from './pool.ts';
import { insertAdjustments } from './usage-records.ts';

const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 0 };
const TABLES = `billing_item, invoice_delivery, cycle, closed_cycle, usage_adjustment, action, slot_mark, subscriber, account,
  account_cycle_change, assignment, add_on_assignment, hold, plan_version, add_on_version`;

const CYCLES = `
  select s.subscriber_id as "subscriberId", (extract(epoch from c.start_at) * 1000)::float8 as "startMs",
    (extract(epoch from c.end_at) * 1000)::float8 as "endMs", c.status,
    (extract(epoch from c.closed_at) * 1000)::float8 as "closedMs", c.terms_differ as "termsDiffer"
  from cycle c join subscriber s using (subscriber_no) where s.subscriber_id = $1 order by c.start_at`;

async function opened(pool: pg.Pool): Promise<BookFixture<pg.PoolClient>> {
  await pool.query(`truncate ${TABLES} cascade`);
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => {
    faults.push(error);
  };
  return {
    book: new PostgresItemBook(),
    ledger: new PostgresActionLedger(pool, Date.now, new CycleClose(onFault)),
    deliveries: new PostgresInvoiceLedger(pool),
    keeping: new PostgresCycleKeeping(pool, { onFault }),
    run: (work) => inTransaction(pool, work),
    give: (tariff) => give(pool, tariff),
    async terms(plans, addOns) {
      for (const { metering, effectiveFromMs, ...terms } of plans)
        await pool.query(
          `insert into plan_version (plan_id, version, content, terms, effective_from)
           values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000))`,
          [
            terms.planId,
            terms.version,
            JSON.stringify(metering),
            JSON.stringify({ ...terms, metering }),
            effectiveFromMs,
          ],
        );
      for (const terms of addOns)
        await pool.query(`insert into add_on_version values ($1, $2, $3, to_timestamp($4::float8 / 1000))`, [
          ...[terms.addOnId, terms.version, JSON.stringify(terms), terms.effectiveFromMs],
        ]);
    },
    cyclesOf: async (subscriberId) => (await pool.query<CycleRow>(CYCLES, [subscriberId])).rows,
    faults,
  };
}

/** Rows as they are, without the checks of the tariff store: also what is wrong. */
async function give(pool: pg.Pool, given: GivenTariff): Promise<number> {
  const { subscriberId, currency, zone, cycle, cycleChanges, assignments, addOns, holds, overageConsent } =
    given;
  return inTransaction(pool, async (client) => {
    await client.query(`select set_config('weir.derived', 'on', true)`);
    const accountId = `acct-${subscriberId}`;
    if (currency !== null)
      await client.query(
        `insert into account (account_id, currency, cycle_kind, anchor_day, anchor_weekday, cycle_days, cycle_from)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (account_id) do update set anchor_day = excluded.anchor_day`,
        [accountId, currency, ...columnsOf(cycle)],
      );
    const row = await client.query<{ no: number }>(
      `insert into subscriber as s (subscriber_id, profile, account_id, zone, overage_consent) values ($1, '{}', $2, $3, $4)
       on conflict (subscriber_id) do update set account_id = excluded.account_id, zone = excluded.zone,
         overage_consent = excluded.overage_consent returning subscriber_no as "no"`,
      [subscriberId, currency === null ? null : accountId, zone, overageConsent],
    );
    const no = row.rows[0]?.no ?? Number.NaN;
    for (const table of ['assignment', 'add_on_assignment', 'hold'])
      await client.query(`delete from ${table} where subscriber_no = $1`, [no]);
    const dated = async (
      table: string,
      name: string,
      value: string,
      fromMs: number,
      toMs: number | null,
      source: string,
    ) =>
      client.query(
        `insert into ${table} (subscriber_no, ${name}, from_at, to_at${source === '' ? '' : ', source'})
         values ($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000)${source})`,
        [no, value, fromMs, toMs],
      );
    // Rows of before the check of currencies may be there too.
    await client.query('alter table assignment disable trigger user');
    for (const { planId, fromMs, toMs } of assignments)
      await dated('assignment', 'plan_id', planId, fromMs, toMs, `, 'api'`);
    await client.query('alter table assignment enable trigger user');
    for (const { addOnId, fromMs, toMs } of addOns)
      await dated('add_on_assignment', 'add_on_id', addOnId, fromMs, toMs, '');
    for (const { kind, fromMs, toMs } of holds) await dated('hold', 'kind', kind, fromMs, toMs, `, 'api'`);
    await client.query('delete from account_cycle_change where account_id = $1', [accountId]);
    for (const change of cycleChanges)
      await client.query(
        `insert into account_cycle_change (account_id, from_at, cycle_kind, anchor_day, anchor_weekday, cycle_days, cycle_from, source)
         values ($1, to_timestamp($2::float8 / 1000), $3, $4, $5, $6, $7, 'api')`,
        [accountId, change.fromMs, ...columnsOf(change.cycle)],
      );
    return no;
  });
}

/** What comes late to January of 's-1'. */
function lateBytes(id: string, downBytes: number): UsageAdjustment {
  const { subscriberId, cycleStartMs, cycleEndMs } = aClose('s-1', 'home', 0);
  const of = { id, subscriberId, cycleStartMs, cycleEndMs, serviceClass: '', downBytes, upBytes: 0 };
  return { ...of, reason: 'late-usage', detail: '', partition: 0, offset: 2_000 };
}

function columnsOf(rule: CycleRule): (string | number | null)[] {
  return [
    rule.kind,
    rule.kind === 'month' ? rule.anchorDay : null,
    rule.kind === 'week' ? rule.weekday : null,
    rule.kind === 'days' ? rule.days : null,
    rule.kind === 'days' ? rule.from : null,
  ];
}

describe.each([
  ['Postgres', () => realDatabase('item_book')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  itemBookContract(name, () => opened(database.pool));

  it('keeps neither close nor items where the call that stores them does not commit', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    await fixture.give(aTariff('s-1', 'home'));
    await database.pool.query('alter table slot_mark add constraint refuse check (position < 100)');
    try {
      const batch = { closedCycles: [aClose('s-1', 'home', 0)] };
      await expect(fixture.ledger.insert(SLOT, 100, batch)).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await itemsOf(fixture, 's-1')).toEqual([]);
      expect(await fixture.cyclesOf('s-1')).toEqual([]);
      await fixture.ledger.insert(SLOT, 99, batch);
      expect(await sums(fixture, 's-1')).toEqual({ 'plan:home': 100 });
    } finally {
      await database.pool.query('alter table slot_mark drop constraint refuse');
    }
  });

  it('stores actions and all other cycles where the database refuses some items', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    const names = Array.from({ length: 70 }, (_, n) => `s-${n}`);
    for (const id of names) await fixture.give(aTariff(id, 'home'));
    await database.pool.query(
      `alter table billing_item add constraint refuse check (subscriber_id not in ('s-3', 's-66'))`,
    );
    try {
      const closedCycles = names.map((id) => aClose(id, 'home', 0));
      const intents = [anIntent({ id: 'a' })];
      expect(await fixture.ledger.insert(SLOT, 1, { closedCycles, intents })).toEqual(['a']);
    } finally {
      await database.pool.query('alter table billing_item drop constraint refuse');
    }
    expect(fixture.faults).toHaveLength(2);
    expect(await fixture.cyclesOf('s-3')).toMatchObject([{ status: 'closing' }]);
    expect((await fixture.deliveries.counts()).states.pending).toBe(68);
    expect(await fixture.keeping.retryFailed(10)).toBe(2);
    expect((await fixture.deliveries.counts()).states.pending).toBe(70);
  });

  it('stores actions where no item at all can be made', async () => {
    const fixture = await opened(database.pool);
    const names = Array.from({ length: 200 }, (_, n) => `s-${n}`);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    for (const id of names) await fixture.give(aTariff(id, 'home'));
    await database.pool.query('alter table billing_item rename to billing_item_gone');
    try {
      const closedCycles = names.map((id) => aClose(id, 'home', 0));
      expect(
        await fixture.ledger.insert(SLOT, 1, { closedCycles, intents: [anIntent({ id: 'a' })] }),
      ).toEqual(['a']);
    } finally {
      await database.pool.query('alter table billing_item_gone rename to billing_item');
    }
    expect(fixture.faults).toHaveLength(200);
    expect(await fixture.keeping.retryFailed(150)).toBe(150);
    expect(await fixture.keeping.retryFailed(150)).toBe(50);
  });

  it('counts cycles by how they stand', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    for (const id of ['open', 'ended', 'done']) await fixture.give(aTariff(id, 'home'));
    await fixture.give(aTariff('failed', 'home', { zone: 'Nowhere/At_all' }));
    await fixture.give(aTariff('differs', 'home', { assignments: [] }));
    const closedCycles = ['done', 'failed', 'differs'].map((id) => aClose(id, 'home', 0));
    await fixture.ledger.insert(SLOT, 1, { closedCycles });
    await database.pool.query(
      `insert into cycle (subscriber_no, start_at, end_at)
       select subscriber_no, now() - interval '31 days', now() + case subscriber_id when 'open' then 1 else -1 end * interval '1 hour'
       from subscriber where subscriber_id in ('open', 'ended')`,
    );
    const counts = await countCycles(database.pool);
    expect(counts).toMatchObject({ open: 1, ended: 1, failed: 1, termsDiffer: 1 });
    expect(counts.oldestEndedSeconds).toBeGreaterThan(3_000);
  });

  it('itemises what a release before closed while the cycle had its row, once', async () => {
    const fixture = await opened(database.pool);
    const { book, run, keeping } = fixture;
    const tiers = [{ toBytes: null, unitBytes: 1, priceMicro: 1_000_000 }];
    const usage = { mode: 'graduated', includedBytes: 0, tiers } as const;
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'advance' }, usage })], []);
    const no = await fixture.give(aTariff('s-1', 'home'));
    await run((tx) => book.settle(tx, no, JANUARY.startMs));
    await new PostgresActionLedger(database.pool).insert(SLOT, 1, {
      closedCycles: [aClose('s-1', 'home', 7)],
    });
    // The next cycle closes by this release before the job comes: what waits is not passed over.
    const february = { cycleStartMs: JANUARY.endMs, cycleEndMs: JANUARY.endMs + 28 * 86_400_000 };
    await run((tx) => book.settle(tx, no, JANUARY.endMs));
    await fixture.ledger.insert(SLOT, 2, { closedCycles: [aClose('s-1', 'home', 0, february)] });
    expect(await fixture.cyclesOf('s-1')).toMatchObject([{ status: 'open' }, { status: 'closed' }]);
    expect(await keeping.closeTold(JANUARY.endMs, 10)).toBe(0);
    expect(await keeping.closeUntold(JANUARY.endMs + 1, 10)).toBe(0);
    expect(await keeping.closeTold(JANUARY.endMs + 1, 10)).toBe(1);
    expect(await keeping.closeTold(JANUARY.endMs + 1, 10)).toBe(0);
    expect(await sums(fixture, 's-1')).toEqual({ 'plan:home': 200, [`usage:${JANUARY.startMs}`]: 7 });
  });

  it('keeps a cycle that could not be itemised when the zone is corrected before it is tried again', async () => {
    const fixture = await opened(database.pool);
    const { book, run, keeping } = fixture;
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    await fixture.give(aTariff('s-1', 'home', { zone: 'Nowhere/At_all' }));
    await fixture.ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 0)] });
    const no = await fixture.give(aTariff('s-1', 'home', { zone: 'Asia/Tokyo' }));
    await run((tx) => book.settle(tx, no, JANUARY.endMs + 1));
    expect(await fixture.cyclesOf('s-1')).toMatchObject([
      { ...JANUARY, status: 'closing' },
      { startMs: JANUARY.endMs, status: 'open' },
    ]);
    await fixture.give(aTariff('s-1', 'home'));
    expect(await keeping.retryFailed(10)).toBe(1);
    expect(await sums(fixture, 's-1')).toEqual({ 'plan:home': 100 });
  });

  it('refuses an item whose key another one has, rather than to answer what is not stored', async () => {
    const fixture = await opened(database.pool);
    const { book, run } = fixture;
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'advance' } })], []);
    const no = await fixture.give(aTariff('s-1', 'home'));
    const [item] = await run((tx) => book.settle(tx, no, JANUARY.startMs));
    await database.pool.query(`update billing_item set cycle_start = '2020-01-01' where key = $1`, [
      item?.key,
    ]);
    await expect(run((tx) => book.settle(tx, no, JANUARY.startMs))).rejects.toMatchObject({
      code: 'store-corrupt',
    });
  });

  it('leaves cycles that closed before there were items as they are', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    await fixture.give(aTariff('s-1', 'home'));
    await new PostgresActionLedger(database.pool).insert(SLOT, 1, {
      closedCycles: [aClose('s-1', 'home', 0)],
    });
    const { subscriberId, cycleStartMs, cycleEndMs } = aClose('s-1', 'home', 0);
    const late = {
      id: 'a',
      subscriberId,
      cycleStartMs,
      cycleEndMs,
      serviceClass: '',
      downBytes: 5,
      upBytes: 0,
    };
    await fixture.ledger.insert(SLOT, 2, {
      adjustments: [{ ...late, reason: 'late-usage', detail: '', partition: 0, offset: 2_000 }],
    });
    expect(await itemsOf(fixture, 's-1')).toEqual([]);
  });

  it('notes when a leader that is none any more comes to write', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'advance' } })], []);
    await fixture.give(aTariff('s-1', 'home'));
    const deposed = new PostgresCycleKeeping(database.pool, {
      guard: () => Promise.reject(new Error('deposed')),
      onFault: () => undefined,
    });
    await expect(deposed.begun(JANUARY.startMs, 10)).rejects.toThrow('deposed');
    expect(await itemsOf(fixture, 's-1')).toEqual([]);
  });
});

describe('PostgresItemBook beside others', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await realDatabase('item_book_races');
  });
  afterAll(() => database.close());

  /** Lets `second` begin while `first` has done its work and not committed, waits until it waits, then commits `first`. */
  async function whileFirstIsOpen<T>(
    first: (tx: pg.PoolClient) => Promise<unknown>,
    second: () => Promise<T>,
  ): Promise<T> {
    const done: { second?: Promise<T> } = {};
    await inTransaction(database.pool, async (tx) => {
      await first(tx);
      const own = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      let isOver = false;
      done.second = second().finally(() => (isOver = true));
      // Looked at when the first is over.
      done.second.catch(() => undefined);
      await expect
        .poll(
          async () => {
            const waiting = await database.pool.query(
              'select 1 from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
              [own.rows[0]?.pid],
            );
            return isOver || waiting.rowCount === 1;
          },
          { timeout: 10_000 },
        )
        .toBe(true);
    });
    if (done.second === undefined) throw new Error('the second did not begin');
    return done.second;
  }

  it('refuses a change that comes while the cycle closes', async () => {
    const fixture = await opened(database.pool);
    const fees = (feeMinor: number) => ({ recurring: { feeMinor, when: 'advance' as const } });
    await fixture.terms([aPlan('home', fees(3_100)), aPlan('fast', fees(6_200))], []);
    const no = await fixture.give(aTariff('s-1', 'home'));
    const middle = new Date(JANUARY.startMs + 15 * 86_400_000);
    const change = whileFirstIsOpen(
      (tx) => fixture.book.close(tx, [aClose('s-1', 'home', 0)]),
      () =>
        fixture.run(async (tx) => {
          await tx.query('update assignment set to_at = $2 where subscriber_no = $1', [no, middle]);
          await tx.query(
            `insert into assignment (subscriber_no, plan_id, from_at, source) values ($1, 'fast', $2, 'api')`,
            [no, middle],
          );
          return fixture.book.settle(tx, no, JANUARY.startMs);
        }),
    );
    await expect(change).rejects.toMatchObject({ code: 'conflict' });
    expect(await sums(fixture, 's-1')).toEqual({ 'plan:home': 3_100 });
  });

  it('closes by what a change made that was under way', async () => {
    const fixture = await opened(database.pool);
    const fees = (feeMinor: number) => ({ recurring: { feeMinor, when: 'advance' as const } });
    await fixture.terms([aPlan('home', fees(3_100)), aPlan('fast', fees(6_200))], []);
    const no = await fixture.give(aTariff('s-1', 'home'));
    const middle = new Date(JANUARY.startMs + 15 * 86_400_000);
    await whileFirstIsOpen(
      async (tx) => {
        await fixture.book.settle(tx, no, JANUARY.startMs);
        await tx.query('update assignment set to_at = $2 where subscriber_no = $1', [no, middle]);
        await fixture.book.settle(tx, no, JANUARY.startMs);
      },
      () => fixture.ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 0)] }),
    );
    expect(await sums(fixture, 's-1')).toEqual({ 'plan:home': 1_500 });
    expect(await fixture.cyclesOf('s-1')).toMatchObject([{ status: 'closed' }]);
  });

  it('loses nothing of two adjustments that come at the same time', async () => {
    const fixture = await opened(database.pool);
    const tiers = [{ toBytes: null, unitBytes: 1, priceMicro: 1_000_000 }];
    await fixture.terms([aPlan('home', { usage: { mode: 'graduated', includedBytes: 0, tiers } })], []);
    await fixture.give(aTariff('s-1', 'home'));
    await fixture.ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 100)] });
    const [first, second] = ['a', 'b'].map((id) => lateBytes(id, 10));
    if (first === undefined || second === undefined) throw new Error('two adjustments');
    await whileFirstIsOpen(
      async (tx) => {
        await insertAdjustments(tx, [first]);
        await fixture.book.adjust(tx, [first]);
      },
      () => fixture.ledger.insert(SLOT, 2, { adjustments: [second] }),
    );
    expect(Object.values(await sums(fixture, 's-1'))).toEqual([120]);
  });

  it('stores actions while somebody keeps a subscriber locked, and itemises that one later', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    const names = Array.from({ length: 8 }, (_, n) => `s-${n}`);
    for (const id of names) await fixture.give(aTariff(id, 'home'));
    const closedCycles = names.map((id) => aClose(id, 'home', 0));
    await inTransaction(database.pool, async (tx) => {
      await tx.query(`select from subscriber where subscriber_id = 's-5' for update`);
      await fixture.ledger.insert(SLOT, 1, { closedCycles });
    });
    expect((await fixture.deliveries.counts()).states.pending).toBe(7);
    expect(await fixture.keeping.retryFailed(10)).toBe(1);
    expect((await fixture.deliveries.counts()).states.pending).toBe(8);
  });

  it('charges once what several close at the same time, in opposite orders', async () => {
    const fixture = await opened(database.pool);
    await fixture.terms([aPlan('home', { recurring: { feeMinor: 100, when: 'arrears' } })], []);
    const names = Array.from({ length: 40 }, (_, n) => `s-${n}`);
    for (const id of names) await fixture.give(aTariff(id, 'home'));
    const closedCycles = names.map((id) => aClose(id, 'home', 0));
    await fixture.ledger.insert(SLOT, 1, { closedCycles });
    await database.pool.query('truncate billing_item, invoice_delivery, cycle cascade');
    const close = (cycles: typeof closedCycles) => fixture.run((tx) => fixture.book.close(tx, cycles));
    await Promise.all([
      close(closedCycles),
      close([...closedCycles].reverse()),
      close(closedCycles.slice(10)),
      fixture.keeping.begun(JANUARY.startMs, 100),
    ]);
    for (const id of names) expect(await sums(fixture, id)).toEqual({ 'plan:home': 100 });
  });
});
