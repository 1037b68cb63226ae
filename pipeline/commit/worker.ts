import { AppError, isAppError } from '../../schemas/errors.ts';
import type {
  ActionLedger,
  LogEntry,
  PartitionHandler,
  PartitionMarks,
  RawBatch,
  SlotId,
  SlotLease,
} from '../../storage/ports.ts';
import { decodeBatch } from '../decode/decode.ts';
import type { Input } from '../decode/input.ts';
import type { WriterSchemas } from '../decode/writer-schema.ts';
import type { BatchEffects } from '../fold/effects.ts';
import type { FoldSettings, SlotState } from '../fold/slot-state.ts';
import type { TickedSlot } from '../relay/ticks.ts';
import { Egress } from './egress.ts';
import type { EgressTargets } from './egress.ts';
import { SlotOwner } from './slot-owner.ts';
import type { SlotDeps } from './slot-owner.ts';

/** What happens in a worker, for metrics and logs. Calls must not throw. */
export interface WorkerEvents {
  opened(partition: number, position: number): void;
  committed(partition: number, effects: BatchEffects, batch: RawBatch, durationMs: number): void;
  /** the slot was dropped; it is loaded again with the next batch */
  dropped(partition: number, error: unknown): void;
  /** nothing of the partition is read until somebody acts */
  halted(partition: number, error: unknown): void;
  tailLost(partition: number, position: number, mark: number): void;
  intentsStored(intents: number, fresh: number): void;
  egressFailed(error: unknown): void;
}

export interface WorkerOptions {
  group: string;
  topic: string;
  settings: FoldSettings;
  maxRecordBytes: number;
  /** intents waiting for the ledger at which a slot takes no more batches */
  maxWaitingIntents: number;
  /**
   * Subscribers that stay in memory, over all slots of the process, by the number of due times in memory; a slot that has few
   * leaves its room to the others.
   */
  cachedSubscribers: (due: number) => number;
}

export interface WorkerDeps extends Omit<SlotDeps, 'cachedSubscribers'> {
  ledger: ActionLedger;
  tell: EgressTargets['tell'];
  /** writer schemas of a batch; throws 'registry-unavailable' (retriable) */
  resolveSchemas: (batch: RawBatch) => Promise<WriterSchemas>;
  events: WorkerEvents;
  nowMs: () => number;
  pause: (ms: number) => Promise<void>;
}

/** Where a partition of this process stands. */
export interface SlotProgress {
  partition: number;
  /** of the last commit; where its slot is not in memory, as it was last seen */
  position: number;
  watermarkMs: number;
}

/**
 * Controls that one commit takes. Plans, policies and NAS are written together with the position, and a store takes
 * a bounded number of fields in one write (Redis: 3,000).
 */
const MAX_CONTROLS = 2_500;

/**
 * The slots that this process owns, behind the source's PartitionHandler: decode -> fold -> commit, batch by batch.
 * A slot is dropped on any failure between fold and commit and loaded again with its next batch.
 */
export class Worker implements PartitionHandler {
  private readonly owners = new Map<number, SlotOwner>();
  private readonly marks = new Map<number, PartitionMarks>();
  private readonly haltedBy = new Map<number, Error>();
  private readonly withoutSlot = new Map<number, SlotProgress>();
  /** partitions whose slot was seen beyond the log's end, by marks that a former owner may have overtaken */
  private readonly doubted = new Set<number>();
  private readonly deps: WorkerDeps;
  private readonly slotDeps: SlotDeps;
  private readonly options: WorkerOptions;

  constructor(deps: WorkerDeps, options: WorkerOptions) {
    this.deps = deps;
    this.options = options;
    this.slotDeps = { ...deps, cachedSubscribers: (state) => this.roomFor(state) };
  }

  async open(partition: number, marks: PartitionMarks): Promise<number> {
    await this.drop(partition);
    this.marks.set(partition, marks);
    this.haltedBy.delete(partition);
    const position = marks.groupOffset ?? marks.low;
    const seen = this.withoutSlot.get(partition) ?? { partition, position, watermarkMs: 0 };
    this.withoutSlot.set(partition, seen);
    return (await this.load(partition, marks)).state.position;
  }

