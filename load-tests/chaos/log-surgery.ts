import { setTimeout as pause } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { kafkaClient } from '../../pipeline/source/kafka-connection.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { BulkWriter } from '../../tests/flow/bulk-writer.ts';
import type { ChaosBed } from './chaos-bed.ts';
import type { Check } from './checks.ts';
import type { FleetLine } from './fleet.ts';

/** Entries appended before each look. */
const MORE = 3_000;
const WAIT_MS = 60_000;
/** A fetch that waits at the broker is answered by then. */
const FETCHED_MS = 500;
/** So many entries are left of a partition whose beginning is deleted. */
const KEPT = 5;
/** What the alarm has to name: how to go on. */
const WHAT_TO_DO = /weir state rebuild/;

/** What is done with the log after everything was compared, since it leaves the log and the state at odds. */
export interface SurgeryOptions {
  bed: ChaosBed;
  broker: string;
  /** usage to append */
  entries: Iterator<LogAppend>;
}

/**
 * Deletes records below and beyond the position and adds a partition, with one worker, and looks at what it does. Nobody
 * may run; the slots are of no use afterwards.
 */
export async function operateOnLog(options: SurgeryOptions): Promise<Check[]> {
  const { bed, broker } = options;
  const kafka = kafkaClient({ brokers: [broker], clientId: 'weir-chaos', log: () => undefined });
  const admin = kafka.admin();
  await admin.connect();
  // kafkajs deletes records of topics only that it was asked about before.
  await admin.fetchTopicOffsets(bed.name);
  const halts: FleetLine[] = [];
  bed.fleet.onLine((line) => {
    if (line.msg.startsWith('partition halted')) halts.push(line);
  });
  const surgery = new Surgery(options, admin, halts);
  try {
    return [
      await surgery.check('records deleted below the position: nothing happens', () => surgery.retention()),
      await surgery.check('records deleted beyond the position, running: halted, with an alarm', () =>
        surgery.deleteWhileRunning(0),
      ),
      await surgery.check('records deleted beyond the position, stopped: halted, with an alarm', () =>
        surgery.deleteWhileStopped(1),
      ),
      await surgery.check('a partition added: refused', () => surgery.addPartition()),
    ];
  } finally {
    await bed.fleet.kill(0);
    await admin.disconnect();
  }
}

class Surgery {
  readonly #options: SurgeryOptions;
  readonly #admin: Admin;
  readonly #halts: FleetLine[];
  /** partitions that are halted for good */
  readonly #lost = new Set<number>();

  constructor(options: SurgeryOptions, admin: Admin, halts: FleetLine[]) {
    this.#options = options;
    this.#admin = admin;
    this.#halts = halts;
  }

  async check(name: Check['name'], look: () => Promise<string[]>): Promise<Check> {
    try {
      return { name, faults: await look() };
    } catch (error) {
      return { name, faults: [(error as Error).message] };
    }
  }

  /** Under a worker that runs, and before one that starts. */
  async retention(): Promise<string[]> {
    const { bed } = this.#options;
    await this.#start();
    await this.#deleteUpTo(await bed.positions());
    await this.#append();
    await this.#caughtUp();
    await bed.fleet.stop(0);
    await this.#deleteUpTo(await bed.positions());
    await this.#append();
    await this.#start();
    await this.#caughtUp();
    return this.#halts.map(({ text }) => `halted: ${text}`);
  }

  /**
   * The worker is held while the records come and go: shorter than its session. What was in the log when the broker answered its
   * last fetch (ticks, as a rule) lies read in its socket, and is folded before the gap shows.
   */
  async deleteWhileRunning(partition: number): Promise<string[]> {
    const { bed } = this.#options;
    bed.fleet.freeze(0);
    await pause(FETCHED_MS);
    const fetched = (await bed.ends())[partition] ?? 0;
    const position = await this.#deleteBeyond(partition);
    bed.fleet.thaw(0);
    return this.#refused(partition, position, fetched);
  }

  async deleteWhileStopped(partition: number): Promise<string[]> {
    const { bed } = this.#options;
    await bed.fleet.stop(0);
    const position = await this.#deleteBeyond(partition);
    await this.#start();
    return this.#refused(partition, position, position);
  }

