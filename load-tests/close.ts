import type pg from 'pg';
import { overageItemKey } from '../rules/tariff/blocks.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { PlanTerms } from '../schemas/tariff.ts';
import type { ClosedCycle, ClosedPart } from '../schemas/usage-record.ts';
import { Random } from '../simulator/random.ts';
import { anIntent } from '../storage/action-factory.contract.ts';
import { CycleClose } from '../storage/postgres/cycle-close.ts';
import { PostgresCycleKeeping } from '../storage/postgres/cycle-keeping.ts';
import { PostgresActionLedger } from '../storage/postgres/ledger.ts';
import { migrate } from '../storage/postgres/migrate.ts';
import { connectPostgres, inTransaction } from '../storage/postgres/pool.ts';

/** January in Berlin. */
const [START, END] = [Date.UTC(2025, 11, 31, 23), Date.UTC(2026, 0, 31, 23)];
const MIDDLE = Date.UTC(2026, 0, 16);
const GB = 1_000_000_000;
const BLOCK = 10 * GB;
/** Cycles that are opened in one transaction. */
const CHUNK = 2_000;

/** What is closed. */
export interface CloseOptions {
  subscribers: number;
  partitions: number;
  batch: number;
  seed: number;
}

/** What it took. */
export interface CloseReport {
  options: CloseOptions;
  openSeconds: number;
  closeSeconds: number;
  againSeconds: number;
  batchP50Ms: number;
  batchP99Ms: number;
  /** of this process while closing */
  cpuSeconds: number;
  /** by type */
  items: Record<string, number>;
  faults: number;
}

/** Shares of subscribers, per cent: two plans in the cycle, two paid blocks that wait in the ledger, a hold. */
const [CHANGED, BLOCKS, HELD] = [5, 10, 2];

/**
 * Closes the January of everybody through the ledger, as slots do: fees in advance were itemised as it began, the close adds
 * usage by tiers, blocks and what holds and changes of plans come to. Checks that each cycle is closed and that a second
 * time makes nothing.
 */
export async function measureClose(
  options: CloseOptions,
  databaseUrl: string,
  say: (line: string) => void,
): Promise<CloseReport> {
  const schema = `load_close_${process.pid}`;
  const quiet = { warn: () => undefined };
  const admin = await connectPostgres(databaseUrl, quiet, { max: 1 });
  await admin.query(`create schema ${schema}`);
  const pool = await connectPostgres(databaseUrl, quiet, { schema, max: options.partitions + 1 });
  try {
    await migrate(pool);
    say(`making ${options.subscribers} subscribers`);
    await makeTariffs(pool, options);
    return await closeAll(pool, options, say);
  } finally {
    await pool.end();
    await admin.query(`drop schema ${schema} cascade`);
    await admin.end();
  }
}

async function closeAll(
  pool: pg.Pool,
  options: CloseOptions,
  say: (line: string) => void,
): Promise<CloseReport> {
  let faults = 0;
  const onFault = (error: unknown): void => {
    if (faults++ === 0) say(`a cycle could not be itemised: ${String(error)}`);
  };
  const keeping = new PostgresCycleKeeping(pool, { onFault });
  say('opening cycles');
  const openSeconds = await timed(async () => {
    while ((await keeping.begun(START, CHUNK)) > 0);
  });
  const ledger = new PostgresActionLedger(pool, Date.now, new CycleClose(onFault));
  const all = Array.from({ length: options.subscribers }, (_, n) => aClose(options.seed, n));
  await askForBlocks(ledger, all, options);
  // Tables of this size were analysed long ago where they came about in months.
  await pool.query('analyze');
  say('closing');
  const before = process.cpuUsage();
  const callMs: number[] = [];
  const closeSeconds = await timed(() => inSlots(ledger, all, options, callMs));
  const { user, system } = process.cpuUsage(before);
  const items = await itemsByType(pool);
  await checkClosed(pool, options);
  say('closing again');
  const againSeconds = await timed(() => inSlots(ledger, all, options, []));
  if (JSON.stringify(await itemsByType(pool)) !== JSON.stringify(items))
    throw new Error('closing a second time made items');
  callMs.sort((a, b) => a - b);
  const at = (share: number): number => callMs[Math.floor(callMs.length * share)] ?? 0;
  const calls = { batchP50Ms: at(0.5), batchP99Ms: at(0.99), cpuSeconds: (user + system) / 1e6 };
  return { options, openSeconds, closeSeconds, againSeconds, ...calls, items, faults };
}

