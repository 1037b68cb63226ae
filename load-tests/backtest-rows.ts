import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type pg from 'pg';

/** How much is made. */
export interface BacktestLoad {
  subscribers: number;
  days: number;
  /** 5-minute windows with usage a day, spread over it; divides 288 */
  windows: number;
  /** 1970-based, ms; the beginning of a day */
  fromMs: number;
}

/** Those that the shipped policies are for; each has a cap of its own. */
const PLANS = ['home-lite', 'home-100', 'home-300'];
const GIB = 1_073_741_824;
/** Rows an INSERT makes: a part of some 100 MB. */
const ROWS_AN_INSERT = 24_000_000;

/** Plans and subscribers, made inside the database; ids as `sub-0000001`, in some zones and with all anchor days. */
export async function makeSubscribers(pool: pg.Pool, load: BacktestLoad): Promise<void> {
  await pool.query(
    `insert into plan_version (plan_id, version, content)
     select id, 1, jsonb_build_object('planId', id, 'version', 1, 'family', 'home', 'capBytes', cap, 'counted', 'both',
       'downBps', 100000000, 'upBps', 20000000, 'classFactors', '{}'::jsonb, 'offPeakFactors', '{}'::jsonb,
       'overage', jsonb_build_object('blockBytes', 10000000000, 'blockPriceMinor', 299, 'currency', 'EUR', 'maxBlocks', 5))
     from (select ($1::text[])[n] as id, n * $2::bigint as cap from generate_series(1, cardinality($1::text[])) as n) as made`,
    [PLANS, 30 * GIB],
  );
  await pool.query(
    `insert into subscriber (subscriber_id, profile)
     select id, jsonb_build_object('subscriberId', id, 'userName', 'user-' || n, 'segment', 'residential', 'tags', '[]'::jsonb,
       'zone', (array['Europe/Berlin', 'Europe/London', 'America/New_York'])[1 + n % 3], 'anchorDay', 1 + n % 28,
       'assignments', jsonb_build_array(jsonb_build_object('planId', ($2::text[])[1 + n % cardinality($2::text[])], 'fromMs', 0, 'toMs', null)),
       'topUps', '[]'::jsonb, 'carryOverBytes', 0, 'holds', '[]'::jsonb, 'poolId', null,
       'billingStatus', 'current', 'overageConsent', n % 2 = 0)
     from (select n, 'sub-' || lpad(n::text, 7, '0') as id from generate_series(0, $1::int - 1) as n) as made
       -- A backtest reads profiles alone: that they become rows would take the trigger minutes.
       cross join (select set_config('weir.derived', 'on', true)) as quiet`,
    [load.subscribers, PLANS],
  );
}

/** Usage of all of them, made inside ClickHouse: about 0.2 GiB in each of 24 windows a day, some lines far more. */
export async function makeUsage(clickhouseUrl: string, load: BacktestLoad): Promise<number> {
  const client = createClient({
    url: clickhouseUrl,
    request_timeout: 600_000,
    log: { level: ClickHouseLogLevel.OFF },
  });
  const perSubscriber = load.days * load.windows;
  const rows = load.subscribers * perSubscriber;
  const everyWindows = 288 / load.windows;
  try {
    for (let from = 0; from < rows; from += ROWS_AN_INSERT) {
      const count = Math.min(ROWS_AN_INSERT, rows - from);
      await client.command({
        query: `INSERT INTO usage_window
          (subscriber_id, window_start, service_class, nas_id, log_partition, plan_id, down_bytes, up_bytes, estimated, version)
          SELECT concat('sub-', leftPad(toString(line), 7, '0')),
            toDateTime(${String(load.fromMs / 1000)}, 'UTC') + (step * ${String(everyWindows)} + cityHash64(number) % ${String(everyWindows)}) * 300,
            '', concat('nas-', toString(line % 20)), line % 4, '',
            (cityHash64(number, 1) % ${String(Math.round((0.2 * GIB * 24 * 2) / load.windows))}) * if(line % 10 = 0, 4, 1),
            cityHash64(number, 2) % 20000000, false, number + 1
          FROM (SELECT number + ${String(from)} AS number, intDiv(number, ${String(perSubscriber)}) AS line,
            number % ${String(perSubscriber)} AS step FROM numbers(${String(count)}))`,
      });
    }
    return rows;
  } finally {
    await client.close();
  }
}
