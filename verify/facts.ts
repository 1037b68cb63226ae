import type { PlanVersion } from '../schemas/profile.ts';
import { asNumber } from './allowance.ts';
import { nothing } from './amount.ts';
import type { Facts } from './conditions.ts';
import { notBelow0 } from './counted.ts';
import type { Cycle } from './cycle-book.ts';
import { extrasIn } from './extras.ts';
import type { Line } from './line.ts';
import type { LocalCalendar } from './local-calendar.ts';
import type { OffPeakWalk } from './off-peak.ts';
import type { PlanBook } from './plan-book.ts';
import { percentOf } from './pools.ts';
import { baseIn, carriedInto, countedIn, coverageOf, currentView, poolOf } from './tariff.ts';
import type { View } from './tariff.ts';
import { totalOf } from './totals.ts';
import type { Total } from './totals.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A window is of interest for 10 minutes after its end. */
const WINDOW_AGE_MS = 15 * MINUTE;

/** What facts depend on besides the subscriber. */
export interface FactWorld {
  calendar: LocalCalendar;
  offPeak: OffPeakWalk;
  defaultZone: string;
  plans: PlanBook;
  /** the slot's layout has parts of cycles, carry-over and use of top-ups */
  tariffs: boolean;
}

/** Everything that a policy may ask of a subscriber, at an instant of event time. */
export function factsAt(line: Line, plan: PlanVersion | null, atMs: number, world: FactWorld): Facts {
  const { profile } = line;
  const zone = profile?.zone ?? world.defaultZone;
  const { date, dayOfWeek, hour } = world.calendar.timeAt(zone, atMs);
  const throttles = [...line.rules].flatMap(([key, { active, effect: asks, sinceMs }]) =>
    active && asks?.state === 'throttle' && !key.startsWith('~') ? [sinceMs] : [],
  );
  const isThrottled = throttles.length > 0;
  return {
    planId: plan?.planId ?? null,
    planFamily: plan?.family ?? null,
    segment: profile?.segment ?? '',
    tags: profile?.tags ?? [],
    billingStatus: profile?.billingStatus ?? 'current',
    overageConsent: profile?.overageConsent ?? false,
    capBytes: plan?.capBytes ?? null,
    planDownBps: plan?.downBps ?? null,
    planUpBps: plan?.upBps ?? null,
    ...cycleFacts(line, atMs, world, zone),
    poolUsedPercent: poolUsed(line, atMs),
    ...recentFacts(line, atMs, world.calendar, zone),
    openSessions: line.sessions.open.length,
    longestSessionSeconds: Math.max(
      0,
      ...line.sessions.open.map(({ startMs }) => Math.floor((atMs - startMs) / 1000)),
    ),
    hourOfDay: hour,
    dayOfWeek,
    date,
    isOffPeak: world.offPeak.isOffPeak(zone, atMs),
    isThrottled,
    throttledSeconds: isThrottled ? Math.max(0, Math.floor((atMs - Math.min(...throttles)) / 1000)) : 0,
  };
}

/** Days are counted by the local dates of now, of the cycle's beginning and of its last moment. */
function cycleFacts(line: Line, atMs: number, world: FactWorld, zone: string): Facts {
  const { calendar, plans } = world;
  const cycle = line.book.current ?? NO_CYCLE;
  const { startMs, endMs } = cycle;
  const total = totalOf(cycle);
  const offPeak = totalOf({ classes: cycle.offPeak });
  const view = currentView(line, plans, atMs) ?? { line, cycle, plans, atMs, isCurrent: true };
  const counted = countedIn(view, 'before-fresh');
  const { allowance, bought } = allowanceIn(view, world.tariffs);
  const left = allowance === null ? null : counted > allowance ? 0n : allowance - counted;
  const elapsed = endMs > startMs ? Math.min(1, Math.max(0, (atMs - startMs) / (endMs - startMs))) : 0;
  const used = allowance === null ? null : percent(counted, allowance);
  const today = calendar.timeAt(zone, atMs).dayNumber;
  return {
    cycleTotalBytes: Number(total.down + total.up),
    cycleDownloadBytes: Number(total.down),
    cycleUploadBytes: Number(total.up),
    cycleOffPeakBytes: Number(offPeak.down + offPeak.up),
    cycleCountedBytes: Number(counted),
    allowanceBytes: allowance === null ? null : Number(allowance),
    capUsedPercent: used,
    capRemainingBytes: left === null ? null : Number(left),
    topUpRemainingBytes: Number(bought),
    overageBlocks: extrasIn(line, startMs).blocks,
    cycleDay: Math.max(1, today - calendar.timeAt(zone, startMs).dayNumber + 1),
    cycleDaysLeft: Math.max(0, calendar.timeAt(zone, endMs - 1).dayNumber - today),
    cycleElapsedPercent: elapsed * 100,
    projectedCapUsedPercent: used === null || elapsed < 0.05 ? null : allowance === 0n ? 100 : used / elapsed,
  };
}

