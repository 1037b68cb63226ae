import type { ActionIntent, ActionState, ShadowDecision } from '../schemas/action.ts';
import type { ControlId } from '../schemas/control.ts';
import type { DeadLetter } from '../schemas/outcome.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';

/* ---------- The log ---------- */

/** One entry of a log partition as it was stored. Offsets grow; gaps are normal. */
export interface LogEntry {
  offset: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** value of the `weir-control` header, null on accounting records */
  control: string | null;
  /** the broker's append time (simulated time: the producer's stamp), ms since 1970 UTC */
  appendTimeMs: number;
}

/** What one fetch of one partition gave; never empty. */
export interface RawBatch {
  partition: number;
  entries: LogEntry[];
  /** offset after the newest entry of the partition when this was fetched */
  highWatermark: number;
}

/** Offsets that a partition holds: [low, high). `groupOffset` is the consumer group's, null if none. */
export interface PartitionMarks {
  low: number;
  high: number;
  groupOffset: number | null;
}

/** What a source calls. For one partition calls never overlap; different partitions may run at the same time. */
export interface PartitionHandler {
  /**
   * The partition came to us. Returns the offset to read from. Throws an AppError to halt the partition:
   * nothing of it is delivered until it is assigned anew.
   */
  open(partition: number, marks: PartitionMarks): Promise<number>;
  /**
   * One batch, offsets at or after the position. Resolves to the next position when everything in it is committed.
   * May return a position behind the batch (state was reloaded): the source seeks there.
   * Throws an AppError: retriable = the source delivers from the last position again after a pause; else the partition halts.
   */
  batch(batch: RawBatch): Promise<number>;
  /** The partition goes away or the source stops; resolves when nothing of it is in flight. */
  close(partition: number): Promise<void>;
}

/**
 * Reads the accounting log. At least once, in offset order per partition. Adapters: Kafka, embedded (Postgres table).
 * The position is the state store's; a group offset is committed afterwards for lag tools only.
 */
export interface RecordSource {
  readonly topic: string;
  partitionCount(): Promise<number>;
  /** Resolves when joined and delivering. Throws 'unreachable', 'append-time-missing'. */
  start(handler: PartitionHandler): Promise<void>;
  /** Back-pressure: the partition's fetches pause; batches in hand are finished. */
  pause(partition: number): void;
  resume(partition: number): void;
  /** Newest known end offsets of the partitions that are ours: partition -> high watermark. */
  highWatermarks(): Promise<Map<number, number>>;
  /** Stops fetching, waits for batches in hand, closes partitions, leaves the group. Idempotent. */
  stop(): Promise<void>;
}

/** An entry to be appended. `timeMs` is used in simulated time only. */
export interface LogAppend {
  partition: number;
  key: Uint8Array | null;
  value: Uint8Array;
  control?: ControlId;
  timeMs?: number;
}

/** Appends to the accounting log. Order within one call and partition is kept; one call in flight per writer. */
export interface LogWriter {
  partitionCount(): Promise<number>;
  /**
   * Resolves when all entries are durable; on error ('log-append-failed', 'unreachable') any part of them may be in, but of those for
   * one partition a beginning: no entry is there without the ones before it.
   */
  append(entries: readonly LogAppend[]): Promise<void>;
  close(): Promise<void>;
}

/* ---------- Slot state ---------- */

/** One log partition's state. */
export interface SlotId {
  group: string;
  topic: string;
  partition: number;
}

/** Proof of ownership: commits carry it; a later acquire makes it stale. */
export interface SlotLease {
  epoch: number;
  /** 128 random bits, hex */
  token: string;
  /** of the last applied commit; the next one carries seq + 1 */
  seq: number;
}

/** Everything of a slot that is loaded at once. `position` null = empty slot. */
export interface SlotHead {
  lease: SlotLease;
  position: number | null;
  /** fields written by commits: 'core' and the catalogue entries */
  meta: Map<string, Uint8Array>;
  /** what was not delivered yet, by n ascending */
  outbox: OutboxEntry[];
}

