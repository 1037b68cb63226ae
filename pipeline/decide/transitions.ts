import type { CompiledRule } from '../../rules/compile/policy.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import type { ConditionResult, Speed } from '../../schemas/action.ts';
import type { Until } from '../../schemas/policy.ts';
import type { RuleState, SlotState, Subscriber } from '../fold/slot-state.ts';

/** A throttle is held at least this long while its conditions come and go. */
const DEFAULT_MIN_HOLD_SECONDS = 900;

/** 31 days, and one of 25 hours among them. */
const LONGEST_CYCLE_MS = 32 * 24 * 3_600_000;

/** A transition that json-rules-engine is asked to confirm before anything comes of it. */
export interface Confirmation {
  rule: CompiledRule;
  facts: Facts;
  /** what the compiled predicate said */
  holds: boolean;
}

/** The library's word. */
export interface Confirmed {
  holds: boolean;
  results: ConditionResult[];
}

/** What a rule does next for one subscriber. */
type Step = 'none' | 'begin' | 'end' | 'wait';

/** One rule that began or ended. */
export interface Transition {
  rule: CompiledRule | null;
  state: RuleState;
  began: boolean;
  explanation: ConditionResult[];
}

/**
 * True where `transitionsOf` would do anything: nearly always it would not, and asking costs neither a generator nor
 * an object a record.
 */
export function hasTransitions(state: SlotState, subscriber: Subscriber, facts: Facts): boolean {
  const cycleStartMs = subscriber.cycles[0]?.startMs;
  if (cycleStartMs === undefined) return false;
  const { rules } = subscriber;
  // An absurd claim (accounting case 20) begins nothing; what acts may end.
  const mayBegin = !subscriber.suspended;
  let active = 0;
  for (const entry of rules) if (entry.active) active += 1;
  // Inactive states wait to be forgotten.
  if (active < rules.length) return true;
  for (const policy of state.compiled.concerning(facts.planId, facts.segment)) {
    if (!policy.includes(subscriber.id)) continue;
    for (const rule of policy.rules) {
      const known = rules.length === 0 ? undefined : rules.find((entry) => entry.key === rule.key);
      const holds = rule.holds(facts);
      if (stepOf(rule, known, holds, cycleStartMs, state.watermarkMs, facts, mayBegin) !== 'none')
        return true;
      if (known?.active === true) active -= 1;
    }
  }
  // What acts and no rule was found for was withdrawn, or no longer applies.
  return active > 0;
}

/**
 * Evaluates every rule that applies, edge-triggered: yields a Confirmation for each transition and takes the library's
 * verdict as final. Changes the subscriber's rule states in place; returns the transitions in rule order.
 * Rules that were withdrawn, or no longer apply, end.
 */
export function* transitionsOf(
  state: SlotState,
  subscriber: Subscriber,
  facts: Facts,
): Generator<Confirmation, Transition[], Confirmed> {
  const cycleStartMs = subscriber.cycles[0]?.startMs;
  if (cycleStartMs === undefined) return [];
  const now = state.watermarkMs;
  const mayBegin = !subscriber.suspended;
  const done: Transition[] = [];
  const seen = new Set<string>();
  for (const policy of state.compiled.concerning(facts.planId, facts.segment)) {
    if (!policy.includes(subscriber.id)) continue;
    for (const rule of policy.rules) {
      seen.add(rule.key);
      const known = subscriber.rules.find((entry) => entry.key === rule.key);
      const holds = rule.holds(facts);
      if (stepOf(rule, known, holds, cycleStartMs, now, facts, mayBegin) === 'none') continue;
      const verdict = yield { rule, facts, holds };
      const step = stepOf(rule, known, verdict.holds, cycleStartMs, now, facts, mayBegin);
      if (step === 'begin') done.push(begin(subscriber, rule, known, cycleStartMs, now, verdict.results));
      else if (known !== undefined && step === 'end')
        done.push(end(known, rule, cycleStartMs, verdict.results));
      else if (known !== undefined && step === 'wait') known.releaseMs = releaseAt(rule, known);
    }
  }
  for (const entry of subscriber.rules) {
    if (entry.active && !seen.has(entry.key)) done.push(end(entry, null, cycleStartMs, []));
  }
  forgetOld(subscriber, now);
  return done;
}

