import { AppError } from '../../schemas/errors.ts';
import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import { MemoryActionLedger } from '../../storage/memory/ledger.ts';
import { MemoryRecordLog } from '../../storage/memory/record-log.ts';
import { MemorySlotMarks } from '../../storage/memory/slot-marks.ts';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import type { FaultPoint, MemoryStateStoreOptions } from '../../storage/memory/state-store.ts';
import type { LogAppend, LogEntry, SlotId } from '../../storage/ports.ts';
import type { SimulatedClock } from './clock.ts';
import type { Dice } from './dice.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Trace } from './trace.ts';

export const GROUP = 'weir';
export const TOPIC = 'accounting';
const RETENTION = 'retention';

export function slotOf(partition: number): SlotId {
  return { group: GROUP, topic: TOPIC, partition };
}

/** Writes inside a commit that can be the last one. */
const TEARS: ReadonlySet<FaultPoint> = new Set(['outbox', 'rows', 'values', 'due', 'meta', 'deletes']);

/** The servers of a run: what is in them survives every process. */
export class Servers {
  readonly store: MemoryStateStore;
  readonly marks = new MemorySlotMarks();
  readonly ledger: MemoryActionLedger;
  readonly analytics = new MemoryAnalytics();
  readonly log: ArchivedLog;
  /** times that each action reached its sink */
  readonly sent = new Map<string, number>();
  /** partitions with a torn commit: their counters by outcome may differ from the log's */
  readonly torn = new Set<number>();

  constructor(
    partitions: number,
    clock: SimulatedClock,
    dice: Dice,
    plan: FaultPlan,
    trace: Trace,
    ignore: NonNullable<MemoryStateStoreOptions['ignore']>,
  ) {
    this.store = new MemoryStateStore({
      ignore,
      newToken: () => dice.token(),
      fault: (point, slot) => {
        if (!TEARS.has(point) || !dice.chance(plan.rate('torn'))) return;
        trace.count('torn commits');
        trace.count(`torn at ${point}`);
        this.torn.add(slot.partition);
        const code = dice.chance(0.5) ? 'store-unknown-outcome' : 'unreachable';
        throw new AppError(code, `torn at ${point}`, { retriable: true });
      },
    });
    this.ledger = new MemoryActionLedger({ marks: this.marks, now: () => clock.nowMs });
    this.log = new ArchivedLog(partitions, clock, dice, plan);
  }
}

/** The accounting log, and everything that was ever appended to it. */
export class ArchivedLog {
  readonly partitions: number;
  readonly #log: MemoryRecordLog;
  readonly #archive: LogEntry[][];
  readonly #groupOffsets = new Map<number, number>();
  readonly #dice: Dice;
  readonly #plan: FaultPlan;

  constructor(partitions: number, clock: SimulatedClock, dice: Dice, plan: FaultPlan) {
    this.partitions = partitions;
    this.#log = new MemoryRecordLog({
      topic: TOPIC,
      partitions,
      simulatedTime: true,
      log: () => undefined,
      now: () => clock.nowMs,
    });
    this.#archive = Array.from({ length: partitions }, () => []);
    this.#dice = dice;
    this.#plan = plan;
  }

  /** All entries of a partition, deleted ones too; the index is the offset. */
  archive(partition: number): readonly LogEntry[] {
    return this.#archive[partition] ?? [];
  }

  async append(entries: readonly LogAppend[]): Promise<void> {
    await this.#log.append(entries);
    for (const [partition, archive] of this.#archive.entries()) {
      archive.push(...(await this.#log.read(partition, archive.length, Infinity)));
    }
  }

  /** An append that may end in the middle: each partition takes a beginning of what was for it, as a record batch is whole. */
  async appendOrFail(entries: readonly LogAppend[]): Promise<void> {
    if (!this.#dice.chance(this.#plan.rate('partialAppend'))) return this.append(entries);
    const ended = new Set<number>();
    const taken = entries.filter(({ partition }) => {
      if (this.#dice.chance(0.5)) ended.add(partition);
      return !ended.has(partition);
    });
    await this.append(taken);
    throw new AppError('log-append-failed', 'some partitions did not take it', { retriable: true });
  }

  async marks(partition: number): Promise<{ low: number; high: number; groupOffset: number | null }> {
    const { low, high } = await this.#log.marks(partition, GROUP);
    return { low, high, groupOffset: this.#groupOffsets.get(partition) ?? null };
  }

  high(partition: number): number {
    return this.archive(partition).length;
  }

  read(partition: number, from: number, limit: number): Promise<LogEntry[]> {
    return this.#log.read(partition, from, limit);
  }

  /** What the consumer group remembers; never where a worker begins. */
  saveGroupOffset(partition: number, position: number): void {
    this.#groupOffsets.set(partition, position);
  }

  /** Retention: entries below the offset are gone. */
  async deleteBelow(partition: number, offset: number): Promise<void> {
    for (let each = 0; each < this.partitions; each += 1) {
      const { low } = await this.#log.marks(each, GROUP);
      await this.#log.savePosition(RETENTION, each, each === partition ? Math.max(low, offset) : low);
    }
    await this.#log.trim(Infinity);
  }
}
