import { createHash } from 'node:crypto';
import type { ActionKind, Speed } from '../schemas/action.ts';
import { murmur2 } from '../schemas/partitioning.ts';
import type { PolicyRule, PolicyVersion } from '../schemas/policy.ts';
import type { PlanVersion } from '../schemas/profile.ts';
import { holds } from './conditions.ts';
import type { Facts } from './conditions.ts';
import { factsAt } from './facts.ts';
import type { Line, RuleState } from './line.ts';

/** Ordinals are kept for any cycle that may still contain the watermark. */
const LONGEST_CYCLE_MS = 32 * 86_400_000;
const UNLIMITED: Speed = { downBps: 10_000_000_000, upBps: 10_000_000_000 };

/** An action that the log asks for. Identity: `id`. */
export interface ExpectedAction {
  id: string;
  subscriberId: string;
  kind: ActionKind;
  policyId: string;
  rule: string;
  cycleStartMs: number;
  ordinal: number;
  desired: Speed;
  /** entry at which it is decided, and event time then */
  offset: number;
  decidedAtMs: number;
}

/** A rule that began or ended. */
interface Change {
  key: string;
  state: RuleState;
  rule: PolicyRule | null;
  began: boolean;
}

/** Looks at a subscriber at an instant of event time: rules begin and end, and what that changes becomes actions. */
export function decide(
  line: Line,
  policies: ReadonlyMap<string, PolicyVersion>,
  plan: PlanVersion | null,
  nowMs: number,
  offset: number,
): ExpectedAction[] {
  const cycle = line.book.current;
  if (line.profile === null || cycle === null) return [];
  const facts = factsAt(line, plan, nowMs);
  const isHeldBack = [...line.sessions.open, ...line.sessions.closed].some((session) => session.absurd);
  const changes: Change[] = [];
  const concerned = new Set<string>();
  for (const { policyId, rule } of rulesFor(line, policies, plan)) {
    const key = `${policyId}/${rule.name}`;
    concerned.add(key);
    const state = line.rules.get(key);
    if (holds(rule.conditions, facts)) {
      const goesOn = state?.active === true && asksFor(rule, state.speed);
      // Case 20: nothing begins from a claim that nobody believes yet.
      if (!goesOn && !isHeldBack) changes.push(begin(line, key, rule, cycle.startMs, nowMs));
    } else if (state?.active === true && mayEnd(rule, state, cycle.startMs, nowMs, facts)) {
      changes.push(end(key, state, rule, cycle.startMs));
    }
  }
  for (const [key, state] of line.rules)
    if (state.active && !concerned.has(key)) changes.push(end(key, state, null, cycle.startMs));
  for (const [key, { active, cycleStartMs }] of line.rules)
    if (!active && cycleStartMs < nowMs - LONGEST_CYCLE_MS) line.rules.delete(key);
  return actionsOf(line, plan, changes, nowMs, offset);
}

/** When the subscriber's facts or rules change without an input; null = never. */
export function nextChangeMs(line: Line, nowMs: number): number | null {
  const { profile, book, rules } = line;
  const times: (number | null)[] = [book.current?.endMs ?? null];
  for (const { active, releaseMs } of rules.values()) if (active) times.push(releaseMs);
  for (const { fromMs, toMs } of profile?.assignments ?? []) times.push(fromMs, toMs);
  for (const { fromMs, expiresMs } of profile?.topUps ?? []) times.push(fromMs, expiresMs);
  const later = times.filter((atMs) => atMs !== null && atMs > nowMs) as number[];
  return later.length === 0 ? null : Math.min(...later);
}

/** Rules of the policies that concern the subscriber: policies by id, their rules by priority, then in file order. */
function rulesFor(
  line: Line,
  policies: ReadonlyMap<string, PolicyVersion>,
  plan: PlanVersion | null,
): { policyId: string; rule: PolicyRule }[] {
  const inForce = [...policies.values()].sort((a, b) => (a.policyId < b.policyId ? -1 : 1));
  return inForce
    .filter((policy) => concerns(policy, line, plan))
    .flatMap(({ policyId, file }) =>
      [...file.rules]
        .sort((a, b) => (b.priority ?? 1) - (a.priority ?? 1))
        .map((rule) => ({ policyId, rule })),
    );
}

function concerns({ policyId, file }: PolicyVersion, line: Line, plan: PlanVersion | null): boolean {
  const { mode, percent = 0, appliesTo } = file;
  if (mode === 'off' || mode === 'shadow') return false;
  const matches = (pattern: string, name: string): boolean =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  const { plans, segments } = appliesTo ?? {};
  if (plans !== undefined && (plan === null || !plans.some((one) => matches(one, plan.planId)))) return false;
  const segment = line.profile?.segment ?? '';
  if (segments !== undefined && !segments.some((one) => matches(one, segment))) return false;
  if (mode === 'enforce') return true;
  const place = (murmur2(Buffer.from(`${policyId}\u0000${line.id}`)) >>> 0) / 2 ** 32;
  return place * 100 < percent;
}