  async batch(delivered: RawBatch): Promise<number> {
    const batch = upToMaxControls(delivered);
    const { partition, entries } = batch;
    const last = entries.at(-1);
    if (last === undefined) return this.owners.get(partition)?.state.position ?? 0;
    const startedMs = this.deps.nowMs();
    let owner = this.owners.get(partition);
    if (owner === undefined) {
      owner = await this.load(partition, this.marksOf(batch));
      // What is stored may lie behind this batch: the source seeks there.
      if (owner.state.position < (entries[0]?.offset ?? 0)) return owner.state.position;
    }
    if (last.offset < owner.state.position) return owner.state.position;
    try {
      const schemas = await this.deps.resolveSchemas(batch);
      const { settings, maxRecordBytes } = this.options;
      const context = { partitionCount: settings.partitionCount, schemas, maxRecordBytes };
      const decode = (some: readonly LogEntry[]): Input[] =>
        decodeBatch({ partition, entries: some }, context);
      // Much event-time work set free at once is committed in parts.
      do {
        const effects = await owner.apply(entries, decode);
        this.deps.events.committed(partition, effects, batch, this.deps.nowMs() - startedMs);
      } while (owner.state.position <= last.offset);
      return owner.state.position;
    } catch (error) {
      if (isAppError(error, 'registry-unavailable')) throw error;
      this.deps.events.dropped(partition, error);
      await this.drop(partition);
      if (!isAppError(error) || !error.retriable) this.halt(partition, error);
      throw error;
    }
  }

  async close(partition: number): Promise<void> {
    await this.drop(partition);
    this.marks.delete(partition);
    this.withoutSlot.delete(partition);
    this.haltedBy.delete(partition);
  }

  /** Has a snapshot of a partition's slot written between two commits. Throws 'not-found' where this process does not own it. */
  async snapshot<T>(
    partition: number,
    write: (slot: SlotId, lease: SlotLease, state: SlotState) => Promise<T>,
  ): Promise<T> {
    const owner = this.owners.get(partition);
    if (owner === undefined)
      throw new AppError('not-found', `the slot of partition ${partition} is not in this process`, {
        retriable: true,
      });
    return owner.snapshot(write);
  }

  /** Heartbeat of every slot, to be called each second: a slot that somebody else owns now is dropped. */
  async checkOwnership(): Promise<void> {
    await Promise.all(
      [...this.owners].map(async ([partition, owner]) => {
        try {
          if ((await owner.check()) || this.owners.get(partition) !== owner) return;
          this.deps.events.dropped(partition, new Error('another process owns the slot'));
          await this.drop(partition);
        } catch (error) {
          this.deps.events.egressFailed(error);
        }
      }),
    );
  }

  /** Analytics holds all rows of the partition up to this version. */
  flushed(partition: number, through: number): void {
    this.owners.get(partition)?.flushed(through);
  }

  /**
   * Partitions whose actions wait in such number that no more should be read. Not those whose actions are held: they
   * become free by reading on.
   */
  get pressedPartitions(): number[] {
    const limit = this.options.maxWaitingIntents;
    return [...this.owners]
      .filter(([, owner]) => owner.egress.waiting > limit && !owner.egress.isHeld)
      .map(([partition]) => partition);
  }

  /** Resolves when no batch is in hand and every action is in the ledger or held, or the grace is over. Pause the source first. */
  async quiet(graceMs: number): Promise<void> {
    const restless = (owner: SlotOwner): boolean =>
      owner.isBusy || (owner.egress.waiting > 0 && !owner.egress.isHeld);
    const endMs = this.deps.nowMs() + graceMs;
    while (this.deps.nowMs() < endMs && [...this.owners.values()].some(restless)) await this.deps.pause(20);
  }

  /**
   * What the ticker has to know of each partition. One without its slot is ticked too: a slot is loaded with the next
   * batch, and on a silent partition nothing else would bring one.
   */
  get tickedSlots(): TickedSlot[] {
    const loaded = [...this.owners.values()].map((owner) => {
      const { due, sweep, watermarkMs } = owner.state;
      return { ...progressOf(owner), behind: sweep !== null || due.hasDue(watermarkMs) };
    });
    const unloaded = this.unloaded.filter(({ partition }) => !this.haltedBy.has(partition));
    return [...loaded, ...unloaded.map((slot) => ({ ...slot, behind: false }))];
  }

