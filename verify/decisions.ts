import type { Effect } from '../schemas/action.ts';
import type { Holding } from '../schemas/policy.ts';
import type { PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import { actionsOf } from './actions.ts';
import type { Change, Decision, Moment } from './actions.ts';
import { factsAsked, holds } from './conditions.ts';
import type { Facts } from './conditions.ts';
import { effectText } from './effect.ts';
import { blocksDue, extrasIn, termsOf } from './extras.ts';
import { factsAt } from './facts.ts';
import type { FactWorld } from './facts.ts';
import type { Line, RuleState } from './line.ts';
import { rulesFor } from './policies.ts';
import { HELD, heldChanges } from './pools.ts';
import type { AskedRule, PolicyWorld } from './policies.ts';
import { nowOf } from './tariff.ts';
import { GIVEN, givenChanges, givenTimes } from './told.ts';

/** Ordinals are kept for any cycle that may still contain the watermark: none has more than 31 days, and one of 25 hours. */
const LONGEST_CYCLE_MS = 32 * 86_400_000;
/** A window is of interest for 10 minutes after its end. */
const WINDOW_AGE_MS = 15 * 60_000;

/** What decisions depend on besides the subscriber and his plan. */
export interface DecisionWorld extends PolicyWorld, FactWorld {}

/** Looks at a subscriber at an instant of event time: rules begin and end, and what that changes becomes actions. `ownFacts` of a pool. */
export function decide(
  line: Line,
  world: DecisionWorld,
  plan: PlanVersion | null,
  moment: Moment,
  ownFacts: Facts = {},
): Decision {
  const cycle = line.book.current;
  if (line.profile === null || cycle === null) return { actions: [], shadows: [] };
  const { nowMs } = moment;
  // Slots of the layout before have no room for what holds and boosts do.
  const given = world.throttlesOnly ? [] : givenChanges(line, nowMs, nowOf(line, nowMs));
  const changes: Change[] = [...heldChanges(line, nowMs), ...given];
  const facts = { ...factsAt(line, plan, nowMs, world), ...ownFacts };
  // Case 20: nothing begins from a claim that nobody believes yet.
  const isHeldBack = [...line.sessions.open, ...line.sessions.closed].some((session) => session.absurd);
  const concerned = new Set<string>();
  for (const asked of rulesFor(line, world, plan, true)) {
    const key = `${asked.shadow ? '~' : ''}${asked.policyId}/${asked.rule.name}`;
    concerned.add(key);
    const state = line.rules.get(key);
    if (!holds(asked.rule.conditions, facts, asked.named)) {
      if (state?.active === true && mayEnd(asked, state, cycle.startMs, nowMs, facts))
        changes.push(end(key, state, asked, cycle.startMs));
    } else if (isHeldBack) continue;
    else if (state?.active !== true || !isSame(asked.effect, state.effect))
      changes.push(begin(line, key, asked, cycle.startMs, nowMs));
    else if (isMoreDue(line, asked, plan, facts, cycle.startMs))
      changes.push({ key, state, asked, what: 'charged' });
  }
  for (const [key, state] of line.rules)
    if (state.active && !concerned.has(key) && ![HELD, GIVEN].some((prefix) => key.startsWith(prefix)))
      changes.push(end(key, state, null, cycle.startMs));
  for (const [key, { active, cycleStartMs }] of line.rules)
    if (!active && cycleStartMs < nowMs - LONGEST_CYCLE_MS) line.rules.delete(key);
  return actionsOf(line, world.provider, plan, facts, changes, moment);
}

/** When the subscriber's facts or rules change without an input; null = never. */
export function nextChangeMs(
  line: Line,
  world: DecisionWorld,
  plan: PlanVersion | null,
  nowMs: number,
): number | null {
  const { profile, book, rules } = line;
  const times: (number | null)[] = [book.current?.endMs ?? null];
  for (const { active, releaseMs } of rules.values()) if (active) times.push(releaseMs);
  times.push(...clockTimes(line, world, plan, nowMs));
  const dated = datedTimes(profile).filter((atMs) => atMs !== null && atMs > nowOf(line, nowMs));
  const later = [...times, ...dated].filter((atMs) => atMs !== null && atMs > nowMs) as number[];
  return later.length === 0 ? null : Math.min(...later);
}

/** When anything of the profile begins or ends. */
function datedTimes(profile: SubscriberProfile | null): (number | null)[] {
  if (profile === null) return [];
  const { assignments, topUps, addOns = [], poolMemberships = [], carryOverUntilMs = null } = profile;
  return [
    ...[...assignments, ...addOns, ...poolMemberships].flatMap(({ fromMs, toMs }) => [fromMs, toMs]),
    ...topUps.flatMap(({ fromMs, expiresMs }) => [fromMs, expiresMs]),
    ...givenTimes(profile),
    carryOverUntilMs,
  ];
}

const BY_HOUR = ['hourOfDay', 'hourBytes', 'last24hBytes', 'cycleElapsedPercent', 'projectedCapUsedPercent'];
const BY_DAY = [
  ...['dayOfWeek', 'date', 'dayBytes', 'peakRateBps', 'usualDayBytes', 'dayToUsualPercent'],
  ...['cycleDay', 'cycleDaysLeft'],
];

/** Instants at which facts change by the clock alone, of those that policies for the plan and segment ask about. */
function clockTimes(
  line: Line,
  world: DecisionWorld,
  plan: PlanVersion | null,
  nowMs: number,
): (number | null)[] {
  if (line.profile === null) return [];
  const { zone } = line.profile;
  const { calendar } = world;
  const asked = new Set(
    rulesFor(line, world, plan, false).flatMap(({ rule, named }) => factsAsked(rule.conditions, named)),
  );
  const asks = (...names: string[]): boolean => names.some((name) => asked.has(name));
  const times: (number | null)[] = [];
  const isHourly =
    asks(...BY_HOUR, 'byClass') ||
    (asks('throttledSeconds') && isThrottled(line)) ||
    (asks('longestSessionSeconds') && line.sessions.open.length > 0);
  if (isHourly) times.push(calendar.hourAt(zone, nowMs).endMs);
  if (asks(...BY_DAY, 'byClass')) times.push(calendar.dayAt(zone, nowMs).endMs);
  if (asks('isOffPeak')) times.push(world.offPeak.nextChangeMs(zone, nowMs));
  if (asks('last5mBytes', 'byClass') && line.recent.newest !== null)
    times.push(line.recent.newest.startMs + WINDOW_AGE_MS);
  return times;
}

/** By a rule that throttles, whatever stronger effect is in force. */
function isThrottled({ rules }: Line): boolean {
  return [...rules].some(
    ([key, { active, effect }]) => active && effect?.state === 'throttle' && !key.startsWith('~'),
  );
}

function begin(line: Line, key: string, asked: AskedRule, cycleStartMs: number, nowMs: number): Change {
  const known = line.rules.get(key);
  const state = known ?? {
    active: false,
    sinceMs: nowMs,
    cycleStartMs,
    ordinal: 0,
    effect: null,
    releaseMs: null,
  };
  line.rules.set(key, state);
  countIn(state, cycleStartMs);
  state.active = true;
  state.sinceMs = nowMs;
  state.effect = asked.effect;
  const isTimed = typeof holdingOf(asked)?.until === 'object';
  state.releaseMs = isTimed ? holdsUntil(asked, state) : null;
  return { key, state, asked, what: 'began' };
}

function end(key: string, state: RuleState, asked: AskedRule | null, cycleStartMs: number): Change {
  countIn(state, cycleStartMs);
  state.active = false;
  state.effect = null;
  state.releaseMs = null;
  return { key, state, asked, what: 'ended' };
}

/** Conditions hold no more: whether the rule lets go now. Where it waits for a time only, that is noted. */
function mayEnd(
  asked: AskedRule,
  state: RuleState,
  cycleStartMs: number,
  nowMs: number,
  facts: Facts,
): boolean {
  const holding = holdingOf(asked);
  if (holding === null) return true;
  const until = holding.until ?? 'while';
  const hasRolled = cycleStartMs > state.cycleStartMs;
  if (until === 'cycle-end') return hasRolled || Number(facts['capRemainingBytes'] ?? 1) > 0;
  if (until === 'while' && hasRolled) return true;
  const untilMs = holdsUntil(asked, state);
  if (nowMs >= untilMs) return true;
  state.releaseMs = untilMs;
  return false;
}

function holdsUntil(asked: AskedRule, state: RuleState): number {
  const { until, minHoldSeconds = 900 } = holdingOf(asked) ?? {};
  return state.sinceMs + 1000 * (typeof until === 'object' ? until.seconds : minHoldSeconds);
}

/** How long what a rule does to the line lasts; null where it does nothing to it. */
function holdingOf({ rule: { event } }: AskedRule): Holding | null {
  return event.type === 'throttle' || event.type === 'block' || event.type === 'redirect'
    ? event.params
    : null;
}

/** A rule that goes on sells another block. */
function isMoreDue(
  line: Line,
  { rule, shadow }: AskedRule,
  plan: PlanVersion | null,
  facts: Facts,
  cycleStartMs: number,
): boolean {
  const terms = shadow ? null : termsOf(rule, line, plan);
  if (terms === null) return false;
  const sold = extrasIn(line, cycleStartMs);
  return blocksDue(terms, facts, sold) > sold.blocks;
}

/** Ordinals count within a cycle. An anchor that moved the cycle's start back goes on counting in the later one. */
function countIn(state: RuleState, cycleStartMs: number): void {
  if (cycleStartMs > state.cycleStartMs) {
    state.cycleStartMs = cycleStartMs;
    state.ordinal = 1;
  } else state.ordinal += 1;
}

function isSame(a: Effect | null, b: Effect | null): boolean {
  return effectText(a) === effectText(b);
}
