import type { CompiledRule } from '../../rules/compile/policy.ts';
import { LONGEST_CYCLE_MS } from '../../rules/cycle.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import type { ConditionResult } from '../../schemas/action.ts';
import type { Holding, PolicyEvent } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { RuleState, SlotState, Subscriber } from '../fold/slot-state.ts';
import { isToldRule, sameEffect } from './desired.ts';
import { asksForBlocks } from './extras.ts';

/** An effect is held at least this long while its conditions come and go. */
const DEFAULT_MIN_HOLD_SECONDS = 900;

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

/** What a rule does next for one subscriber; `charge` = it goes on, and more paid blocks are due. */
type Step = 'none' | 'begin' | 'end' | 'wait' | 'charge';

/** One rule that began or ended, or goes on and charges. */
export interface Transition {
  /** null = it was withdrawn, or no longer applies */
  rule: CompiledRule | null;
  state: RuleState;
  change: 'began' | 'ended' | 'charged';
  explanation: ConditionResult[];
}

/** What deciding about one subscriber at one moment goes by. */
interface Moment {
  now: number;
  cycleStartMs: number;
  plan: PlanVersion | null;
  facts: Facts;
  /** an absurd claim (accounting case 20) begins nothing; what acts may end */
  mayBegin: boolean;
}

/**
 * True where `transitionsOf` would do anything: nearly always it would not, and asking costs neither a generator nor
 * an object a record. Needs only the facts that policies in force ask about.
 */
export function hasTransitions(
  state: SlotState,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  facts: Facts,
): boolean {
  const cycleStartMs = subscriber.cycles[0]?.startMs;
  if (cycleStartMs === undefined) return false;
  const { rules } = subscriber;
  const now = state.watermarkMs;
  const mayBegin = !subscriber.suspended;
  let active = 0;
  for (const entry of rules) {
    if (entry.active) active += isToldRule(entry.key) ? 0 : 1;
    else if (!isNeeded(entry, now)) return true;
  }
  for (const policy of state.compiled.concerning(facts.planId, facts.segment)) {
    if (!policy.includes(subscriber.id)) continue;
    for (const rule of policy.rules) {
      const holds = rule.holds(facts);
      const known = rules.length === 0 ? undefined : rules.find((entry) => entry.key === rule.key);
      if (known?.active !== true) {
        if (holds && mayBegin) return true;
        continue;
      }
      active -= 1;
      if (stepOf(rule, subscriber, known, holds, { now, cycleStartMs, plan, facts, mayBegin }) !== 'none')
        return true;
    }
  }
  // What acts and no rule was found for was withdrawn, or no longer applies.
  return active > 0;
}

/**
 * Evaluates every rule that applies, edge-triggered: yields a Confirmation for each transition and takes the library's
 * verdict as final. Changes the subscriber's rule states in place; returns the transitions in rule order.
 * Rules that were withdrawn, or no longer apply, end. Needs all facts: the library explains with them.
 */
export function* transitionsOf(
  state: SlotState,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  facts: Facts,
): Generator<Confirmation, Transition[], Confirmed> {
  const cycleStartMs = subscriber.cycles[0]?.startMs;
  if (cycleStartMs === undefined) return [];
  const moment: Moment = {
    now: state.watermarkMs,
    cycleStartMs,
    plan,
    facts,
    mayBegin: !subscriber.suspended,
  };
  const done: Transition[] = [];
  const seen = new Set<string>();
  for (const policy of state.compiled.concerning(facts.planId, facts.segment)) {
    if (!policy.includes(subscriber.id)) continue;
    for (const rule of policy.rules) {
      seen.add(rule.key);
      const known = subscriber.rules.find((entry) => entry.key === rule.key);
      const holds = rule.holds(facts);
      if (stepOf(rule, subscriber, known, holds, moment) === 'none') continue;
      const verdict = yield { rule, facts, holds };
      const step = stepOf(rule, subscriber, known, verdict.holds, moment);
      const explanation = verdict.results;
      if (step === 'begin') done.push(begin(subscriber, rule, known, moment, explanation));
      else if (known === undefined) continue;
      else if (step === 'end') done.push(end(known, rule, cycleStartMs, explanation));
      else if (step === 'charge') done.push({ rule, state: known, change: 'charged', explanation });
      else if (step === 'wait') known.releaseMs = releaseAt(rule.event, known);
    }
  }
  for (const entry of subscriber.rules) {
    if (entry.active && !seen.has(entry.key) && !isToldRule(entry.key))
      done.push(end(entry, null, cycleStartMs, []));
  }
  forgetOld(subscriber, moment.now);
  return done;
}