export interface OutboxEntry {
  /** order of delivery; never given twice, as the owner's epoch is part of it */
  n: number;
  bytes: Uint8Array;
}

/** A value of a bucket hash. */
export interface BucketValue {
  bucket: number;
  field: string;
  value: Uint8Array;
}

/** A row of a group that is flushed to analytics: window totals (group = window start) or one-shot rows. */
export interface RowValue {
  group: string;
  field: string;
  value: Uint8Array;
}

/**
 * Everything one batch changes, in ONE atomic write, with the position in it.
 * Values are absolute, never increments. Write order (it survives a torn write): outbox, rows, values
 * (all fields of one bucket in one write), due, meta and position last; groups and rows are deleted after that.
 */
export interface SlotCommit {
  slot: SlotId;
  token: string;
  seq: number;
  /** unique per commit; the same id again answers 'already' */
  commitId: string;
  position: number;
  outbox: OutboxEntry[];
  rows: RowValue[];
  /** groups of rows that are flushed and past lateness */
  deletedGroups: string[];
  /** single rows (group, field) that are flushed and of no further use */
  deletedRows: { group: string; field: string }[];
  /** event-time work: key -> due time in ms, null removes it */
  due: { key: string; dueMs: number | null }[];
  values: BucketValue[];
  /**
   * An empty value removes the field; of a field named twice the last counts. All are in the write that has the position,
   * but where there are more than 3,000: 'core' is always in it, what is over comes just before.
   */
  meta: { field: string; value: Uint8Array }[];
}

export type CommitResult = 'applied' | 'already' | 'rejected';

/**
 * The state of all slots. Adapters: memory, Redis, Postgres; one contract suite.
 * Every call may throw 'unreachable' or 'timeout' (retriable). Bytes given and returned are not shared with the caller.
 */
