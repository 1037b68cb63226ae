import type { CycleCalendar } from '../../rules/cycle.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { Cause } from '../decide/intents.ts';
import { boundsAt } from '../window/calendar-rule.ts';
import { rebaseCycles } from '../window/cycles.ts';
import { alignParts } from '../window/parts.ts';
import { moveCycles } from './cycle-end.ts';
import { profileFor } from './for-layout.ts';
import type { SlotState, Subscriber } from './slot-state.ts';

/** A clock of the directory that is ahead of the log's may not bring about what is to come later, by more than so much. */
const MOST_AHEAD_MS = 5 * 60_000;

/** What the slot goes by of a profile. The instant of the last change does not go back, and lies about as far as the log. */
export function actingProfile(
  given: SubscriberProfile,
  before: SubscriberProfile | null,
  blobVersion: number,
  cause: Cause,
): SubscriberProfile {
  const profile = profileFor(given, blobVersion);
  const known = before?.asOfMs;
  if (profile.asOfMs === undefined) return known === undefined ? profile : { ...profile, asOfMs: known };
  const asOfMs = Math.min(profile.asOfMs, cause.appendTimeMs + MOST_AHEAD_MS);
  return { ...profile, asOfMs: known === undefined ? asOfMs : Math.max(known, asOfMs) };
}

/**
 * Gives a subscriber another profile: cycles that lie elsewhere by it are made anew, and parts are cut where it has boundaries. What
 * time has done to the subscriber comes before.
 */
export function takeProfile(
  state: SlotState,
  subscriber: Subscriber,
  profile: SubscriberProfile,
  calendar: CycleCalendar,
): void {
  const { watermarkMs, settings } = state;
  const { defaultZone } = settings;
  const before = subscriber.profile;
  subscriber.profile = profile;
  if (hasMoved(subscriber, before, calendar, defaultZone)) {
    // Who had none had nothing but bytes.
    if (before === null) rebaseCycles(subscriber, watermarkMs, calendar, defaultZone);
    else moveCycles(state, subscriber, calendar);
  }
  alignParts(subscriber, calendar, profile.zone);
}

/**
 * True where cycles lie elsewhere by the new profile. Where one of them knows other rules than months only those that are open
 * count: a change that begins as a cycle ends moves none of them.
 */
function hasMoved(
  subscriber: Subscriber,
  before: SubscriberProfile | null,
  calendar: CycleCalendar,
  defaultZone: string,
): boolean {
  const { profile, cycles, pastCycles } = subscriber;
  if (profile === null) return false;
  if ((before?.zone ?? defaultZone) !== profile.zone) return true;
  const rules = [before?.cycle, before?.cycleChanges, profile.cycle, profile.cycleChanges];
  if (rules.every((rule) => rule === undefined)) return (before?.anchorDay ?? 1) !== profile.anchorDay;
  return [...cycles, ...pastCycles].some(({ startMs, endMs, closed }) => {
    if (closed) return false;
    const bounds = boundsAt(subscriber, startMs, calendar, defaultZone);
    return bounds.startMs !== startMs || bounds.endMs !== endMs;
  });
}