function stepOf(
  rule: CompiledRule,
  subscriber: Subscriber,
  known: RuleState | undefined,
  holds: boolean,
  { now, cycleStartMs, plan, facts, mayBegin }: Moment,
): Step {
  if (known?.active !== true) return holds && mayBegin ? 'begin' : 'none';
  if (holds) {
    // A new policy version may ask for something else: that is a transition of its own.
    if (!sameEffect(rule.effect, known.effect)) return mayBegin ? 'begin' : 'none';
    if (rule.event.type !== 'overage' || rule.shadow || !mayBegin) return 'none';
    return asksForBlocks(rule, subscriber, plan, facts, cycleStartMs) ? 'charge' : 'none';
  }
  const holding = holdingOf(rule.event);
  if (holding === null) return 'end';
  const until = holding.until ?? 'while';
  const rolled = cycleStartMs > known.cycleStartMs;
  if (until === 'cycle-end') return rolled || (facts.capRemainingBytes ?? 1) > 0 ? 'end' : 'none';
  if (until === 'while' && rolled) return 'end';
  const release = releaseAt(rule.event, known);
  if (now >= release) return 'end';
  return known.releaseMs === release ? 'none' : 'wait';
}

/** How long an event's effect lasts; null where it has none that lasts. */
function holdingOf(event: PolicyEvent): Holding | null {
  return event.type === 'throttle' || event.type === 'block' || event.type === 'redirect'
    ? event.params
    : null;
}

/** Earliest event time at which an active rule may end while the cycle lasts. */
function releaseAt(event: PolicyEvent, known: RuleState): number {
  const holding = holdingOf(event);
  if (holding === null) return known.sinceMs;
  const { until, minHoldSeconds = DEFAULT_MIN_HOLD_SECONDS } = holding;
  return known.sinceMs + (typeof until === 'object' ? until.seconds : minHoldSeconds) * 1000;
}

function begin(
  subscriber: Subscriber,
  rule: CompiledRule,
  known: RuleState | undefined,
  { now, cycleStartMs }: Moment,
  explanation: ConditionResult[],
): Transition {
  const state: RuleState = known ?? {
    key: rule.key,
    active: false,
    sinceMs: now,
    cycleStartMs,
    ordinal: 0,
    effect: null,
    releaseMs: null,
  };
  if (known === undefined) subscriber.rules.push(state);
  countChange(state, cycleStartMs);
  state.active = true;
  state.sinceMs = now;
  state.effect = rule.effect;
  const isTimed = typeof holdingOf(rule.event)?.until === 'object';
  state.releaseMs = isTimed ? releaseAt(rule.event, state) : null;
  return { rule, state, change: 'began', explanation };
}

function end(
  state: RuleState,
  rule: CompiledRule | null,
  cycleStartMs: number,
  explanation: ConditionResult[],
): Transition {
  countChange(state, cycleStartMs);
  state.active = false;
  state.effect = null;
  state.releaseMs = null;
  return { rule, state, change: 'ended', explanation };
}

/**
 * The ordinal grows with every action of the rule within a cycle. Where a changed anchor moved the cycle's start back, it goes
 * on counting in the later one: beginning anew would give an id that was given before.
 */
export function countChange(state: RuleState, cycleStartMs: number): void {
  const isLater = cycleStartMs > state.cycleStartMs;
  state.ordinal = isLater ? 1 : state.ordinal + 1;
  if (isLater) state.cycleStartMs = cycleStartMs;
}

/** Inactive states are needed for the ordinals of any cycle that may still contain the watermark, whatever its anchor. */
function isNeeded(entry: RuleState, now: number): boolean {
  return entry.active || entry.cycleStartMs >= now - LONGEST_CYCLE_MS;
}

function forgetOld(subscriber: Subscriber, now: number): void {
  if (!subscriber.rules.every((entry) => isNeeded(entry, now)))
    subscriber.rules = subscriber.rules.filter((entry) => isNeeded(entry, now));
}
