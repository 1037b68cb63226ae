import type { Effect } from '../schemas/action.ts';
import type { Flag, OutcomeCounts } from '../schemas/outcome.ts';
import type { OutboxRecord } from '../schemas/outbox.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import type { PoolProfile, PoolRule } from '../schemas/pool.ts';
import type { FeedProfile, NasProfile, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { Analytics } from '../storage/analytics-ports.ts';
import type { DeadLetters, UsageRecords } from '../storage/people-ports.ts';
import type { LogEntry, PartitionMarks } from '../storage/ports.ts';
import type { ExpectedAction } from './actions.ts';
import type { Settings, VerifyEntry } from './entry.ts';
import type { Standing } from './pools.ts';

/** The accounting log, read without a place in its consumer group. */
export interface LogReader {
  /** what each partition holds */
  marks(): Promise<Map<number, Pick<PartitionMarks, 'low' | 'high'>>>;
  /**
   * Entries with offsets in [from, to) of these partitions; each partition's in order, in batches that are not empty. Ends
   * when all are given.
   */
  read(
    ranges: ReadonlyMap<number, { from: number; to: number }>,
  ): AsyncIterable<{ partition: number; entries: LogEntry[] }>;
}

/** Decodes a batch; one input an entry, in order. The product's decoder: what it refuses is not recomputed. */
export type Decode = (partition: number, entries: readonly LogEntry[]) => Promise<VerifyEntry[]>;

interface StoredBytes {
  down: number;
  up: number;
}

/** A session as a slot stores it. */
export interface StoredSession {
  nasId: string;
  sessionId: string;
  service: string;
  serviceClass: string;
  multiId: string;
  parentId: string;
  startMs: number;
  startEstimated: boolean;
  lastEventMs: number;
  counted: StoredBytes;
  level: StoredBytes;
  candidate: (StoredBytes & { atMs: number }) | null;
  restart: (StoredBytes & { atMs: number }) | null;
  absurd: boolean;
  moved: StoredBytes;
  /** index in STATUS_TYPES; -1 = none */
  lastStatus: number;
  /** -1 = none */
  lastSessionTime: number;
  closedMs: number | null;
  closedBy: 'stop' | 'superseded' | 'timeout' | 'nas-event' | 'operator' | null;
}

interface StoredTotal extends StoredBytes {
  startMs: number;
  endMs: number;
  /** without the default class */
  classes: (StoredBytes & { serviceClass: string })[];
}

/** One of which is known what was carried off-peak. */
export interface StoredBanded extends StoredTotal {
  /** the default class too */
  offPeak: StoredTotal['classes'];
}

export interface StoredCycle extends StoredBanded {
  adjusted: StoredBytes;
  closed: boolean;
  parts: (Omit<StoredBanded, 'startMs' | 'endMs'> & { fromMs: number; toMs: number })[];
  spent: {
    carryBytes: number;
    blocks: number;
    soldBytes: number;
    topUps: { id: string; usedBytes: number }[];
  } | null;
}

/** A subscriber as a slot stores it. */
export interface StoredLine {
  id: string;
  /** offset of the last entry that changed it */
  mark: number;
  profile: SubscriberProfile | null;
  sessions: StoredSession[];
  tombstones: StoredSession[];
  forgottenMs: number;
  /** current first, then those ahead */
  cycles: StoredCycle[];
  /** newest first, as many as are kept */
  pastCycles: StoredCycle[];
  today: StoredBanded | null;
  days: StoredBanded[];
  hour: StoredTotal | null;
  hours: StoredTotal[];
  newestWindow: Omit<StoredTotal, 'endMs'> | null;
  peak: { dayStartMs: number; bytes: number; classes: { serviceClass: string; bytes: number }[] } | null;
  rules: {
    key: string;
    active: boolean;
    sinceMs: number;
    cycleStartMs: number;
    ordinal: number;
    effect: Effect | null;
    releaseMs: number | null;
  }[];
  effect: Effect | null;
  overage: { cycleStartMs: number; blocks: number; soldBytes: number; topUps: number } | null;
  /** into which cycle how much was carried over; null = nothing is */
  carry: { cycleStartMs: number; bytes: number; final: boolean } | null;
  topUpUses: StoredUse[];
  /** its pool, and what it told and heard of it */
  pool: StoredMembership | null;
  dueMs: number | null;
}

/** What of a top-up was used before its subject's current cycle, and in it. */
interface StoredUse {
  id: string;
  beforeBytes: number;
  usedBytes: number;
}

/** A window row as a slot stores it. */
export interface StoredWindow extends StoredBytes {
  subscriberId: string;
  startMs: number;
  serviceClass: string;
  nasId: string;
  /** offset + 1 of the last entry that changed it */
  version: number;
}

/** What a slot says of itself, at one moment. */
export interface StoredHead {
  /** next offset */
  position: number;
  settings: Pick<
    Settings,
    'partitionCount' | 'bucketCount' | 'defaultZone' | 'acceptLatenessMs' | 'cycleCloseGraceMs'
  >;
  /** layout of the slot's values */
  blobVersion: number;
  watermarkMs: number;
  counts: OutcomeCounts;
  flags: Record<Flag, number>;
  controls: ReadonlyMap<string, number>;
  /** versions of each plan, by when they begin */
  plans: ReadonlyMap<string, readonly PlanVersion[]>;
  /** in mode enforce or off */
  policies: ReadonlyMap<string, PolicyVersion>;
  /** in mode shadow or percent */
  candidates: ReadonlyMap<string, PolicyVersion>;
  provider: ProviderSettings;
  nas: ReadonlyMap<string, NasProfile>;
  feedProfiles: ReadonlyMap<string, FeedProfile>;
  nasEvents: ReadonlyMap<string, number>;
  /** what was learned of NAS */
  feeds: {
    nasId: string;
    heardMs: number;
    interim: { estimateMs: number; samples: number };
    lead: { estimateMs: number; samples: number };
  }[];
  sweep: { bucket: number; after: string; left: number } | null;
  /** pools of the slot by id, and how far they were looked at */
  pools: { all: ReadonlyMap<string, StoredPool>; sweptTo: string | null };
}

/** A member of a pool as a slot stores it. */
export interface StoredMembership {
  poolId: string;
  cycleStartMs: number;
  baseBytes: number;
  seq: number;
  sentBytes: number;
  sentAtMs: number;
  told: { seq: number; usedBytes: number; allowanceBytes: number | null; rules: PoolRule[] };
}

/** A pool as a slot stores it. */
export interface StoredPool {
  profile: PoolProfile | null;
  members: ReadonlyMap<
    string,
    { seq: number; left: boolean; totals: { cycleStartMs: number; bytes: number; frozenBytes: number }[] }
  >;
  cycle: { startMs: number; endMs: number } | null;
  rules: StoredLine['rules'];
  overage: StoredLine['overage'];
  seq: number;
  told: Standing | null;
  dueMs: number | null;
  topUpUses: StoredUse[];
  /** append time of the newest profile that had top-ups; 0 = none had */
  asOfMs: number;
}

/** A slot's stored state, without owning it: parts that are read one after the other are of different moments. */
export interface SlotReader {
  /** null = the slot is empty */
  head(partition: number): Promise<StoredHead | null>;
  /** everybody, in chunks; each subscriber as of one moment */
  lines(partition: number, onlySubscriber: string | null): AsyncIterable<StoredLine[]>;
  windows(partition: number): AsyncIterable<StoredWindow[]>;
  /** what was not delivered yet */
  outbox(partition: number): Promise<OutboxRecord[]>;
}

/** Where recomputing begins instead of the beginning of the log: a slot as it was at an offset. */
export interface Origin {
  /** for people: where it comes from */
  name: string;
  head: StoredHead;
  lines(): AsyncIterable<StoredLine[]>;
  windows(): AsyncIterable<StoredWindow[]>;
}

/** What of an action in the ledger is compared. */
export interface LedgerRow extends Omit<ExpectedAction, 'decidedAtMs'> {
  partition: number;
}

/** Everything that is held against the log. */
export interface Readers {
  log: LogReader;
  decode: Decode;
  slots: SlotReader;
  analytics: Pick<Analytics, 'allWindows' | 'allLate' | 'allSessions' | 'allActions'>;
  records: Pick<UsageRecords, 'allAdjustments' | 'allClosedCycles'>;
  letters: Pick<DeadLetters, 'list'>;
  /** all actions of the ledger */
  actions(onlySubscriber: string | null): AsyncIterable<LedgerRow[]>;
  /** newest state of a partition to begin from, at or before an append time where one is given; null = none */
  origin(partition: number, beforeMs: number | null): Promise<Origin | null>;
}
