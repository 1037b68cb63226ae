import type { Effect } from '../schemas/action.ts';
import type { SubscriberProfile } from '../schemas/profile.ts';
import type { Change } from './actions.ts';
import { effectText } from './effect.ts';
import type { Line, RuleState } from './line.ts';

/** Before the keys of what the profile gives. */
export const GIVEN = 'profile:';

/** What begins and ends so that the states with the prefix are those that are wanted: nobody asks a condition. */
export function toldChanges(
  { rules, book }: Line,
  prefix: string,
  wanted: ReadonlyMap<string, Effect>,
  nowMs: number,
): Change[] {
  const cycleStartMs = book.current?.startMs;
  if (cycleStartMs === undefined) return [];
  const changes: Change[] = [];
  const count = (state: RuleState): void => {
    state.ordinal = cycleStartMs > state.cycleStartMs ? 1 : state.ordinal + 1;
    state.cycleStartMs = Math.max(cycleStartMs, state.cycleStartMs);
  };
  for (const [key, effect] of wanted) {
    const known = rules.get(key);
    if (known?.active === true && effectText(known.effect) === effectText(effect)) continue;
    const fresh = { active: false, sinceMs: nowMs, cycleStartMs, ordinal: 0, effect: null, releaseMs: null };
    const state: RuleState = known ?? fresh;
    rules.set(key, state);
    count(state);
    Object.assign(state, { active: true, sinceMs: nowMs, effect });
    changes.push({ key, state, asked: null, what: 'began' });
  }
  for (const [key, state] of rules) {
    if (!key.startsWith(prefix) || !state.active || wanted.has(key)) continue;
    count(state);
    Object.assign(state, { active: false, effect: null });
    changes.push({ key, state, asked: null, what: 'ended' });
  }
  return changes;
}

/** What holds and boosts of the profile begin and end as event time has come to an instant. */
export function givenChanges(line: Line, watermarkMs: number, nowMs: number): Change[] {
  const wanted = new Map<string, Effect>();
  for (const kind of holdsAt(line.profile, nowMs)) wanted.set(`${GIVEN}hold/${kind}`, { state: 'hold' });
  for (const { id, downBps, upBps, fromMs, expiresMs } of line.profile?.boosts ?? [])
    if (nowMs >= fromMs && nowMs < expiresMs)
      wanted.set(`${GIVEN}boost/${id}`, { state: 'boost', downBps, upBps });
  return toldChanges(line, GIVEN, wanted, watermarkMs);
}

/** Kinds of the holds that are in force at an instant. */
export function holdsAt(profile: SubscriberProfile | null, atMs: number): string[] {
  return (profile?.holds ?? [])
    .filter(({ fromMs, toMs }) => atMs >= fromMs && atMs < (toMs ?? Number.POSITIVE_INFINITY))
    .map(({ kind }) => kind);
}

/** When holds and boosts begin and end. */
export function givenTimes(profile: SubscriberProfile | null): (number | null)[] {
  return [
    ...(profile?.holds ?? []).flatMap(({ fromMs, toMs }) => [fromMs, toMs]),
    ...(profile?.boosts ?? []).flatMap(({ fromMs, expiresMs }) => [fromMs, expiresMs]),
  ];
}
