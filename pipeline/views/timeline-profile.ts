import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { TimelineEntry } from '../../schemas/timeline-views.ts';
import { iso } from './timeline-entries.ts';
import { sizeWords, speedWords } from './explain-words.ts';

type ProfileEntry = Extract<TimelineEntry, { kind: 'profile' }>;

/** Plans, top-ups, holds and boosts that begin or end, as the profile has them: what was taken out of it is not in it. */
export function profileEntries(profile: SubscriberProfile | null): TimelineEntry[] {
  if (profile === null) return [];
  const entries: TimelineEntry[] = [];
  const put = (
    what: ProfileEntry['what'],
    name: string,
    atMs: number | null,
    begins: boolean,
    text: string,
  ): void => {
    // The beginning of time is no event.
    if (atMs !== null && atMs > 0) entries.push({ at: iso(atMs), kind: 'profile', text, what, name, begins });
  };
  for (const { planId, fromMs, toMs } of profile.assignments) {
    put('plan', planId, fromMs, true, `plan ${planId} begins`);
    // Where another plan follows at once, its beginning says enough.
    const isFollowed = profile.assignments.some((next) => next.fromMs === toMs);
    if (!isFollowed) put('plan', planId, toMs, false, `plan ${planId} ends; no plan follows`);
  }
  for (const { id, bytes, fromMs, expiresMs } of profile.topUps) {
    put('top-up', id, fromMs, true, `top-up ${id} of ${sizeWords(bytes)} is live`);
    put('top-up', id, expiresMs, false, `top-up ${id} expires`);
  }
  for (const { kind, fromMs, toMs } of profile.holds) {
    put('hold', kind, fromMs, true, `on hold (${kind})`);
    put('hold', kind, toMs, false, `hold (${kind}) ends`);
  }
  for (const { id, fromMs, expiresMs, ...speed } of profile.boosts ?? []) {
    put('boost', id, fromMs, true, `boost ${id} to ${speedWords(speed)} is live`);
    put('boost', id, expiresMs, false, `boost ${id} expires`);
  }
  return entries;
}
