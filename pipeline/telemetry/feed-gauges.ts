import type { NasProfile } from '../../schemas/profile.ts';
import { isNotBillable, learnedIntervalMs } from '../feed/nas-feed.ts';
import type { NasFeed } from '../feed/nas-feed.ts';
import { skewMedian } from '../feed/skews.ts';
import { nasProfileOf } from '../meter/nas-profile.ts';
import type { Metrics } from './metrics.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** As sessions time out (accounting case 13). */
const SILENT_INTERVALS = 3;
const SHORTEST_SILENCE_MS = 15 * MINUTE_MS;
/** Where a NAS sends no interims or its interval is not known. */
const LONGEST_SILENCE_MS = 48 * HOUR_MS;

/** What of a slot tells about feeds. */
export interface FeedSlot {
  watermarkMs: number;
  feeds: { all(): Iterable<NasFeed> };
  nas: ReadonlyMap<string, NasProfile>;
}

/** One NAS over the slots; the subscribers of a NAS are spread over all of them. */
interface Heard {
  heardMs: number;
  openSessions: number;
  skewed: boolean;
  notBillable: boolean;
  silenceMs: number;
}

/**
 * Counts the NAS of this process' slots into gauges; called before a scrape. There is no label by NAS: which ones they
 * are is told by `GET /v1/feeds`. Time is event time, so a log that stands still makes nobody silent.
 */
export function setFeedGauges(
  metrics: Pick<Metrics, 'feedsHeard' | 'feedsSilent' | 'feedsSkewed' | 'feedsNotBillable'>,
  slots: readonly FeedSlot[],
): void {
  const nowMs = slots.reduce((newest, { watermarkMs }) => Math.max(newest, watermarkMs), 0);
  const counts = { heard: 0, silent: 0, skewed: 0, notBillable: 0 };
  for (const nas of byNas(slots).values()) {
    if (nas.openSessions > 0 && nas.heardMs < nowMs - nas.silenceMs) counts.silent += 1;
    if (nas.heardMs < nowMs - HOUR_MS) continue;
    counts.heard += 1;
    if (nas.skewed) counts.skewed += 1;
    if (nas.notBillable) counts.notBillable += 1;
  }
  metrics.feedsHeard.set(counts.heard);
  metrics.feedsSilent.set(counts.silent);
  metrics.feedsSkewed.set(counts.skewed);
  metrics.feedsNotBillable.set(counts.notBillable);
}

function byNas(slots: readonly FeedSlot[]): Map<string, Heard> {
  const found = new Map<string, Heard>();
  for (const { feeds, nas } of slots) {
    for (const feed of feeds.all()) {
      // Several NAS thrown together are none.
      if (feed.nasId === '') continue;
      const profile = nasProfileOf(nas, feed.nasId);
      found.set(feed.nasId, joined(found.get(feed.nasId), feed, profile));
    }
  }
  return found;
}

function joined(known: Heard | undefined, feed: NasFeed, profile: NasProfile): Heard {
  return {
    heardMs: Math.max(known?.heardMs ?? 0, feed.heardMs),
    openSessions: (known?.openSessions ?? 0) + feed.openSessions,
    skewed: known?.skewed === true || Math.abs(skewMedian(feed.hour.skews)) >= MINUTE_MS,
    notBillable: known?.notBillable === true || isNotBillable(feed, profile),
    // A slot that knows no interval must not keep one that does from telling.
    silenceMs: Math.min(known?.silenceMs ?? LONGEST_SILENCE_MS, silenceOf(feed, profile)),
  };
}

function silenceOf(feed: NasFeed, { interimSeconds }: NasProfile): number {
  const intervalMs = interimSeconds === null ? learnedIntervalMs(feed) : interimSeconds * 1000;
  if (intervalMs === null || intervalMs === 0) return LONGEST_SILENCE_MS;
  return Math.max(SILENT_INTERVALS * intervalMs, SHORTEST_SILENCE_MS);
}