  /** Partitions of this process whose slot is in memory. */
  get loaded(): SlotProgress[] {
    return [...this.owners.values()].map(progressOf);
  }

  /** Partitions of this process whose slot is not in memory, halted ones too: it is being loaded, or could not be. */
  get unloaded(): SlotProgress[] {
    return [...this.withoutSlot.values()];
  }

  /** States in memory, for the overview. */
  get states(): SlotState[] {
    return [...this.owners.values()].map((owner) => owner.state);
  }

  get halted(): ReadonlyMap<number, Error> {
    return this.haltedBy;
  }

  /** Partitions whose actions are held back because their state lost its tail. */
  get held(): number[] {
    return [...this.owners].filter(([, owner]) => owner.egress.isHeld).map(([partition]) => partition);
  }

  /** A slot's share, and what the others leave of theirs: with equal parts a slot of many would read everybody anew. */
  private roomFor(state: SlotState): number {
    let [others, due] = [0, 0];
    for (const { state: each } of this.owners.values()) {
      if (each !== state) others += each.subscribers.size;
      due += each.due.size;
    }
    const room = this.options.cachedSubscribers(due);
    return Math.max(room / Math.max(1, this.owners.size), room - others);
  }

  private async load(partition: number, marks: PartitionMarks): Promise<SlotOwner> {
    const { group, topic, settings } = this.options;
    const slot = { group, topic, partition };
    const { events, store, ledger, pause } = this.deps;
    const egressEvents = {
      stored: (intents: number, fresh: number) => events.intentsStored(intents, fresh),
      failed: (error: unknown) => events.egressFailed(error),
    };
    const egress = new Egress(slot, { store, ledger, tell: this.deps.tell }, egressEvents, pause);
    try {
      const owner = await SlotOwner.open(this.slotDeps, slot, settings, marks, egress, (position, mark) =>
        events.tailLost(partition, position, mark),
      );
      this.owners.set(partition, owner);
      this.withoutSlot.delete(partition);
      this.doubted.delete(partition);
      events.opened(partition, owner.state.position);
      return owner;
    } catch (error) {
      throw this.judged(partition, error);
    }
  }

  /**
   * The error of a failed load; one that is not retriable has halted the partition. A slot beyond the log's end is looked at once
   * more: the marks were read before the slot was acquired, and until then its former owner went on reading and committing.
   */
  private judged(partition: number, error: unknown): unknown {
    let judged = error;
    if (isAppError(error, 'position-out-of-range') && error.retriable) {
      if (!this.doubted.delete(partition)) {
        this.doubted.add(partition);
        return error;
      }
      judged = new AppError(error.code, error.message, { cause: error });
    }
    if (!isAppError(judged) || !judged.retriable) this.halt(partition, judged);
    return judged;
  }

  private marksOf(batch: RawBatch): PartitionMarks {
    const known = this.marks.get(batch.partition);
    return { low: known?.low ?? 0, high: batch.highWatermark, groupOffset: known?.groupOffset ?? null };
  }

  private async drop(partition: number): Promise<void> {
    const owner = this.owners.get(partition);
    if (owner === undefined) return;
    this.owners.delete(partition);
    const { watermarkMs } = owner.state;
    this.withoutSlot.set(partition, { partition, position: owner.committedPosition, watermarkMs });
    await owner.close();
  }

  private halt(partition: number, error: unknown): void {
    this.haltedBy.set(partition, error instanceof Error ? error : new Error(String(error)));
    this.deps.events.halted(partition, error);
  }
}

/** The batch, or its beginning: the source then delivers from where the commit ended. */
function upToMaxControls(batch: RawBatch): RawBatch {
  let controls = 0;
  const { entries } = batch;
  const end = entries.findIndex(({ control }) => control !== null && (controls += 1) > MAX_CONTROLS);
  return end < 0 ? batch : { ...batch, entries: entries.slice(0, end) };
}

function progressOf({
  committedPosition: position,
  state: { partition, watermarkMs },
}: SlotOwner): SlotProgress {
  return { partition, position, watermarkMs };
}