function stepOf(
  rule: CompiledRule,
  known: RuleState | undefined,
  holds: boolean,
  cycleStartMs: number,
  now: number,
  facts: Facts,
  mayBegin: boolean,
): Step {
  if (known?.active !== true) return holds && mayBegin ? 'begin' : 'none';
  // A new policy version may ask for another speed: that is a transition of its own.
  if (holds) return sameSpeed(rule, known) ? 'none' : 'begin';
  if (rule.event.type === 'notify') return 'end';
  const until: Until = rule.event.params.until ?? 'while';
  const rolled = cycleStartMs > known.cycleStartMs;
  if (until === 'cycle-end') {
    return rolled || (facts.capRemainingBytes ?? 1) > 0 ? 'end' : 'none';
  }
  if (until === 'while' && rolled) return 'end';
  const release = releaseAt(rule, known);
  if (now >= release) return 'end';
  return known.releaseMs === release ? 'none' : 'wait';
}

function sameSpeed(rule: CompiledRule, known: RuleState): boolean {
  if (rule.event.type !== 'throttle') return true;
  return rule.event.params.downBps === known.speed?.downBps && rule.event.params.upBps === known.speed.upBps;
}

function untilOf(rule: CompiledRule): 'while' | 'latched' {
  return rule.event.type === 'throttle' && typeof rule.event.params.until === 'object' ? 'latched' : 'while';
}

/** Earliest event time at which an active rule may end while the cycle lasts. */
function releaseAt(rule: CompiledRule, known: RuleState): number {
  if (rule.event.type !== 'throttle') return known.sinceMs;
  const { until, minHoldSeconds = DEFAULT_MIN_HOLD_SECONDS } = rule.event.params;
  return known.sinceMs + (typeof until === 'object' ? until.seconds : minHoldSeconds) * 1000;
}

function begin(
  subscriber: Subscriber,
  rule: CompiledRule,
  known: RuleState | undefined,
  cycleStartMs: number,
  now: number,
  explanation: ConditionResult[],
): Transition {
  const state: RuleState = known ?? {
    key: rule.key,
    active: false,
    sinceMs: now,
    cycleStartMs,
    ordinal: 0,
    speed: null,
    releaseMs: null,
  };
  if (known === undefined) subscriber.rules.push(state);
  count(state, cycleStartMs);
  state.active = true;
  state.sinceMs = now;
  const { event } = rule;
  state.speed =
    event.type === 'throttle' ? { downBps: event.params.downBps, upBps: event.params.upBps } : null;
  state.releaseMs = untilOf(rule) === 'latched' ? releaseAt(rule, state) : null;
  return { rule, state, began: true, explanation };
}

function end(
  state: RuleState,
  rule: CompiledRule | null,
  cycleStartMs: number,
  explanation: ConditionResult[],
): Transition {
  count(state, cycleStartMs);
  state.active = false;
  state.speed = null;
  state.releaseMs = null;
  return { rule, state, began: false, explanation };
}

/**
 * The ordinal grows with every action of the rule within a cycle. Where a changed anchor moved the cycle's start back, it goes
 * on counting in the later one: beginning anew would give an id that was given before.
 */
function count(state: RuleState, cycleStartMs: number): void {
  const isLater = cycleStartMs > state.cycleStartMs;
  state.ordinal = isLater ? 1 : state.ordinal + 1;
  if (isLater) state.cycleStartMs = cycleStartMs;
}

/** Inactive states are needed for the ordinals of any cycle that may still contain the watermark, whatever its anchor. */
function forgetOld(subscriber: Subscriber, now: number): void {
  const needed = (entry: RuleState): boolean => entry.active || entry.cycleStartMs >= now - LONGEST_CYCLE_MS;
  if (!subscriber.rules.every(needed)) subscriber.rules = subscriber.rules.filter(needed);
}

/** The lowest throttle in force: by download, then upload; null = the plan's speed. */
export function lowestThrottle(subscriber: Subscriber): Speed | null {
  let lowest: Speed | null = null;
  for (const { active, speed } of subscriber.rules) {
    if (!active || speed === null) continue;
    if (
      lowest === null ||
      speed.downBps < lowest.downBps ||
      (speed.downBps === lowest.downBps && speed.upBps < lowest.upBps)
    ) {
      lowest = speed;
    }
  }
  return lowest;
}