export interface StateStore {
  /** Refuses an unsafe server ('store-unsafe': eviction, no AOF). Call once before anything else. */
  verify(): Promise<void>;
  /** Raises the epoch, writes a new random owner token, and returns the head as it is under that token. */
  acquire(slot: SlotId): Promise<SlotHead>;
  /** True while (token, seq) are the stored ones. Asked after loading and every second, idle or not. */
  holds(slot: SlotId, lease: SlotLease): Promise<boolean>;
  /** All bucket values, in chunks of bounded size, any order. */
  loadValues(slot: SlotId): AsyncIterable<BucketValue[]>;
  /** Single values, in the order asked; null where there is none. Needs no ownership: the API reads with it. */
  readValues(
    slot: SlotId,
    fields: readonly { bucket: number; field: string }[],
  ): Promise<(Uint8Array | null)[]>;
  /** All values of some buckets (at most about 1,000 each), any order; a bucket asked twice is given once. */
  readBuckets(slot: SlotId, buckets: readonly number[]): Promise<BucketValue[]>;
  /** Single rows, in the order asked; null where there is none. */
  readRows(slot: SlotId, keys: readonly { group: string; field: string }[]): Promise<(Uint8Array | null)[]>;
  /** Head fields without ownership, for readers; empty map and null position where there is no slot. */
  readHead(slot: SlotId): Promise<{ position: number | null; meta: Map<string, Uint8Array> }>;
  /** All rows of these groups, or of all, in chunks of bounded size, any order; a group asked twice is given once. */
  loadRows(slot: SlotId, groups?: readonly string[]): AsyncIterable<RowValue[]>;
  /** What the outbox holds, by n ascending. Needs no ownership: snapshots and people read with it. */
  readOutbox(slot: SlotId): Promise<OutboxEntry[]>;
  /** All due entries, ordered by (dueMs, key in byte order). */
  loadDue(slot: SlotId): Promise<{ key: string; dueMs: number }[]>;
  /**
   * Applies only if token is the stored one and seq the next. 'already' = this commitId was the last applied.
   * 'rejected' = somebody else owns the slot or the sequence broke: drop the slot.
   * Throws 'store-unknown-outcome' when it may or may not have been applied: send the same commit once more.
   */
  commit(commit: SlotCommit): Promise<CommitResult>;
  /**
   * Removes everything of the slot but its epoch, if the lease holds: for a rebuild. It ends the lease, so acquire again.
   * False = the lease does not hold (any more); what an interrupted clear left goes with another one, under a new lease too.
   * Not atomic, meta and position last: whoever calls it marks the slot as being rebuilt first.
   */
  clear(slot: SlotId, lease: SlotLease): Promise<boolean>;
  /** Removes delivered intents. The only write besides commits; idempotent; needs no token (ids are never used again). */
  removeOutbox(slot: SlotId, ns: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/** Positions that other durable stores have seen, to notice a lost tail. Monotone: raise keeps the maximum. */
export interface SlotMarks {
  raise(slot: SlotId, position: number): Promise<void>;
  read(slot: SlotId): Promise<number | null>;
}

/* ---------- Ledger and dispatch ---------- */

/** An action as the ledger holds it. */
export interface LedgerAction {
  intent: ActionIntent;
  state: ActionState;
  /** one line, e.g. an Error-Cause */
  detail: string;
  attempts: number;
  /** ms since 1970 UTC */
  createdAtMs: number;
  updatedAtMs: number;
}

/** What leaves a slot for the ledger, in order within each list. */
export interface LedgerBatch {
  intents: readonly ActionIntent[];
  adjustments: readonly UsageAdjustment[];
  closedCycles: readonly ClosedCycle[];
  deadLetters: readonly DeadLetter[];
  shadows: readonly ShadowDecision[];
}

/**
 * Every action once. insert is one transaction, idempotent by the ids of what it is given (intent id, adjustment id,
 * subscriber and cycle start, place in the log), and raises the slot mark in it. Intents that are only recorded are
 * inserted as 'superseded' and never claimed.
 */
export interface ActionLedger {
  /** Returns the ids of the intents that were new. Durable when it resolves. A list left out is empty. */
  insert(slot: SlotId, position: number, batch: Partial<LedgerBatch>): Promise<string[]>;
  /**
   * Claims up to `limit` pending actions for `leaseMs`, at most one a subscriber and only its oldest unfinished;
   * a claim whose lease ran out is claimable again. Claimed actions are in state 'sending' with attempts raised.
   */
  claim(owner: string, limit: number, leaseMs: number): Promise<LedgerAction[]>;
  /**
   * Ends a claim; ignored (false) when the claim is no longer the owner's. `retryAtMs` with state 'pending' delays it;
   * with 'unknown' it says when to claim it again, without it an 'unknown' one is left as it is.
   */
  settle(owner: string, id: string, state: ActionState, detail: string, retryAtMs?: number): Promise<boolean>;
  counts(): Promise<Record<ActionState, number>>;
  /** Actions that changed since analytics took them, oldest change first; a new one counts as changed. */
  unexported(limit: number): Promise<LedgerAction[]>;
  /** Analytics holds these as they are here; one that changed since `unexported` gave it stays unexported. Idempotent. */
  markExported(actions: readonly LedgerAction[]): Promise<void>;
  ofSubscriber(subscriberId: string, limit: number): Promise<LedgerAction[]>;
  recent(limit: number): Promise<LedgerAction[]>;
}

/** How an attempt to carry out an action ended. */
export type SinkResult =
  | { state: 'delivered'; detail: string }
  | { state: 'rejected'; detail: string }
  | { state: 'unknown'; detail: string }
  | { state: 'retry'; detail: string; afterMs: number };

/** Carries out actions; never throws for what the other side answers. Idempotent by intent id or absolute state. */
export interface ActionSink {
  readonly name: string;
  send(intent: ActionIntent, signal: AbortSignal): Promise<SinkResult>;
  close(): Promise<void>;
}

/** How to reach a NAS for CoA. */
export interface NasAccess {
  nasId: string;
  address: string;
  coaPort: number;
  /** shared secret, never logged */
  secret: string;
  /** encoder name, e.g. 'mikrotik' */
  vendor: string;
}

export interface NasInventory {
  access(nasId: string): Promise<NasAccess | null>;
}