/** Each slot closes its share, call after call. */
async function inSlots(
  ledger: PostgresActionLedger,
  all: readonly ClosedCycle[],
  { partitions, batch }: CloseOptions,
  callMs: number[],
): Promise<void> {
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const own = all.filter((_cycle, n) => n % partitions === partition);
      for (let at = 0; at < own.length; at += batch) {
        const slot = { group: 'load', topic: 'close', partition };
        const begin = performance.now();
        await ledger.insert(slot, at + 1, { closedCycles: own.slice(at, at + batch) });
        callMs.push(performance.now() - begin);
      }
    }),
  );
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

function shareOf(
  seed: number,
  n: number,
): { isChanged: boolean; hasBlocks: boolean; isHeld: boolean; downBytes: number } {
  const random = new Random(seed, `close-${n}`);
  return {
    isChanged: random.chance(CHANGED / 100),
    hasBlocks: random.chance(BLOCKS / 100),
    isHeld: random.chance(HELD / 100),
    downBytes: random.between(1, 90) * GB,
  };
}

function aClose(seed: number, n: number): ClosedCycle {
  const { isChanged, hasBlocks, downBytes } = shareOf(seed, n);
  const of = (planId: string, fromMs: number, toMs: number, bytes: number): ClosedPart => ({
    ...{ fromMs, toMs, planId, version: 1, unlimited: false, countedBytes: bytes },
    ...{ classes: [{ serviceClass: '', downBytes: bytes, upBytes: 0 }], offPeak: [] },
  });
  const half = Math.floor(downBytes / 2);
  return {
    ...{ subscriberId: idOf(n), cycleStartMs: START, cycleEndMs: END, planId: isChanged ? 'fast' : 'home' },
    classes: [{ serviceClass: '', downBytes, upBytes: 0 }],
    ...{ adjustedDownBytes: 0, adjustedUpBytes: 0, partition: 0, offset: n },
    parts: isChanged
      ? [of('home', START, MIDDLE, half), of('fast', MIDDLE, END, downBytes - half)]
      : [of('home', START, END, downBytes)],
    allowance: { baseBytes: 50 * GB, carryInBytes: 0, carryOutBytes: 0, topUps: [] },
    overage: hasBlocks
      ? { blocks: 2, soldBytes: 2 * BLOCK, overBytes: 2 * BLOCK - 1, correctedBytes: 0 }
      : { blocks: 0, soldBytes: 0, overBytes: -GB, correctedBytes: 0 },
  };
}

function idOf(n: number): string {
  return `load-${n}`;
}

/** Blocks that no dispatcher has come to yet. */
async function askForBlocks(
  ledger: PostgresActionLedger,
  all: readonly ClosedCycle[],
  { batch }: CloseOptions,
): Promise<void> {
  const intents = all.flatMap(({ subscriberId, overage }) =>
    Array.from({ length: overage?.blocks ?? 0 }, (_, n): ActionIntent => {
      const id = overageItemKey(subscriberId, START, 'data', n + 1);
      const block = { block: n + 1, blockBytes: BLOCK, priceMinor: 500, currency: 'EUR' };
      return anIntent({ id, kind: 'overage', subscriberId, cycleStartMs: START, overage: block });
    }),
  );
  for (let at = 0; at < intents.length; at += batch)
    await ledger.insert({ group: 'load', topic: 'blocks', partition: 0 }, at + 1, {
      intents: intents.slice(at, at + batch),
    });
}

