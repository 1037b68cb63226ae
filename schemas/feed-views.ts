import type { Flag, OutcomeCounts } from './outcome.ts';
import type { NasProfile } from './profile.ts';

/** What the feed of one NAS was like in one hour of append time, over all partitions. Times are ISO 8601 UTC. */
export interface FeedHourView {
  /** '' = those that no place was left for, and records that name none */
  nasId: string;
  /** start of the hour */
  hour: string;
  records: number;
  outcomes: OutcomeCounts;
  flags: Record<Flag, number>;
  /** append time - event time, ms; negative where the NAS's clock is ahead */
  skewMedianMs: number;
  skewMaxMs: number;
  /** learned or configured; null = not known, 0 = it sends none */
  interimSeconds: number | null;
  openSessions: number;
  /** its counters may have wrapped unseen: nobody can bill from its figures */
  notBillable: boolean;
}

/** What the feed of one NAS was like over all hours asked for. */
export interface FeedSummaryView {
  nasId: string;
  records: number;
  /** of the records, 0 to 1 */
  duplicateShare: number;
  deadLetters: number;
  /** sessions that ended without a Stop */
  missingStops: number;
  /** weighted by records */
  skewMedianMs: number;
  /** farthest from zero */
  skewMaxMs: number;
  /** of the newest hour that knew it */
  interimSeconds: number | null;
  /** in the newest hour */
  openSessions: number;
  /** in any hour */
  notBillable: boolean;
  /** start of the newest hour with anything of it */
  lastHour: string;
}

/** Feed quality; hours that begin from `from` up to `to`. */
export interface FeedsView {
  from: string;
  to: string;
  /** by NAS id */
  nas: FeedSummaryView[];
  /** newest first */
  hours: FeedHourView[];
  /** there is more than is listed: ask for less time or one NAS */
  truncated: boolean;
}

/** How records of NAS are read; the one with id `*` holds for all that are not listed. */
export interface NasProfilesView {
  profiles: NasProfile[];
}

/** How records of a feed are read. */
export interface FeedProfileView {
  feedId: string;
  /** sessions that began before are not charged for what they carried before their first record; null = all are */
  countFrom: string | null;
}

export interface FeedProfilesView {
  profiles: FeedProfileView[];
}

/** A change that was taken and waits for its turn in the log. */
export interface TakenView {
  /** what of: a subscriber's id or the layout's version */
  of: string;
  change: string;
  by: string;
}
