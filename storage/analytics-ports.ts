import type { Flag, OutcomeCounts } from '../schemas/outcome.ts';
import type { HistorySpan } from './history-ports.ts';
import type { LedgerAction } from './ports.ts';

/** Total of one 5-minute window; upserted by the highest version (offset + 1 of the last input that changed it). */
export interface UsageWindowRow {
  partition: number;
  subscriberId: string;
  windowStartMs: number;
  serviceClass: string;
  nasId: string;
  planId: string;
  downBytes: number;
  upBytes: number;
  estimated: boolean;
  version: number;
}

/** Part of a record older than allowed lateness. Key: partition, offset, fromMs, serviceClass, nasId. */
export interface UsageLateRow {
  partition: number;
  offset: number;
  subscriberId: string;
  fromMs: number;
  toMs: number;
  serviceClass: string;
  nasId: string;
  planId: string;
  downBytes: number;
  upBytes: number;
}

/** One closed session. Key: subscriber, NAS, session id, start; upserted by the highest version. */
export interface SessionRow {
  partition: number;
  subscriberId: string;
  nasId: string;
  sessionId: string;
  serviceName: string;
  startMs: number;
  endMs: number;
  downBytes: number;
  upBytes: number;
  terminateCause: string;
  version: number;
}

/**
 * What one NAS's feed was like within one hour of append time, as one partition saw it; upserted by the highest version.
 * Key: hour, NAS, partition.
 */
export interface FeedQualityRow {
  partition: number;
  nasId: string;
  /** start of the hour, ms since 1970 UTC */
  hourMs: number;
  outcomes: OutcomeCounts;
  flags: Record<Flag, number>;
  /** append time - event time: median, and the farthest from zero, ms; negative where the NAS's clock is ahead */
  skewMedianMs: number;
  skewMaxMs: number;
  /** learned or configured, seconds; null = none known */
  interimSeconds: number | null;
  openSessions: number;
  /** wraps of its counters can not be told: its figures can not be billed from */
  notBillable: boolean;
  version: number;
}

export interface AnalyticsBatch {
  windows: UsageWindowRow[];
  late: UsageLateRow[];
  sessions: SessionRow[];
  feeds: FeedQualityRow[];
}

/** Usage of one window as analysts see it (FINAL and late rows united). */
export interface UsageReading {
  windowStartMs: number;
  serviceClass: string;
  nasId: string;
  downBytes: number;
  upBytes: number;
}

/** Usage of a quarter of an hour, [startMs, +15 min), over all NAS; late usage is not in it. */
export interface UsageQuarter {
  startMs: number;
  classes: { serviceClass: string; downBytes: number; upBytes: number }[];
  /** part of it was spread over time by estimate */
  estimated: boolean;
}

/** Which closed sessions; what is left out does not restrict. All bounds are included, ms since 1970 UTC. */
export interface SessionSpan {
  /** the latest by this come first */
  by: 'start' | 'end';
  startFromMs?: number;
  startThroughMs?: number;
  endFromMs?: number;
  endThroughMs?: number;
  limit: number;
}

/** What the feed of one NAS was like in one hour, over all partitions. */
export type FeedQualityReading = Omit<FeedQualityRow, 'partition' | 'version'>;

/** An action as analytics holds it: opaque ids only. Upserted by updatedAtMs. */
export interface ActionRow {
  actionId: string;
  subscriberId: string;
  kind: string;
  policyId: string;
  policyVersion: string;
  rule: string;
  cycleStartMs: number;
  ordinal: number;
  downBps: number;
  upBps: number;
  state: string;
  detail: string;
  attempts: number;
  decidedAtMs: number;
  appendTimeMs: number;
  partition: number;
  offset: number;
  createdAtMs: number;
  updatedAtMs: number;
}

/**
 * Writing is idempotent: the same rows twice change nothing. Throws 'analytics-failed' or 'unreachable' (retriable).
 *
 * The methods that begin with `all` give every row once with its highest version, in pages of bounded size (never
 * empty; one subscriber is not split), by subscriber in byte order and then by key; of one subscriber if one is named.
 * Not one snapshot: what is written meanwhile may be in or not.
 */
