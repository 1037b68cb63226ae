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
import type { Folding, RowKey } from './requests.ts';
import type { Subscriber, WindowTotal } from './slot-state.ts';

/**
 * Adds a record's delta to days, cycles and windows. What is older than allowed lateness becomes late rows; what belongs to
 * a closed cycle is an adjustment besides.
 */
export function* addUsage(
  context: FoldContext,
  subscriber: Subscriber,
  metered: Metered,
  cause: Cause,
): Folding<void> {
  const { state, calendar } = context;
  const { zone, anchorDay } = cycleRule(subscriber, state.settings.defaultZone);
  const cuts = (fromMs: number, toMs: number): number[] =>
    cycleStarts(calendar, zone, anchorDay, fromMs, toMs);
  const planId = planOf(state, subscriber)?.planId ?? '';
  let isEstimated = metered.session.startEstimated;
  for (const share of metered.shares) {
    if (share.down + share.up === 0) continue;
    const parts = spread(share, metered.fromMs, metered.atMs, state.watermarkMs, cuts);
    isEstimated ||= parts.length > 1;
    yield* loadRows(subscriber, parts, share.serviceClass, metered.session.nasId);
    for (const part of parts) {
      if (part.down + part.up === 0) continue;
      const usage = { ...part, serviceClass: share.serviceClass, nasId: metered.session.nasId, planId };
      addToTotals(context, subscriber, usage, cause);
      if (part.windowStartMs === null) addLate(context, subscriber, usage, cause);
      else addToWindow(context, subscriber, usage, part.windowStartMs, parts.length > 1, cause);
    }
  }
  if (isEstimated && !metered.flags.includes('estimated')) state.flags.estimated += 1;
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
  const isAhead = total.version > cause.offset && !effects.windows.has(total);
  if (!isAhead) {
    total.down += usage.down;
    total.up += usage.up;
    total.planId = usage.planId;
    total.estimated ||= estimated;
    total.version = cause.offset + 1;
    effects.windows.add(total);
  }
  state.windows.set(startMs, Math.max(state.windows.get(startMs) ?? 0, total.version));
}

/** Rows that may be stored and are not in memory. Later ones than any that was written need no look. */
function* loadRows(
  subscriber: Subscriber,
  parts: readonly SpreadPart[],
  serviceClass: string,
  nasId: string,
): Folding<void> {
  let keys: RowKey[] | null = null;
  for (const { windowStartMs } of parts) {
    if (windowStartMs === null || windowStartMs > subscriber.rowsThroughMs) continue;
    if (rowOf(subscriber, windowStartMs, serviceClass, nasId) !== undefined) continue;
    keys ??= [];
    keys.push({ startMs: windowStartMs, serviceClass, nasId });
  }
  if (keys !== null) yield { kind: 'rows', subscriber, keys };
}

/** A row in memory. */
export function rowOf(
  subscriber: Subscriber,
  startMs: number,
  serviceClass: string,
  nasId: string,
): WindowTotal | undefined {
  return subscriber.rows.find(
    (row) => row.startMs === startMs && row.nasId === nasId && row.serviceClass === serviceClass,
  );
}

function windowTotal(
  subscriber: Subscriber,
  startMs: number,
  serviceClass: string,
  nasId: string,
): WindowTotal {
  const known = rowOf(subscriber, startMs, serviceClass, nasId);
  if (known !== undefined) return known;
  const subscriberId = subscriber.id;
  const names = { startMs, subscriberId, serviceClass, nasId, planId: '' };
  const made = { ...names, estimated: false, version: 0, down: 0, up: 0 };
  subscriber.rows.push(made);
  subscriber.rowsThroughMs = Math.max(subscriber.rowsThroughMs, startMs);
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
