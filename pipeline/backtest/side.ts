import type { FactName, Facts } from '../../rules/facts/catalogue.ts';
import { compilePolicies } from '../../rules/compile/policy-set.ts';
import type { CycleCalendar } from '../../rules/cycle.ts';
import { offPeakBands } from '../../rules/off-peak.ts';
import type { ActionIntent, ConditionResult } from '../../schemas/action.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { factsOf, nextDueMs } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import { intentsOf } from '../decide/intents.ts';
import { hasTransitions, transitionsOf } from '../decide/transitions.ts';
import type { Confirmation } from '../decide/transitions.ts';
import { emptySlot, newSubscriber, UNREAD_SETTINGS } from '../fold/slot-state.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { addToCycle, rollCycles } from '../window/cycles.ts';
import type { Carried } from '../window/class-totals.ts';
import { addToDays } from '../window/days.ts';
import { addToHours } from '../window/hours.ts';
import { noteWindows } from '../window/peaks.ts';
import { WINDOW_MS } from '../window/spread.ts';
import type { BacktestTask, SideName } from './task.ts';

/*
 * All that a replay takes from the fold: its state, how it adds usage, how it decides. What the fold does besides (sessions,
 * window rows, billing, the store) has no part in a decision.
 */

/** One line under one set of policies. */
export interface Side {
  state: SlotState;
  subscriber: Subscriber;
}

/** Usage of one service class within one step. */
export interface StepUsage {
  startMs: number;
  serviceClass: string;
  down: number;
  up: number;
}

/** What an intent came from. */
export interface Decision {
  intent: ActionIntent;
  planId: string | null;
  /** what json-rules-engine would be asked; null where the rule went away */
  asked: Confirmation | null;
}

/** Which of a line's totals are kept: those that the policies ask about. */
export interface KeptTotals {
  hours: boolean;
  days: boolean;
  windows: boolean;
}

const NO_RESULTS: ConditionResult[] = [];
/** Purchases at one moment: a product without bytes must not go on for ever. */
const MOST_PURCHASES = 20;

/** A slot that holds nothing but these policies. */
export function slotOf(task: BacktestTask, side: SideName): SlotState {
  const state = emptySlot(0, { ...UNREAD_SETTINGS, defaultZone: task.defaultZone }, 0);
  state.provider = task.provider[side];
  for (const plan of task.plans) state.plans.put(plan, 0, 0);
  state.compiled = compilePolicies(task[side], task.provider[side]);
  return state;
}

/** A line that nothing was metered of. */
export function freshLine(state: SlotState, profile: SubscriberProfile): Subscriber {
  const subscriber = newSubscriber(profile.subscriberId, state.settings);
  subscriber.profile = profile;
  return subscriber;
}

/** Adds usage to a line's totals as the fold does; to the cycle's where `counts`. */
export function addStep(
  { state, subscriber }: Side,
  usage: StepUsage,
  gridMs: number,
  kept: KeptTotals,
  calendar: CycleCalendar,
  counts: boolean,
): void {
  const { profile } = subscriber;
  const { defaultZone } = state.settings;
  const zone = profile?.zone ?? defaultZone;
  const { startMs, serviceClass, down, up } = usage;
  const bytes: Carried = {
    serviceClass,
    down,
    up,
    offPeak: offPeakBands(state.provider.offPeak, calendar).isOffPeak(zone, startMs),
  };
  const endMs = startMs + gridMs;
  if (kept.hours) addToHours(subscriber, startMs, endMs, bytes, calendar, zone);
  if (kept.days) addToDays(subscriber, startMs, endMs, bytes, calendar, defaultZone);
  if (counts) addToCycle(subscriber, startMs, bytes, calendar, defaultZone);
}

