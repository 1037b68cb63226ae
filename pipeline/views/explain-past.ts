import { CycleCalendar } from '../../rules/cycle.ts';
import { offPeakBands } from '../../rules/off-peak.ts';
import { STATE_KINDS } from '../../schemas/action.ts';
import type { Effect } from '../../schemas/action.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { Analytics, UsageReading } from '../../storage/analytics-ports.ts';
import type { LedgerAction } from '../../storage/ports.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import { boundsAt, cycleRule } from '../window/calendar-rule.ts';
import { addToCycle, rollCycles } from '../window/cycles.ts';
import { addToDays } from '../window/days.ts';
import { addToHours } from '../window/hours.ts';
import { noteWindows } from '../window/peaks.ts';
import { WINDOW_MS } from '../window/spread.ts';
import type { StoredSubscriber } from './stored-subscriber.ts';

/** The usual day looks back on so many days; one more for hours that clocks repeat. */
const LOOK_BACK_MS = 29 * 24 * 3_600_000;
/** Sessions that were open at one time. */
const MAX_SESSIONS = 200;

/** A subscriber as it may have been, with what no total tells. */
export interface PastSubscriber extends StoredSubscriber {
  openSessions: number;
  /** of the open ones the oldest; null = none was open */
  oldestStartMs: number | null;
}

/**
 * A subscriber at a time that is over: usage as analytics has it, in windows that had ended by then; effect and paid extras by
 * the ledger's actions; the rest of the profile, and plans, as they are now. The same functions add up usage as when it was
 * metered, so facts come out the same but for what came late or was corrected by operators.
 *
 * @param actions those decided before, the newest first
 */
export async function pastSubscriber(
  analytics: Pick<Analytics, 'subscriberUsage' | 'sessionHistory'>,
  stored: StoredSubscriber,
  atMs: number,
  actions: readonly LedgerAction[],
): Promise<PastSubscriber> {
  const calendar = new CycleCalendar();
  const state: SlotState = { ...stored.state, watermarkMs: atMs };
  const { id, profile, sessions } = stored.subscriber;
  const subscriber = newSubscriber(id, state.settings);
  subscriber.profile = profile === null ? null : asOfThen(profile);
  subscriber.keepsParts = stored.subscriber.keepsParts;
  const { defaultZone } = state.settings;
  rollCycles(subscriber, atMs, calendar, defaultZone);
  const cycle = boundsAt(subscriber, atMs, calendar, defaultZone);
  setBroughtAlong(subscriber, stored.subscriber, cycle.startMs);
  const { zone } = cycleRule(subscriber, defaultZone);
  const day = calendar.day(zone, atMs);
  const fromMs = Math.max(0, Math.min(cycle.startMs, day.startMs - LOOK_BACK_MS));
  const span = { by: 'start', startThroughMs: atMs, endFromMs: atMs + 1, limit: MAX_SESSIONS } as const;
  const [usage, closedSince] = await Promise.all([
    analytics.subscriberUsage(id, fromMs, Math.floor(atMs / WINDOW_MS) * WINDOW_MS),
    analytics.sessionHistory(id, span),
  ]);
  addWindows(state, subscriber, usage, calendar);
  setEffect(subscriber, actions);
  setExtras(subscriber, actions, cycle.startMs);
  const starts = [...sessions, ...closedSince].map(({ startMs }) => startMs).filter((ms) => ms <= atMs);
  return {
    state,
    subscriber,
    openSessions: starts.length,
    oldestStartMs: starts.length === 0 ? null : Math.min(...starts),
  };
}

/** What began with a change of a later instant was not in force then. */
function asOfThen({ asOfMs: _, ...profile }: SubscriberProfile): SubscriberProfile {
  return profile;
}

/** What the cycle began with is known while it runs: what was carried over, and what of top-ups was used before. */
function setBroughtAlong(then: Subscriber, now: Subscriber, cycleStartMs: number): void {
  if (now.cycles[0]?.startMs !== cycleStartMs) return;
  then.carry = now.carry;
  then.topUpUses = now.topUpUses.map((use) => ({ ...use, usedBytes: 0 }));
}