async function makeTariffs(pool: pg.Pool, { subscribers, seed }: CloseOptions): Promise<void> {
  for (const terms of [aPlan('home', 3_000), aPlan('fast', 5_000)])
    await pool.query('insert into plan_version (plan_id, version, content, terms) values ($1, 1, $2, $3)', [
      ...[terms.planId, JSON.stringify(terms.metering), JSON.stringify(terms)],
    ]);
  const shares = Array.from({ length: subscribers }, (_, n) => shareOf(seed, n));
  await inTransaction(pool, async (client) => {
    // Rows are made as they are: what profiles say of them is no part of this.
    await client.query(`select set_config('weir.derived', 'on', true)`);
    await client.query(`set local statement_timeout = 0`);
    await client.query(
      `insert into account (account_id, currency, anchor_day) select 'acct-load-' || n, 'EUR', 1 from generate_series(0, $1 - 1) n`,
      [subscribers],
    );
    await client.query(
      `insert into subscriber (subscriber_id, profile, account_id, zone, overage_consent)
       select 'load-' || n, '{}', 'acct-load-' || n, 'Europe/Berlin', true from generate_series(0, $1 - 1) n`,
      [subscribers],
    );
    await client.query(
      `insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
       select s.subscriber_no, plan_id, from_at, to_at, 'api' from unnest($1::boolean[]) with ordinality as t(changed, n)
         join subscriber s on s.subscriber_id = 'load-' || (t.n - 1)
         cross join lateral (values ('home', '2025-06-01'::timestamptz, case when changed then $2::timestamptz end),
           ('fast', case when changed then $2::timestamptz end, null)) as v(plan_id, from_at, to_at)
       where from_at is not null`,
      [shares.map(({ isChanged }) => isChanged), new Date(MIDDLE)],
    );
    await client.query(
      `insert into hold (subscriber_no, kind, from_at, to_at, source)
       select s.subscriber_no, 'customer', '2026-01-10', '2026-01-20', 'api'
       from unnest($1::boolean[]) with ordinality as t(held, n) join subscriber s on s.subscriber_id = 'load-' || (t.n - 1)
       where held`,
      [shares.map(({ isHeld }) => isHeld)],
    );
  });
  await pool.query('analyze');
}

function aPlan(planId: string, feeMinor: number): PlanTerms {
  return {
    ...{ planId, version: 1, name: planId, currency: 'EUR', taxClass: 'standard', effectiveFromMs: null },
    recurring: { feeMinor, when: 'advance' },
    usage: {
      mode: 'graduated',
      includedBytes: 20 * GB,
      tiers: [
        { toBytes: 20 * GB, unitBytes: GB, priceMicro: 50_000_000 },
        { toBytes: null, unitBytes: GB, priceMicro: 20_000_000 },
      ],
    },
    heldPerMille: { customer: 0, 'non-payment': 1_000, fraud: 1_000, legal: 1_000 },
    metering: {
      ...{ family: planId, capBytes: 50 * GB, counted: 'down', downBps: 1, upBps: 1, classFactors: {} },
      overage: { blockBytes: BLOCK, blockPriceMinor: 500, currency: 'EUR', maxBlocks: 10 },
    },
  };
}

async function itemsByType(pool: pg.Pool): Promise<Record<string, number>> {
  const found = await pool.query<{ type: string; count: number }>(
    `select i.type, count(*)::float8 as count from billing_item i join invoice_delivery d using (key)
     where d.state = 'pending' group by 1 order by 1`,
  );
  return Object.fromEntries(found.rows.map(({ type, count }) => [type, count]));
}

async function checkClosed(pool: pg.Pool, { subscribers }: CloseOptions): Promise<void> {
  const found = await pool.query<{ closed: number; differ: number }>(
    `select count(*) filter (where status = 'closed')::float8 as closed, count(*) filter (where terms_differ)::float8 as differ
     from cycle where start_at = to_timestamp($1::float8 / 1000)`,
    [START],
  );
  const [row] = found.rows;
  if (row?.closed !== subscribers || row.differ !== 0)
    throw new Error(
      `${row?.closed ?? 0} of ${subscribers} cycles are closed, terms of ${row?.differ ?? 0} differ`,
    );
}
