import { planOf } from '../decide/in-force.ts';
import type { Cause } from '../decide/intents.ts';
import type { Metered } from '../meter/meter.ts';
import { offPeakBands } from '../../rules/off-peak.ts';
import { cycleRule } from '../window/calendar-rule.ts';
import { adjustmentsOf, joinAdjustments } from './beyond-close.ts';
import type { Beyond } from './beyond-close.ts';
import { addToCycle } from '../window/cycles.ts';
import { addToDays, daysBetween } from '../window/days.ts';
import { addToHours } from '../window/hours.ts';
import { noteWindows } from '../window/peaks.ts';
import { oldestOpenWindow, spread, WINDOW_MS } from '../window/spread.ts';
import type { SpreadPart } from '../window/spread.ts';
import type { BatchEffects } from './effects.ts';
import { reckonLate } from './cycle-end.ts';
import type { FoldContext } from './fold.ts';
import { putOneShot } from './one-shot.ts';
import type { RowKey } from './requests.ts';
import { windowKey } from '../window/window-key.ts';
import { POLICY_FACTS_VERSION } from './slot-state.ts';
import type { CycleTotal, SlotState, Subscriber, WindowTotal } from './slot-state.ts';

/** One service class's share of a delta, cut into windows and late pieces. */
export interface Spread {
  serviceClass: string;
  parts: SpreadPart[];
}

/**
 * Cuts a record's delta by class, window and, where it is late, by day: whatever the anchor is now, it lies in days as it would with
 * any other, so that cycles can be made anew from these.
 */
export function spreadOf(context: FoldContext, subscriber: Subscriber, metered: Metered): readonly Spread[] {
  const { watermarkMs } = context.state;
  const { shares, fromMs, atMs } = metered;
  if (shares.length === 0) return NO_SPREADS;
  const cuts = fromMs < oldestOpenWindow(watermarkMs) ? daysOf(context, subscriber) : NO_CUTS;
  const spreads: Spread[] = [];
  for (const share of shares) {
    if (share.down + share.up === 0) continue;
    const parts = spread(share, fromMs, atMs, watermarkMs, cuts);
    spreads.push({ serviceClass: share.serviceClass, parts });
  }
  return spreads;
}

const NO_SPREADS: readonly Spread[] = [];
const NO_CUTS = (): number[] => [];