function begin(line: Line, key: string, rule: PolicyRule, cycleStartMs: number, nowMs: number): Change {
  const known = line.rules.get(key);
  const state = known ?? {
    active: false,
    sinceMs: nowMs,
    cycleStartMs,
    ordinal: 0,
    speed: null,
    releaseMs: null,
  };
  line.rules.set(key, state);
  countIn(state, cycleStartMs);
  state.active = true;
  state.sinceMs = nowMs;
  const { event } = rule;
  state.speed =
    event.type === 'throttle' ? { downBps: event.params.downBps, upBps: event.params.upBps } : null;
  const isTimed = event.type === 'throttle' && typeof event.params.until === 'object';
  state.releaseMs = isTimed ? holdsUntil(rule, state) : null;
  return { key, state, rule, began: true };
}

function end(key: string, state: RuleState, rule: PolicyRule | null, cycleStartMs: number): Change {
  countIn(state, cycleStartMs);
  state.active = false;
  state.speed = null;
  state.releaseMs = null;
  return { key, state, rule, began: false };
}

/** Conditions hold no more: whether the rule lets go now. Where it waits for a time only, that is noted. */
function mayEnd(
  rule: PolicyRule,
  state: RuleState,
  cycleStartMs: number,
  nowMs: number,
  facts: Facts,
): boolean {
  if (rule.event.type === 'notify') return true;
  const until = rule.event.params.until ?? 'while';
  const hasRolled = cycleStartMs > state.cycleStartMs;
  if (until === 'cycle-end') return hasRolled || Number(facts['capRemainingBytes'] ?? 1) > 0;
  if (until === 'while' && hasRolled) return true;
  const untilMs = holdsUntil(rule, state);
  if (nowMs >= untilMs) return true;
  state.releaseMs = untilMs;
  return false;
}

function holdsUntil(rule: PolicyRule, state: RuleState): number {
  if (rule.event.type !== 'throttle') return state.sinceMs;
  const { until, minHoldSeconds = 900 } = rule.event.params;
  return state.sinceMs + 1000 * (typeof until === 'object' ? until.seconds : minHoldSeconds);
}

/** A newer policy may ask for another speed: that is a beginning of its own. */
function asksFor({ event }: PolicyRule, speed: Speed | null): boolean {
  if (event.type !== 'throttle') return true;
  return speed?.downBps === event.params.downBps && speed.upBps === event.params.upBps;
}

/** Ordinals count within a cycle. An anchor that moved the cycle's start back goes on counting in the later one. */
function countIn(state: RuleState, cycleStartMs: number): void {
  if (cycleStartMs > state.cycleStartMs) {
    state.cycleStartMs = cycleStartMs;
    state.ordinal = 1;
  } else state.ordinal += 1;
}

/** A notice for each rule that begins with one, and at most one change of speed: the net one. */
function actionsOf(
  line: Line,
  plan: PlanVersion | null,
  changes: readonly Change[],
  decidedAtMs: number,
  offset: number,
): ExpectedAction[] {
  const before = line.throttle;
  const throttle = lowest([...line.rules.values()]);
  const desired = throttle ?? plan ?? UNLIMITED;
  const make = (kind: ActionKind, { key, state }: Change): ExpectedAction => {
    const [policyId = '', rule = ''] = key.split('/');
    const { cycleStartMs, ordinal } = state;
    const id = actionId(policyId, rule, line.id, cycleStartMs, ordinal);
    const { downBps, upBps } = desired;
    const names = { id, subscriberId: line.id, kind, policyId, rule };
    return { ...names, cycleStartMs, ordinal, desired: { downBps, upBps }, offset, decidedAtMs };
  };
  const isNotice = ({ rule }: Change): boolean => rule?.event.type === 'notify';
  const actions = changes
    .filter((change) => isNotice(change) && change.began)
    .map((one) => make('notify', one));
  if (throttle?.downBps === before?.downBps && throttle?.upBps === before?.upBps) return actions;
  line.throttle = throttle;
  const kind = throttle === null ? 'restore' : 'throttle';
  const causes = changes.filter((change) => !isNotice(change));
  const cause = causes.find(({ began }) => began === (kind === 'throttle')) ?? causes[0];
  return cause === undefined ? actions : [...actions, make(kind, cause)];
}

/** The lowest throttle that acts: by download, then upload. */
function lowest(states: readonly RuleState[]): Speed | null {
  const speeds = states.flatMap(({ active, speed }) => (active && speed !== null ? [speed] : []));
  speeds.sort((a, b) => a.downBps - b.downBps || a.upBps - b.upBps);
  return speeds[0] ?? null;
}

/** A hash of policy, rule, subscriber, cycle and ordinal. */
function actionId(
  policyId: string,
  rule: string,
  subscriberId: string,
  cycleStartMs: number,
  ordinal: number,
): string {
  const text = JSON.stringify([policyId, rule, subscriberId, cycleStartMs, ordinal]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
