import type { Flag, Outcome, OutcomeCounts } from '../../schemas/outcome.ts';
import { FLAGS, noOutcomes, OUTCOMES } from '../../schemas/outcome.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import type { FeedQualityRow } from '../../storage/analytics-ports.ts';
import { notBillable } from '../meter/nas-profile.ts';
import { addSkew, noSkews, skewMedian } from './skews.ts';
import type { Skews } from './skews.ts';

const HOUR_MS = 3_600_000;
/** An estimate says nothing before it has seen as many samples. */
const KNOWN_AFTER_SAMPLES = 8;
/** Each sample moves an estimate by this share of their difference: one odd sample of 16 intervals moves it by one. */
const SMOOTHING = 16;
const MIN_INTERIM_MS = 30_000;
const MAX_INTERIM_MS = 6 * HOUR_MS;
const MAX_LEAD_MS = HOUR_MS;
/** A clock that is this far ahead would carry the watermark along. */
const AHEAD_MS = 60_000;

/** A running average of whole ms. */
export interface Estimate {
  estimateMs: number;
  samples: number;
}

/** Records of one hour of append time. */
export interface FeedHourTotals {
  /** ms since 1970 UTC; 0 = nothing was noted yet */
  startMs: number;
  outcomes: OutcomeCounts;
  flags: Record<Flag, number>;
  skews: Skews;
  /** fastest line whose records came, bit/s */
  lineBps: number;
}

/** What a slot knows of one NAS: a pure function of the slot's log. Bytes of it are commit/feed-codec.ts. */
export interface NasFeed {
  /** '' = all those that found no room in the table, and records that name none */
  nasId: string;
  /** greatest event time, ms since 1970 UTC; 0 = never */
  heardMs: number;
  /** time between two records of a session */
  interim: Estimate;
  /** how far its clock is ahead of the log's, negative = behind; the transport's delay is in it */
  lead: Estimate;
  /** below 0 where sessions were opened under '' and closed under their NAS, which found room since, or the reverse */
  openSessions: number;
  hour: FeedHourTotals;
  /** offset + 1 of the last input that changed it */
  version: number;
}

/** A record as its feed sees it. */
export interface RecordNote {
  offset: number;
  appendTimeMs: number;
  /** as the NAS stamped it, null = not at all */
  eventTimeMs: number | null;
  /** the record's time (accounting case 15) */
  atMs: number;
  outcome: Outcome;
  flags: readonly Flag[];
  /** faster direction of the subscriber's line, bit/s; where it is not known, what an absurd claim is measured by */
  lineBps: number;
}

/** Something about a NAS's sessions that is not (only) a record of its. */
export interface SessionNote {
  offset: number;
  appendTimeMs: number;
  /** sessions opened less sessions closed */
  opened: number;
  /** e.g. missing-stop; null = none */
  flag: Flag | null;
}

/** A row as the feed knows it. */
export type FeedHourRow = Omit<FeedQualityRow, 'partition'>;

/** A NAS of which nothing was heard. */
export function emptyFeed(nasId: string): NasFeed {
  return {
    nasId,
    heardMs: 0,
    interim: { estimateMs: 0, samples: 0 },
    lead: { estimateMs: 0, samples: 0 },
    openSessions: 0,
    hour: { startMs: 0, outcomes: noOutcomes(), flags: noFlags(), skews: noSkews(), lineBps: 0 },
    version: 0,
  };
}

/**
 * True where the feed already holds what the input at this offset told: only after a torn write, when the log is read
 * again. To be asked once an input, before the first note of it, and only of feeds that no input since loading changed.
 */
export function holdsInput(feed: NasFeed, offset: number): boolean {
  return feed.version > offset;
}

/**
 * Counts a record. Not idempotent: see holdsInput.
 *
 * @returns the row of the hour before where the record begins a new hour of append time, else null. Hours only go
 *   forward: a record with an older append time counts in the present hour.
 */
export function noteRecord(feed: NasFeed, note: RecordNote, nas: NasProfile): FeedHourRow | null {
  const { hour } = feed;
  const began = beginsHour(feed, note.appendTimeMs);
  const finished = began ? nextHour(feed, note.appendTimeMs, nas) : null;
  hour.outcomes[note.outcome] += 1;
  for (const flag of note.flags) hour.flags[flag] += 1;
  if (note.eventTimeMs !== null) addSkew(hour.skews, note.appendTimeMs - note.eventTimeMs);
  hour.lineBps = began ? note.lineBps : Math.max(hour.lineBps, note.lineBps);
  if (note.atMs > feed.heardMs) feed.heardMs = note.atMs;
  feed.version = note.offset + 1;
  return finished;
}