function recentFacts(line: Line, atMs: number, calendar: LocalCalendar, zone: string): Facts {
  const all = periodFacts(line, atMs, calendar, zone, null);
  const { dayBytes, usualDayBytes: usual } = all;
  const names = new Set(line.book.current?.classes.keys());
  for (const day of recentDays(line, atMs, calendar, zone))
    for (const serviceClass of day.classes.keys()) names.add(serviceClass);
  names.delete('');
  const byClass = Object.create(null) as Record<string, Facts>;
  for (const name of names) {
    const { down, up } = line.book.current?.classes.get(name) ?? nothing();
    byClass[name] = {
      cycleTotalBytes: Number(down + up),
      cycleDownloadBytes: Number(down),
      cycleUploadBytes: Number(up),
      ...periodFacts(line, atMs, calendar, zone, name),
    };
  }
  return {
    ...all,
    dayToUsualPercent: usual === null || usual === 0 ? null : (dayBytes * 100) / usual,
    byClass,
  };
}

/** Today's days and those before of which the usual one is the median. */
function recentDays(line: Line, atMs: number, calendar: LocalCalendar, zone: string): Total[] {
  const { startMs, endMs } = calendar.dayAt(zone, atMs);
  return line.book.daysFrom(startMs - 28.5 * DAY, endMs);
}

interface PeriodFacts extends Facts {
  dayBytes: number;
  usualDayBytes: number | null;
}

/** Facts of windows, hours and days, of one class or of all (null). */
function periodFacts(
  line: Line,
  atMs: number,
  calendar: LocalCalendar,
  zone: string,
  serviceClass: string | null,
): PeriodFacts {
  const { hours, newest, peak } = line.recent;
  const sum = (total: Pick<Total, 'classes'>): number => {
    const { down, up } =
      serviceClass === null ? totalOf(total) : (total.classes.get(serviceClass) ?? nothing());
    return Number(down + up);
  };
  const hour = calendar.hourAt(zone, atMs);
  const day = calendar.dayAt(zone, atMs);
  const isToday = ({ startMs }: Total): boolean => startMs >= day.startMs;
  const days = recentDays(line, atMs, calendar, zone);
  const thisHour = hours.get(hour.startMs);
  const ofDay = [...hours.values()].filter(
    ({ startMs }) => startMs >= hour.startMs - 23 * HOUR && startMs < hour.endMs,
  );
  const most =
    peak?.dayStartMs !== day.startMs
      ? 0n
      : serviceClass === null
        ? peak.bytes
        : (peak.classes.get(serviceClass) ?? 0n);
  return {
    last5mBytes: newest !== null && atMs < newest.startMs + WINDOW_AGE_MS ? sum(newest) : 0,
    hourBytes: thisHour === undefined ? 0 : sum(thisHour),
    dayBytes: days.filter(isToday).reduce((bytes, one) => bytes + sum(one), 0),
    last24hBytes: ofDay.reduce((bytes, one) => bytes + sum(one), 0),
    // Bits of 300 seconds.
    peakRateBps: (Number(most) * 8000) / 300_000,
    usualDayBytes: median(days.filter((one) => !isToday(one)).map(sum)),
  };
}

/** Null below 3; of two in the middle half their sum, rounded down. */
function median(values: readonly number[]): number | null {
  if (values.length < 3) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const [low = 0, high = 0] = [Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2)].map(
    (i) => sorted[i] ?? 0,
  );
  return Math.floor((low + high) / 2);
}

/** As the pool told last, of the pool that it is in. */
function poolUsed(line: Line, atMs: number): number | null {
  const { pool } = line;
  if (pool === null || pool.poolId !== poolOf(line, atMs) || pool.heard.seq === 0) return null;
  return percentOf(pool.heard.usedBytes, pool.heard.allowanceBytes);
}

const NO_CYCLE: Cycle = {
  ...{ startMs: 0, endMs: 0, closed: false, adjusted: nothing(), parts: [], spent: null },
  classes: new Map(),
  offPeak: new Map(),
};

/** What the cycle may use for nothing, null without a cap; and what is left of live top-ups. */
function allowanceIn(view: View, tariffs: boolean): { allowance: bigint | null; bought: bigint } {
  const coverage = tariffs ? coverageOf(view) : null;
  if (coverage !== null) return { allowance: coverage.allowance, bought: coverage.left };
  const { line, atMs } = view;
  const live = (line.profile?.topUps ?? []).filter(
    ({ fromMs, expiresMs }) => fromMs <= atMs && atMs < expiresMs,
  );
  const rest = live.map(({ id, bytes }) => {
    const { before = 0n, used = 0n } = line.topUpUses.get(id) ?? {};
    return notBelow0(BigInt(bytes) - before - used);
  });
  const bought = asNumber(rest.reduce((sum, bytes) => sum + bytes, 0n));
  const base = tariffs ? null : baseIn(view);
  if (base === null) return { allowance: null, bought };
  // Before use of top-ups was known, they were used last: what is left of the allowance is left of them.
  const allowance = asNumber(base + carriedInto(view) + bought);
  const left = notBelow0(allowance - countedIn(view, 'nothing'));
  return { allowance, bought: left < bought ? left : bought };
}

/** Nothing of nothing is all of it. Multiplied first, so that a threshold is reached to the byte. */
function percent(counted: bigint, allowance: bigint): number {
  return allowance === 0n ? 100 : (Number(counted) * 100) / Number(allowance);
}