export interface Analytics {
  migrate(): Promise<void>;
  insert(batch: AnalyticsBatch): Promise<void>;
  /** One row a closed action state; upserted by updatedAtMs. */
  insertActions(actions: readonly LedgerAction[]): Promise<void>;
  /** Windows that start in [fromMs, toMs), ordered by start, service class and NAS. Late usage is in the window where it began. */
  subscriberUsage(subscriberId: string, fromMs: number, toMs: number): Promise<UsageReading[]>;
  /** Quarters of an hour with windows that start within the span, the newest first, classes by name. */
  usageHistory(subscriberId: string, span: HistorySpan): Promise<UsageQuarter[]>;
  /** Late usage by its beginning, the newest first. */
  lateHistory(subscriberId: string, span: HistorySpan): Promise<UsageLateRow[]>;
  /** Closed sessions, the latest first; of one ms by NAS and session id. */
  sessionHistory(subscriberId: string, span: SessionSpan): Promise<SessionRow[]>;
  /**
   * Hours that start in [fromMs, toMs), of one NAS or all, ordered by hour and NAS. Counts and open sessions are sums
   * over the partitions, the median of the skew is the partitions' weighted by their records, its maximum the farthest from
   * zero, the interim interval the longest.
   */
  feedQuality(fromMs: number, toMs: number, nasId: string | null): Promise<FeedQualityReading[]>;
  allWindows(subscriberId?: string): AsyncIterable<UsageWindowRow[]>;
  allLate(subscriberId?: string): AsyncIterable<UsageLateRow[]>;
  allSessions(subscriberId?: string): AsyncIterable<SessionRow[]>;
  allActions(subscriberId?: string): AsyncIterable<ActionRow[]>;
  close(): Promise<void>;
}

/* ---------- Usage for a replay ---------- */

/** Which usage a replay is to have, and how coarse. Windows that start in [fromMs, toMs) are read. */
export interface UsageStepsRequest {
  /** subscribers after `afterId` and up to `throughId`, in byte order; null = from the first, to the last */
  afterId: string | null;
  throughId: string | null;
  fromMs: number;
  toMs: number;
  /** length of a step, ms; a multiple of 5 minutes that divides a day. Steps begin at multiples of it since 1970 UTC */
  stepMs: number;
  /** of a range that contains this one, as `usageExtent` told it just before: asked once instead of with every page */
  extent: UsageExtent;
  /** only subscribers whose hash (Kafka's murmur2 of the id, sign bit off) is below; null = all */
  hashBelow: number | null;
}

/**
 * Usage of whole subscribers, summed by step and service class over all NAS, late rows in the step in which they began.
 * Columns, not rows: a page of half a million is handed to another thread without a copy. The rows of `subscriberIds[i]` are
 * those from `starts[i]` up to `starts[i + 1]`, by step and then class.
 */
export interface UsageSteps {
  /** in byte order, each once */
  subscriberIds: string[];
  starts: Uint32Array<ArrayBuffer>;
  /** start of the step, seconds since 1970 UTC */
  seconds: Uint32Array<ArrayBuffer>;
  /** place in `classes` */
  classes: string[];
  classIndexes: Uint16Array<ArrayBuffer>;
  down: Float64Array<ArrayBuffer>;
  up: Float64Array<ArrayBuffer>;
}

/** What usage is stored for windows that start in a range. */
export interface UsageExtent {
  /** first and last window, ms since 1970 UTC; null = there is none */
  firstMs: number | null;
  lastMs: number | null;
  /** service classes that occur, in byte order */
  classes: string[];
  /** some of it came late */
  hasLate: boolean;
}

/**
 * Reads stored usage in bulk, for a replay. Not one snapshot: what is written meanwhile may be in or not.
 * Throws 'analytics-failed' or 'unreachable' (retriable).
 */
export interface UsageReplay {
  usageExtent(fromMs: number, toMs: number): Promise<UsageExtent>;
  /** One page in memory: whoever asks bounds it by the subscribers named. */
  usageSteps(request: UsageStepsRequest): Promise<UsageSteps>;
}
