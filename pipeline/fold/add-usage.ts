import type { CycleCalendar } from '../../rules/cycle.ts';
import { planOf } from '../decide/facts-of.ts';
import type { Cause } from '../decide/intents.ts';
import type { Metered } from '../meter/meter.ts';
import { addToCycle, cycleRule } from '../window/cycles.ts';
import { spread } from '../window/spread.ts';
import type { SpreadPart } from '../window/spread.ts';
import type { BatchEffects } from './effects.ts';
import type { SlotState, Subscriber, WindowTotal } from './slot-state.ts';
import { windowKey } from './slot-state.ts';

/** Adds a record's delta to cycles and windows; what is older than allowed lateness becomes late rows. */
export function addUsage(
  state: SlotState,
  subscriber: Subscriber,
  metered: Metered,
  cause: Cause,
  effects: BatchEffects,
  calendar: CycleCalendar,
): void {
  const { zone, anchorDay } = cycleRule(subscriber, state.settings.defaultZone);
  const cuts = (fromMs: number, toMs: number): number[] =>
    cycleStarts(calendar, zone, anchorDay, fromMs, toMs);
  const parts = spread(metered.delta, metered.fromMs, metered.atMs, state.watermarkMs, cuts);
  const isEstimated = parts.length > 1 || metered.session.startEstimated;
  if (isEstimated && !metered.flags.includes('estimated')) state.flags.estimated += 1;
  const planId = planOf(state, subscriber)?.planId ?? '';
  let late = 0;
  for (const part of parts) {
    if (part.down + part.up === 0) continue;
    if (addToCycle(subscriber, part.fromMs, part, calendar, state.settings.defaultZone))
      effects.cold.add(subscriber);
    if (part.windowStartMs === null) {
      addLate(subscriber, metered, part, planId, cause, effects, late);
      late += 1;
    } else
      addToWindow(
        state,
        subscriber,
        metered,
        part,
        part.windowStartMs,
        planId,
        cause,
        effects,
        parts.length > 1,
      );
  }
}

function addLate(
  subscriber: Subscriber,
  metered: Metered,
  part: SpreadPart,
  planId: string,
  cause: Cause,
  effects: BatchEffects,
  index: number,
): void {
  effects.oneShots.push({
    key: `${cause.offset}.l${index}`,
    row: {
      kind: 'late',
      offset: cause.offset,
      subscriberId: subscriber.id,
      fromMs: part.fromMs,
      toMs: part.toMs,
      serviceClass: metered.session.serviceClass,
      nasId: metered.session.nasId,
      planId,
      down: part.down,
      up: part.up,
    },
  });
}

function addToWindow(
  state: SlotState,
  subscriber: Subscriber,
  metered: Metered,
  part: SpreadPart,
  startMs: number,
  planId: string,
  cause: Cause,
  effects: BatchEffects,
  estimated: boolean,
): void {
  const { serviceClass, nasId } = metered.session;
  const total = windowTotal(state, startMs, subscriber.id, serviceClass, nasId);
  // A row that is ahead of its subscriber comes from a torn write: it holds this record already.
  if (total.version > cause.offset && !effects.windows.has(total)) return;
  total.down += part.down;
  total.up += part.up;
  total.planId = planId;
  total.estimated ||= estimated;
  total.version = cause.offset + 1;
  effects.windows.add(total);
}

function windowTotal(
  state: SlotState,
  startMs: number,
  subscriberId: string,
  serviceClass: string,
  nasId: string,
): WindowTotal {
  let rows = state.windows.get(startMs);
  if (rows === undefined) {
    rows = new Map();
    state.windows.set(startMs, rows);
  }
  const key = windowKey(subscriberId, serviceClass, nasId);
  let total = rows.get(key);
  if (total === undefined) {
    total = {
      startMs,
      subscriberId,
      serviceClass,
      nasId,
      planId: '',
      estimated: false,
      version: 0,
      down: 0,
      up: 0,
    };
    rows.set(key, total);
  }
  return total;
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