/** Readings are ordered by window. */
function addWindows(
  state: SlotState,
  subscriber: Subscriber,
  usage: readonly UsageReading[],
  calendar: CycleCalendar,
): void {
  const { defaultZone } = state.settings;
  const { zone } = cycleRule(subscriber, defaultZone);
  const bands = offPeakBands(state.provider.offPeak, calendar);
  for (const [fromMs, classes] of windowsOf(usage)) {
    const toMs = fromMs + WINDOW_MS;
    const offPeak = bands.isOffPeak(zone, fromMs);
    const shares = [...classes].map(([serviceClass, bytes]) => ({ serviceClass, ...bytes }));
    const parts = shares.map(({ serviceClass, down, up }) => ({
      serviceClass,
      parts: [{ windowStartMs: fromMs, fromMs, toMs, down, up }],
    }));
    noteWindows(subscriber, parts, calendar, zone);
    for (const share of shares) {
      const carried = { ...share, offPeak };
      addToHours(subscriber, fromMs, toMs, carried, calendar, zone);
      addToDays(subscriber, fromMs, toMs, carried, calendar, defaultZone);
      addToCycle(subscriber, fromMs, carried, calendar, defaultZone, toMs);
    }
  }
}

/** Window start -> class -> bytes over all NAS. */
function windowsOf(usage: readonly UsageReading[]): Map<number, Map<string, { down: number; up: number }>> {
  const windows = new Map<number, Map<string, { down: number; up: number }>>();
  for (const { windowStartMs, serviceClass, downBytes, upBytes } of usage) {
    const classes = windows.get(windowStartMs) ?? new Map<string, { down: number; up: number }>();
    windows.set(windowStartMs, classes);
    const total = classes.get(serviceClass) ?? { down: 0, up: 0 };
    classes.set(serviceClass, { down: total.down + downBytes, up: total.up + upBytes });
  }
  return windows;
}

/** True of actions that set the line. */
export function setsLine({ intent }: LedgerAction): boolean {
  return STATE_KINDS.some((kind) => kind === intent.kind);
}

function setEffect(subscriber: Subscriber, actions: readonly LedgerAction[]): void {
  const changes = actions.filter(setsLine);
  const [last] = changes;
  const effect = last === undefined ? null : effectOf(last);
  if (last === undefined || effect === null) return;
  subscriber.effect = effect;
  // One that follows another of its kind goes on with it.
  const before = changes.findIndex((change) => effectOf(change)?.state !== effect.state);
  const first = before < 0 ? changes.at(-1) : changes[before - 1];
  const { policyId, rule, cycleStartMs, ordinal, decidedAtMs: sinceMs } = (first ?? last).intent;
  const key = `${policyId}/${rule}`;
  subscriber.rules.push({ key, active: true, sinceMs, cycleStartMs, ordinal, effect, releaseMs: null });
}

function effectOf({ intent }: LedgerAction): Effect | null {
  const { state, profile, downBps, upBps } = intent.desired;
  switch (state) {
    case 'throttle':
      return { state, downBps, upBps, profile };
    case 'redirect':
      return { state, profile: profile ?? '' };
    case 'block':
    case 'hold':
      return { state };
    case 'boost':
      return { state, downBps, upBps };
    default:
      return null;
  }
}

function setExtras(subscriber: Subscriber, actions: readonly LedgerAction[], cycleStartMs: number): void {
  const own = actions.filter(({ intent }) => intent.cycleStartMs === cycleStartMs);
  const sold = own.flatMap(({ intent }) => (intent.overage === null ? [] : [intent.overage.blockBytes]));
  const blocks = sold.length;
  const soldBytes = sold.reduce((a, b) => a + b, 0);
  const topUps = own.filter(({ intent }) => intent.kind === 'topup').length;
  if (blocks + topUps > 0) subscriber.overage = { cycleStartMs, blocks, soldBytes, topUps };
}
