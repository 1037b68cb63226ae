import type { CycleCalendar } from '../../rules/cycle.ts';
import { planOf } from '../decide/facts-of.ts';
import type { Cause } from '../decide/intents.ts';
import type { Metered } from '../meter/meter.ts';
import { addToCycle, cycleRule } from '../window/cycles.ts';
import { addToDays } from '../window/days.ts';
import { spread } from '../window/spread.ts';
import type { SpreadPart } from '../window/spread.ts';
import type { FoldContext } from './fold.ts';
import { putOneShot } from './one-shot.ts';
import type { RowKey } from './requests.ts';
import type { Subscriber, WindowTotal } from './slot-state.ts';

/** One service class's share of a delta, cut into windows and late pieces. */
export interface Spread {
  serviceClass: string;
  parts: SpreadPart[];
}

/** Cuts a record's delta by class, window and, where it is late, by cycle. */
export function spreadOf(context: FoldContext, subscriber: Subscriber, metered: Metered): Spread[] {
  const { state, calendar } = context;
  const { shares, fromMs, atMs } = metered;
  const spreads: Spread[] = [];
  for (const share of shares) {
    if (share.down + share.up === 0) continue;
    const parts = spread(share, fromMs, atMs, state.watermarkMs, (lateFromMs, lateToMs) => {
      const { zone, anchorDay } = cycleRule(subscriber, state.settings.defaultZone);
      return cycleStarts(calendar, zone, anchorDay, lateFromMs, lateToMs);
    });
    spreads.push({ serviceClass: share.serviceClass, parts });
  }
  return spreads;
}

/** Rows that may be stored and are not in memory; later ones than any that was written need no look. Null = none. */
export function missingRows(
  subscriber: Subscriber,
  spreads: readonly Spread[],
  nasId: string,
): RowKey[] | null {
  let keys: RowKey[] | null = null;
  for (const { serviceClass, parts } of spreads) {
    for (const { windowStartMs } of parts) {
      if (windowStartMs === null || windowStartMs > subscriber.rowsThroughMs) continue;
      if (rowOf(subscriber, windowStartMs, serviceClass, nasId) !== null) continue;
      keys ??= [];
      keys.push({ startMs: windowStartMs, serviceClass, nasId });
    }
  }
  return keys;
}

/**
 * Adds a record's delta to days, cycles and windows. What is older than allowed lateness becomes late rows; what belongs to
 * a closed cycle is an adjustment besides. Rows that `missingRows` names have been looked for.
 */
export function addUsage(
  context: FoldContext,
  subscriber: Subscriber,
  spreads: readonly Spread[],
  nasId: string,
  cause: Cause,
): void {
  const planId = planOf(context.state, subscriber)?.planId ?? '';
  for (const { serviceClass, parts } of spreads) {
    for (const part of parts) {
      if (part.down + part.up === 0) continue;
      const usage: Usage = {
        serviceClass,
        nasId,
        planId,
        windowStartMs: part.windowStartMs,
        fromMs: part.fromMs,
        toMs: part.toMs,
        down: part.down,
        up: part.up,
      };
      addToTotals(context, subscriber, usage, cause);
      if (part.windowStartMs === null) addLate(context, subscriber, usage, cause);
      else addToWindow(context, subscriber, usage, part.windowStartMs, parts.length > 1, cause);
    }
  }
}

/** Bytes of one service class within one window or late piece. */
interface Usage extends SpreadPart {
  serviceClass: string;
  nasId: string;
  planId: string;
}

function addToTotals(
  { state, effects, calendar, touch }: FoldContext,
  subscriber: Subscriber,
  usage: Usage,
  cause: Cause,
): void {
  const { defaultZone } = state.settings;
  if (addToDays(subscriber, usage.fromMs, usage.toMs, usage, calendar, defaultZone))
    effects.cold.add(subscriber);
  const cycle = addToCycle(subscriber, usage.fromMs, usage, calendar, defaultZone);
  if (!subscriber.pastCycles.includes(cycle)) return;
  effects.cold.add(subscriber);
  if (!cycle.closed) return;
  effects.outbox.push({
    kind: 'adjustment',
    adjustment: {
      id: `${state.partition}:${cause.offset}:${touch.serial}`,
      subscriberId: subscriber.id,
      cycleStartMs: cycle.startMs,
      cycleEndMs: cycle.endMs,
      serviceClass: usage.serviceClass,
      downBytes: usage.down,
      upBytes: usage.up,
      reason: 'late-usage',
      detail: `NAS ${usage.nasId}`,
      partition: state.partition,
      offset: cause.offset,
    },
  });
  touch.serial += 1;
}

function addLate(context: FoldContext, subscriber: Subscriber, usage: Usage, cause: Cause): void {
  const { fromMs, toMs, serviceClass, nasId, planId, down, up } = usage;
  const { id: subscriberId } = subscriber;
  const row = { subscriberId, fromMs, toMs, serviceClass, nasId, planId, down, up };
  putOneShot(context, subscriber, { kind: 'late', offset: cause.offset, ...row }, cause);
}

function addToWindow(
  { state, effects }: FoldContext,
  subscriber: Subscriber,
  usage: Usage,
  startMs: number,
  estimated: boolean,
  cause: Cause,
): void {
  const total = windowTotal(subscriber, startMs, usage.serviceClass, usage.nasId);
  // A row that is ahead of its subscriber comes from a torn write: it holds this record already.
  if (total.version <= cause.offset || effects.windows.has(total)) {
    total.down += usage.down;
    total.up += usage.up;
    total.planId = usage.planId;
    total.estimated ||= estimated;
    total.version = cause.offset + 1;
    effects.windows.add(total);
  } else effects.sawAhead = true;
  if ((state.windows.get(startMs) ?? 0) < total.version) state.windows.set(startMs, total.version);
}

/** A row in memory; null where there is none. */
export function rowOf(
  { rows }: Subscriber,
  startMs: number,
  serviceClass: string,
  nasId: string,
): WindowTotal | null {
  // The newest is nearly always the one.
  for (let i = rows.length - 1; i >= 0; i -= 1) {
    const row = rows[i];
    if (row?.startMs === startMs && row.nasId === nasId && row.serviceClass === serviceClass) return row;
  }
  return null;
}

function windowTotal(
  subscriber: Subscriber,
  startMs: number,
  serviceClass: string,
  nasId: string,
): WindowTotal {
  const known = rowOf(subscriber, startMs, serviceClass, nasId);
  if (known !== null) return known;
  const made: WindowTotal = {
    startMs,
    subscriberId: subscriber.id,
    serviceClass,
    nasId,
    planId: '',
    estimated: false,
    version: 0,
    down: 0,
    up: 0,
  };
  subscriber.rows.push(made);
  if (startMs > subscriber.rowsThroughMs) subscriber.rowsThroughMs = startMs;
  return made;
}

/** Cycle boundaries inside (fromMs, toMs), ascending. */
function cycleStarts(
  calendar: CycleCalendar,
  zone: string,
  anchorDay: number,
  fromMs: number,
  toMs: number,
): number[] {
  const starts: number[] = [];
  for (
    let at = calendar.at(zone, anchorDay, fromMs).endMs;
    at < toMs;
    at = calendar.at(zone, anchorDay, at).endMs
  ) {
    starts.push(at);
  }
  return starts;
}