/** Counts what happened to sessions of the NAS besides its records, e.g. a time-out. Returns as noteRecord does. */
export function noteSession(feed: NasFeed, note: SessionNote, nas: NasProfile): FeedHourRow | null {
  const finished = beginsHour(feed, note.appendTimeMs) ? nextHour(feed, note.appendTimeMs, nas) : null;
  feed.openSessions += note.opened;
  if (note.flag !== null) feed.hour.flags[note.flag] += 1;
  feed.version = note.offset + 1;
  return finished;
}

/**
 * Learns the interim interval: time between two records of one open session, ms. Only what an interval can be counts:
 * 30 s to 6 h. Goes with a noteRecord, which says that the feed changed.
 */
export function noteInterim(feed: NasFeed, sampleMs: number): void {
  if (sampleMs < MIN_INTERIM_MS || sampleMs > MAX_INTERIM_MS) return;
  learn(feed.interim, sampleMs);
}

/** Learns how far the NAS's clock is ahead, ms (event time less append time). Goes with a noteRecord. */
export function noteLead(feed: NasFeed, leadMs: number): void {
  learn(feed.lead, Math.min(MAX_LEAD_MS, Math.max(-MAX_LEAD_MS, leadMs)));
}

/** True where the clock is known to be more than a minute ahead: such records do not move the watermark. */
export function isAhead(feed: NasFeed): boolean {
  return isKnown(feed, feed.lead) && feed.lead.estimateMs > AHEAD_MS;
}

/** The interim interval, ms; null while it is not known. */
export function learnedIntervalMs(feed: NasFeed): number | null {
  return isKnown(feed, feed.interim) ? feed.interim.estimateMs : null;
}

/**
 * True where the NAS's 32-bit counters may wrap unseen (accounting case 3): its lines can carry more than half of what
 * they hold between two records, or nobody knows how long that is.
 */
export function isNotBillable(feed: NasFeed, nas: NasProfile): boolean {
  if (nas.gigawords) return false;
  const intervalMs = intervalOf(feed, nas);
  if (intervalMs === null || intervalMs === 0) return true;
  return notBillable(nas, feed.hour.lineBps, intervalMs);
}

/** The feed's present hour as analytics takes it. A copy: the feed goes on changing. */
export function toFeedRow(partition: number, feed: NasFeed, nas: NasProfile): FeedQualityRow {
  return { partition, ...hourRow(feed, nas) };
}

function hourRow(feed: NasFeed, nas: NasProfile): FeedHourRow {
  const { hour } = feed;
  const intervalMs = intervalOf(feed, nas);
  return {
    nasId: feed.nasId,
    hourMs: hour.startMs,
    outcomes: { ...hour.outcomes },
    flags: { ...hour.flags },
    skewMedianMs: skewMedian(hour.skews),
    skewMaxMs: hour.skews.maxMs,
    interimSeconds: intervalMs === null ? null : Math.round(intervalMs / 1000),
    openSessions: Math.max(0, feed.openSessions),
    notBillable: isNotBillable(feed, nas),
    version: feed.version,
  };
}

function intervalOf(feed: NasFeed, { interimSeconds }: NasProfile): number | null {
  return interimSeconds === null ? learnedIntervalMs(feed) : interimSeconds * 1000;
}

/** Under '' several NAS are thrown together: what is learned there is true of none. */
function isKnown(feed: NasFeed, { samples }: Estimate): boolean {
  return samples >= KNOWN_AFTER_SAMPLES && feed.nasId !== '';
}

function learn(estimate: Estimate, sampleMs: number): void {
  if (estimate.samples === 0) estimate.estimateMs = sampleMs;
  else estimate.estimateMs += Math.trunc((sampleMs - estimate.estimateMs) / SMOOTHING);
  if (estimate.samples < KNOWN_AFTER_SAMPLES) estimate.samples += 1;
}

function beginsHour(feed: NasFeed, appendTimeMs: number): boolean {
  return appendTimeMs >= feed.hour.startMs + HOUR_MS;
}

/** Begins the hour that the append time lies in; returns the row of the one before, null where there was none. */
function nextHour(feed: NasFeed, appendTimeMs: number, nas: NasProfile): FeedHourRow | null {
  const { hour } = feed;
  const finished = hour.startMs === 0 ? null : hourRow(feed, nas);
  hour.startMs = appendTimeMs - (appendTimeMs % HOUR_MS);
  for (const outcome of OUTCOMES) hour.outcomes[outcome] = 0;
  for (const flag of FLAGS) hour.flags[flag] = 0;
  // The fastest line stays until a record of the new hour comes: an hour of time-outs only is no better than the last.
  hour.skews = noSkews();
  return finished;
}

function noFlags(): Record<Flag, number> {
  return Object.fromEntries(FLAGS.map((flag) => [flag, 0])) as Record<Flag, number>;
}