/** Takes one 5-minute window into the newest window and the day's peak. */
export function noteWindow(
  { state, subscriber }: Side,
  usages: readonly StepUsage[],
  calendar: CycleCalendar,
): void {
  const zone = subscriber.profile?.zone ?? state.settings.defaultZone;
  const spreads = usages.map(({ startMs, serviceClass, down, up }) => ({
    serviceClass,
    parts: [{ windowStartMs: startMs, fromMs: startMs, toMs: startMs + WINDOW_MS, offPeak: false, down, up }],
  }));
  noteWindows(subscriber, spreads, calendar, zone);
}

/** Both sides carry the same usage: its totals are one line's, and the other's by reference. */
export function shareUsage(from: Subscriber, to: Subscriber): void {
  to.cycles = from.cycles;
  to.today = from.today;
  to.days = from.days;
  to.hour = from.hour;
  to.hours = from.hours;
  to.newestWindow = from.newestWindow;
  to.peak = from.peak;
}

/** Moves the line's cycle on to the one that contains an instant. */
export function roll({ state, subscriber }: Side, atMs: number, calendar: CycleCalendar): void {
  if (rollCycles(subscriber, atMs, calendar, state.settings.defaultZone)) subscriber.pastCycles = [];
}

/** The plan in force on a line at the moment that its slot has reached. */
export function planNow({ state, subscriber }: Side): PlanVersion | null {
  return planOf(state, subscriber);
}

/** The facts of a line at the moment that its slot has reached, those in `needs` at least. */
export function factsNow(
  { state, subscriber }: Side,
  plan: PlanVersion | null,
  needs: ReadonlySet<FactName>,
): Facts {
  return factsOf(state, subscriber, plan, needs);
}

/** The next instant at which a line must be looked at without usage; null = none. */
export function nextLookMs({ state, subscriber }: Side): number | null {
  return nextDueMs(state, subscriber);
}

/** True where deciding would change anything. */
export function wouldDecide({ state, subscriber }: Side, plan: PlanVersion | null, facts: Facts): boolean {
  return hasTransitions(state, subscriber, plan, facts);
}

/** Nothing of what its policies did is in the line's facts. */
export function isUntouched({ subscriber }: Side, profile: SubscriberProfile): boolean {
  return (
    subscriber.rules.length === 0 &&
    subscriber.effect === null &&
    subscriber.overage === null &&
    subscriber.profile === profile
  );
}

/**
 * Decides at the moment that the slot has reached; the compiled predicates' word is taken. Who buys a top-up has it at once, and
 * is decided about again.
 */
export function decide(side: Side): Decision[] {
  const { state, subscriber } = side;
  const decisions: Decision[] = [];
  for (let purchases = 0; purchases <= MOST_PURCHASES; purchases += 1) {
    const plan = planOf(state, subscriber);
    const facts = factsOf(state, subscriber, plan, state.compiled.facts);
    if (!hasTransitions(state, subscriber, plan, facts)) break;
    const asked: Confirmation[] = [];
    const deciding = transitionsOf(state, subscriber, plan, facts);
    let step = deciding.next();
    while (step.done !== true) {
      asked.push(step.value);
      step = deciding.next({ holds: step.value.holds, results: NO_RESULTS });
    }
    const cause = { offset: 0, appendTimeMs: state.watermarkMs };
    let bought = false;
    for (const record of intentsOf(state, subscriber, plan, facts, step.value, cause)) {
      if (record.kind !== 'action') continue;
      const { intent } = record;
      const own = asked.find(({ rule }) => rule.policyId === intent.policyId && rule.name === intent.rule);
      decisions.push({ intent, planId: plan?.planId ?? null, asked: own ?? null });
      if (grant(subscriber, intent)) bought = true;
    }
    if (!bought) break;
  }
  return decisions;
}

function grant(subscriber: Subscriber, { id, topUp }: ActionIntent): boolean {
  const { profile } = subscriber;
  if (topUp === null || profile === null) return false;
  const { bytes, fromMs, expiresMs } = topUp;
  subscriber.profile = { ...profile, topUps: [...profile.topUps, { id, bytes, fromMs, expiresMs }] };
  return true;
}