  /** Keys hash to other partitions from now on: nothing may be read, of the new partition neither. */
  async addPartition(): Promise<string[]> {
    const { bed } = this.#options;
    await bed.fleet.stop(0);
    const count = bed.topic.partitions + 1;
    const before = await bed.positions();
    await this.#admin.createPartitions({ topicPartitions: [{ topic: bed.name, count }] });
    await this.#append();
    this.#halts.length = 0;
    const ended = bed.fleet.unwantedEnds.length;
    bed.fleet.start(0);
    const all = Array.from({ length: count }, (_, partition) => partition);
    const refused = (): Promise<boolean> => {
      const halted = new Set(this.#halts.map(({ partition }) => partition));
      return Promise.resolve(
        bed.fleet.unwantedEnds.length > ended || all.every((partition) => halted.has(partition)),
      );
    };
    await waitUntil('the worker refuses the topic', refused, { timeoutMs: WAIT_MS });
    const told = [
      ...this.#halts.map(({ text }) => text),
      ...bed.fleet.unwantedEnds.flatMap(({ tail }) => tail),
    ];
    const faults = told.some((text) => /partitions/.test(text)) ? [] : ['no alarm says why'];
    const after = await bed.positions();
    if (after.join() !== before.join()) faults.push(`read on from ${before.join()} to ${after.join()}`);
    return faults;
  }

  async #start(): Promise<void> {
    const { fleet } = this.#options.bed;
    fleet.start(0);
    await fleet.up(0);
  }

  /** Usage for all partitions. */
  async #append(): Promise<void> {
    const { bed, broker, entries } = this.#options;
    const writer = new BulkWriter({ broker, topic: bed.name, partitions: bed.topic.partitions });
    await writer.open();
    try {
      for (let i = 0; i < MORE; i += 1) {
        const next = entries.next();
        if (next.done === true) throw new Error('the usage has come to an end');
        if (writer.add(next.value)) await writer.drain();
      }
      await writer.flush();
    } finally {
      writer.close();
    }
  }

  async #deleteUpTo(offsets: readonly number[]): Promise<void> {
    const partitions = offsets.map((offset, partition) => ({ partition, offset: String(offset) }));
    await this.#admin.deleteTopicRecords({ topic: this.#options.bed.name, partitions });
  }

  /** Appends, and deletes of one partition all but the newest entries, unread ones too. Returns its position before. */
  async #deleteBeyond(partition: number): Promise<number> {
    const { bed } = this.#options;
    await this.#append();
    const position = (await bed.positions())[partition] ?? 0;
    const low = ((await bed.ends())[partition] ?? 0) - KEPT;
    if (low <= position) throw new Error(`too few entries: ${String(position)} to ${String(low)}`);
    const partitions = [{ partition, offset: String(low) }];
    await this.#admin.deleteTopicRecords({ topic: bed.name, partitions });
    return position;
  }

  /** The partition halts where it stood, or at the end of what was fetched; an alarm says what to do, the others go on. */
  async #refused(partition: number, position: number, fetched: number): Promise<string[]> {
    const { bed } = this.#options;
    this.#lost.add(partition);
    const halted = (): FleetLine | undefined => this.#halts.find((line) => line.partition === partition);
    await waitUntil('the partition halts', () => Promise.resolve(halted() !== undefined), {
      timeoutMs: WAIT_MS,
    });
    await this.#caughtUp();
    const faults: string[] = [];
    const alarm = halted();
    if (alarm === undefined || !WHAT_TO_DO.test(alarm.err?.message ?? '')) {
      faults.push(`the alarm does not say what to do: ${alarm?.text ?? ''}`);
    }
    const now = (await bed.positions())[partition] ?? 0;
    if (now < position || now > Math.max(position, fetched))
      faults.push(`the position went from ${String(position)} to ${String(now)}`);
    return faults;
  }

  /** Every partition that is not lost reaches its end. */
  async #caughtUp(): Promise<void> {
    const { bed } = this.#options;
    const atEnd = async (): Promise<boolean> => {
      const [ends, positions] = [await bed.ends(), await bed.positions()];
      return ends.every((end, i) => this.#lost.has(i) || (positions[i] ?? 0) >= end);
    };
    await waitUntil('the other partitions are read to their ends', atEnd, { timeoutMs: WAIT_MS });
  }
}