/** Beginnings of the days within a stretch of time. */
function daysOf(
  { state, calendar }: FoldContext,
  subscriber: Subscriber,
): (fromMs: number, toMs: number) => number[] {
  return (fromMs, toMs) =>
    daysBetween(subscriber, fromMs, toMs, calendar, state.settings.defaultZone)
      .slice(1)
      .map(({ startMs }) => startMs);
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
 * Adds a record's delta to days, cycles and windows. What is older than allowed lateness becomes one late row a cycle; what
 * belongs to a closed cycle is an adjustment besides. Rows that `missingRows` names have been looked for.
 */
export function addUsage(
  context: FoldContext,
  subscriber: Subscriber,
  spreads: readonly Spread[],
  nasId: string,
  cause: Cause,
): void {
  const origin: Origin = { nasId, planId: planOf(context.state, subscriber)?.planId ?? '' };
  const { zone } = cycleRule(subscriber, context.state.settings.defaultZone);
  if (keepsPolicyFacts(context.state)) noteWindows(subscriber, spreads, context.calendar, zone);
  let past: Set<CycleTotal> | null = null;
  for (const { parts } of spreads) {
    let late = null as Late | null;
    for (const part of parts) {
      if (part.down + part.up === 0) continue;
      part.offPeak = isOffPeak(context, zone, part);
      const cycle = addToTotals(context, subscriber, part);
      if (cycle !== subscriber.cycles[0]) (past ??= new Set()).add(cycle);
      if (part.windowStartMs !== null) {
        if (cycle.closed)
          adjust(context, subscriber, adjustmentsOf(context.state, cycle, part), nasId, cycle, cause);
        addToWindow(context, subscriber, part, origin, part.windowStartMs, parts.length > 1, cause);
      } else {
        const beyond = cycle.closed ? adjustmentsOf(context.state, cycle, part) : [];
        if (late?.cycle === cycle) {
          late.part.toMs = part.toMs;
          late.part.down += part.down;
          late.part.up += part.up;
          joinAdjustments(late.beyond, beyond);
        } else {
          if (late !== null) addLate(context, subscriber, late, origin, cause);
          late = { part, cycle, beyond };
        }
      }
    }
    if (late !== null) addLate(context, subscriber, late, origin, cause);
  }
  if (past === null) return;
  // The oldest first: of a top-up it has what there is, and the next one has what it leaves.
  for (const cycle of [...past].sort((a, b) => a.startMs - b.startMs))
    reckonLate(context.state, subscriber, cycle);
}

/** Bytes of one record that become one late row, and what of them comes after their cycle's close. */
interface Late {
  part: SpreadPart;
  cycle: CycleTotal;
  beyond: Beyond[];
}

/** What rows say of a record besides its bytes: the NAS that reported it, and the plan. */
interface Origin {
  nasId: string;
  planId: string;
}

/** The layout before has no room for what policies ask about besides cycles and days: it is kept from the change on. */
function keepsPolicyFacts({ blobVersion }: SlotState): boolean {
  return blobVersion >= POLICY_FACTS_VERSION;
}

/** By the beginning of its window; what is late by its own. */
function isOffPeak({ state, calendar }: FoldContext, zone: string, part: SpreadPart): boolean {
  if (!keepsPolicyFacts(state)) return false;
  const bands = offPeakBands(state.provider.offPeak, calendar);
  return bands.isOffPeak(zone, part.windowStartMs ?? part.fromMs);
}

function addToTotals(
  { state, effects, calendar }: FoldContext,
  subscriber: Subscriber,
  usage: SpreadPart,
): CycleTotal {
  const { defaultZone } = state.settings;
  const { fromMs, toMs } = usage;
  if (keepsPolicyFacts(state)) {
    const { zone } = cycleRule(subscriber, defaultZone);
    if (addToHours(subscriber, fromMs, toMs, usage, calendar, zone)) effects.cold.add(subscriber);
  }
  if (addToDays(subscriber, fromMs, toMs, usage, calendar, defaultZone)) effects.cold.add(subscriber);
  const cycle = addToCycle(subscriber, fromMs, usage, calendar, defaultZone, toMs);
  if (subscriber.pastCycles.includes(cycle)) effects.cold.add(subscriber);
  return cycle;
}

/** Usage of a cycle that went to billing. */
function adjust(
  { state, effects, touch }: FoldContext,
  subscriber: Subscriber,
  beyond: readonly Beyond[],
  nasId: string,
  cycle: CycleTotal,
  cause: Cause,
): void {
  for (const { serviceClass, down, up, partFromMs, offPeak } of beyond) {
    effects.outbox.push({
      kind: 'adjustment',
      adjustment: {
        id: `${state.partition}:${cause.offset}:${touch.serial}`,
        subscriberId: subscriber.id,
        cycleStartMs: cycle.startMs,
        cycleEndMs: cycle.endMs,
        serviceClass,
        downBytes: down,
        upBytes: up,
        reason: 'late-usage',
        detail: `NAS ${nasId}`,
        ...(partFromMs === null ? {} : { partFromMs }),
        ...(offPeak ? { offPeak } : {}),
        partition: state.partition,
        offset: cause.offset,
      },
    });
    touch.serial += 1;
  }
}

function addLate(
  context: FoldContext,
  subscriber: Subscriber,
  { part, cycle, beyond }: Late,
  { nasId, planId }: Origin,
  cause: Cause,
): void {
  adjust(context, subscriber, beyond, nasId, cycle, cause);
  const { fromMs, toMs, serviceClass, down, up } = part;
  const { id: subscriberId } = subscriber;
  const row = { subscriberId, fromMs, toMs, serviceClass, nasId, planId, down, up };
  putOneShot(context, subscriber, { kind: 'late', offset: cause.offset, ...row }, cause);
}

function addToWindow(
  { state, effects }: FoldContext,
  subscriber: Subscriber,
  usage: SpreadPart,
  { nasId, planId }: Origin,
  startMs: number,
  estimated: boolean,
  cause: Cause,
): void {
  const total = windowTotal(effects, subscriber, startMs, usage.serviceClass, nasId);
  if (subscriber.rows.length > USUAL_ROWS) effects.crowded.add(subscriber);
  // A row that is ahead of its subscriber comes from a torn write: it holds this record already.
  if (total.version <= cause.offset || effects.windows.has(total)) {
    total.down += usage.down;
    total.up += usage.up;
    total.planId = planId;
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

/** Rows of a subscriber that stay in memory without a further look: of the newest two windows, where it has one session. */
const USUAL_ROWS = 2;

/** A row that nothing was added to yet. */
export function emptyRow(
  subscriberId: string,
  startMs: number,
  serviceClass: string,
  nasId: string,
  key = windowKey(subscriberId, serviceClass, nasId),
): WindowTotal {
  return {
    startMs,
    key,
    subscriberId,
    serviceClass,
    nasId,
    planId: '',
    estimated: false,
    version: 0,
    down: 0,
    up: 0,
  };
}

function windowTotal(
  effects: BatchEffects,
  subscriber: Subscriber,
  startMs: number,
  serviceClass: string,
  nasId: string,
): WindowTotal {
  const known = rowOf(subscriber, startMs, serviceClass, nasId);
  if (known !== null) return known;
  const made = emptyRow(
    subscriber.id,
    startMs,
    serviceClass,
    nasId,
    keyBefore(subscriber, serviceClass, nasId),
  );
  addRow(effects, subscriber, made);
  if (startMs > subscriber.rowsThroughMs) subscriber.rowsThroughMs = startMs;
  return made;
}

/** The key that a row of another window has already: it is the same one. */
function keyBefore({ rows }: Subscriber, serviceClass: string, nasId: string): string | undefined {
  for (const row of rows) if (row.nasId === nasId && row.serviceClass === serviceClass) return row.key;
  return undefined;
}

/**
 * With nearly every record a window begins: in place of what then lies behind the newest two. That is stored, unless this very
 * batch has changed it.
 */
function addRow(effects: BatchEffects, subscriber: Subscriber, made: WindowTotal): void {
  const { rows } = subscriber;
  let newestMs = made.startMs;
  for (const { startMs } of rows) if (startMs > newestMs) newestMs = startMs;
  let kept = 0;
  for (const row of rows) {
    if (row.startMs < newestMs - WINDOW_MS && !effects.windows.has(row)) continue;
    rows[kept] = row;
    kept += 1;
  }
  if (kept < rows.length) {
    rows[kept] = made;
    rows.length = kept + 1;
    // Not push, which makes room for 16 more: few are ever added.
  } else subscriber.rows = [...rows, made];
}
