import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import type {
  LogAppend,
  LogWriter,
  PartitionHandler,
  PartitionMarks,
  RawBatch,
  RecordSource,
} from './ports.ts';

/** A new, empty log of the adapter under test. */
interface LogUnderTest {
  writer: LogWriter;
  /** a reader of the log as a group; retries soon, so that tests do not wait */
  source(groupId: string): RecordSource;
  close(): Promise<void>;
}

/** Makes a log with so many partitions. */
export type LogFactory = (options: { partitions: number; simulatedTime: boolean }) => Promise<LogUnderTest>;

/** Polls until the condition holds, for at most `withinMs`. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error('the condition did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A handler that keeps what it was given and checks that calls of one partition never overlap. */
export class Recorder implements PartitionHandler {
  /** where open starts; default the low mark */
  readonly start = new Map<number, number>();
  readonly opened: { partition: number; marks: PartitionMarks }[] = [];
  readonly closed: number[] = [];
  readonly batches: RawBatch[] = [];
  readonly faults: string[] = [];
  /** called before a batch counts as handled; may throw, or return another position */
  onBatch: (batch: RawBatch) => Promise<number | undefined> | number | undefined = () => undefined;
  onOpen: (partition: number, marks: PartitionMarks) => void = () => undefined;
  readonly #busy = new Set<number>();
  readonly #owned = new Set<number>();

  open(partition: number, marks: PartitionMarks): Promise<number> {
    return this.#alone(partition, () => {
      this.opened.push({ partition, marks });
      if (this.#owned.has(partition)) this.faults.push(`opened twice: ${partition}`);
      this.onOpen(partition, marks);
      this.#owned.add(partition);
      return Promise.resolve(this.start.get(partition) ?? marks.low);
    });
  }

  batch(batch: RawBatch): Promise<number> {
    return this.#alone(batch.partition, async () => {
      if (!this.#owned.has(batch.partition))
        this.faults.push(`a batch of ${batch.partition} while it is not open`);
      if (batch.entries.length === 0) this.faults.push('an empty batch');
      const position = await this.onBatch(batch);
      this.batches.push(batch);
      return position ?? (batch.entries.at(-1)?.offset ?? -1) + 1;
    });
  }

  close(partition: number): Promise<void> {
    return this.#alone(partition, () => {
      this.closed.push(partition);
      this.#owned.delete(partition);
      return Promise.resolve();
    });
  }

  /** Texts of all handled entries of a partition, in the order they came. */
  texts(partition: number): string[] {
    return this.entries(partition).map((entry) => Buffer.from(entry.value ?? []).toString('utf8'));
  }

  entries(partition: number): RawBatch['entries'] {
    return this.batches.filter((batch) => batch.partition === partition).flatMap((batch) => batch.entries);
  }

  async #alone<T>(partition: number, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(partition)) this.faults.push(`overlapping calls for ${partition}`);
    this.#busy.add(partition);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return await work();
    } finally {
      this.#busy.delete(partition);
    }
  }
}

/** An accounting entry with a text for a value. */
export function textEntry(partition: number, text: string, more: Partial<LogAppend> = {}): LogAppend {
  return { partition, key: Buffer.from(`key-${partition}`), value: Buffer.from(text), ...more };
}

/** n texts, `<prefix>0` onwards. */
export function numbered(prefix: string, n: number): string[] {
  return Array.from({ length: n }, (_, i) => `${prefix}${i}`);
}

/** A promise that is kept from outside. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** What every RecordSource and LogWriter pair must do. */
export function recordSourceContract(name: string, makeLog: LogFactory): void {
  describe(`${name}: record source`, () => {
    let log: LogUnderTest;
    let handler: Recorder;
    let sources: RecordSource[];

    const begin = async (groupId = 'readers'): Promise<RecordSource> => {
      const source = log.source(groupId);
      sources.push(source);
      await source.start(handler);
      return source;
    };
    const append = (...entries: LogAppend[]): Promise<void> => log.writer.append(entries);

    beforeEach(async () => {
      log = await makeLog({ partitions: 2, simulatedTime: false });
      handler = new Recorder();
      sources = [];
    });
    afterEach(async () => {
      for (const source of sources) await source.stop();
      await log.close();
      expect(handler.faults).toEqual([]);
    });

    it('delivers what was appended before and after the start, in order, once', async () => {
      expect(await log.writer.partitionCount()).toBe(2);
      const texts = numbered('a', 50);
      await append(...texts.slice(0, 20).map((text) => textEntry(0, text)), textEntry(1, 'other'));
      const source = await begin();
      expect(await source.partitionCount()).toBe(2);
      await until(() => handler.texts(0).length === 20);
      for (const text of texts.slice(20)) await append(textEntry(0, text));
      await until(() => handler.texts(0).length >= 50 && handler.texts(1).length >= 1);
      expect(handler.texts(0)).toEqual(texts);
      expect(handler.texts(1)).toEqual(['other']);
      const offsets = handler.entries(0).map((entry) => entry.offset);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect((await source.highWatermarks()).get(0)).toBeGreaterThanOrEqual(50);
    });

    it('opens every partition with its marks, also idle ones', async () => {
      await append(textEntry(1, 'x'), textEntry(1, 'y'));
      await begin('fresh');
      await until(() => handler.opened.length === 2);
      const marks = new Map(handler.opened.map((one) => [one.partition, one.marks]));
      expect(marks.get(0)).toEqual({ low: 0, high: 0, groupOffset: null });
      expect(marks.get(1)).toEqual({ low: 0, high: 2, groupOffset: null });
    });

    it('begins at the position that the handler says', async () => {
      await append(...numbered('a', 10).map((text) => textEntry(0, text)));
      handler.start.set(0, 7);
      await begin();
      await until(() => handler.texts(0).length >= 3);
      expect(handler.texts(0)).toEqual(['a7', 'a8', 'a9']);
    });

    it('keeps keys, values and control ids as they were', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await append(
        { partition: 0, key: bytes, value: bytes },
        { partition: 0, key: null, value: Buffer.from([0]), control: { source: 'directory', n: 42 } },
      );
      await begin();
      await until(() => handler.entries(0).length >= 2);
      const [first, second] = handler.entries(0);
      expect(Buffer.from(first?.key ?? [])).toEqual(bytes);
      expect(Buffer.from(first?.value ?? [])).toEqual(bytes);
      expect(first?.control).toBeNull();
      expect(second?.key).toBeNull();
      expect(Buffer.from(second?.value ?? [])).toEqual(Buffer.from([0]));
      expect(second?.control).toBe('directory:42');
    });

    it('stamps append times that do not step back, whatever time the producer gives', async () => {
      const beforeMs = Date.now() - 60_000;
      for (let i = 0; i < 5; i++) await append(textEntry(0, `${i}`, { timeMs: 1_000_000 - i }));
      await begin();
      await until(() => handler.entries(0).length >= 5);
      const times = handler.entries(0).map((entry) => entry.appendTimeMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times.every((time) => Number.isInteger(time) && time > beforeMs)).toBe(true);
    });

    it('delivers again from the position after a retriable error', async () => {
      await append(...numbered('a', 10).map((text) => textEntry(0, text)));
      let failures = 0;
      const first: (number | undefined)[] = [];
      handler.onBatch = (batch) => {
        first.push(batch.entries[0]?.offset);
        if (failures++ < 2) throw new AppError('unreachable', 'the store is away', { retriable: true });
        return undefined;
      };
      await begin();
      await until(() => handler.texts(0).length >= 10);
      expect(handler.texts(0)).toEqual(numbered('a', 10));
      expect(first.slice(0, 3)).toEqual([0, 0, 0]);
    });

    it('goes back where the handler says so', async () => {
      await append(...numbered('a', 6).map((text) => textEntry(0, text)));
      let reloaded = false;
      handler.onBatch = () => {
        if (reloaded) return undefined;
        reloaded = true;
        return 2;
      };
      handler.start.set(0, 4);
      await begin();
      await until(() => handler.texts(0).length >= 6);
      expect(handler.texts(0)).toEqual(['a4', 'a5', 'a2', 'a3', 'a4', 'a5']);
    });

    it('halts one partition and keeps the other going', async () => {
      handler.onBatch = (batch) => {
        if (batch.partition === 0) throw new AppError('store-corrupt', 'not readable');
        return undefined;
      };
      await begin();
      await append(textEntry(0, 'bad'), textEntry(1, 'good'));
      await until(() => handler.texts(1).length === 1);
      await append(textEntry(0, 'after'), textEntry(1, 'more'));
      await until(() => handler.texts(1).length === 2);
      expect(handler.texts(0)).toEqual([]);
      expect(handler.texts(1)).toEqual(['good', 'more']);
    });

    it('halts a partition whose handler refuses to open it', async () => {
      handler.onOpen = (partition) => {
        if (partition === 0) throw new AppError('position-out-of-range', 'outside');
      };
      await begin();
      await append(textEntry(0, 'never'), textEntry(1, 'good'));
      await until(() => handler.texts(1).length === 1);
      expect(handler.texts(0)).toEqual([]);
      expect(handler.opened.filter((one) => one.partition === 0)).toHaveLength(1);
    });

    it('tries again to open after a retriable error', async () => {
      let failures = 0;
      handler.onOpen = (partition) => {
        if (partition === 0 && failures++ < 2) throw new AppError('unreachable', 'away', { retriable: true });
      };
      await begin();
      await append(textEntry(0, 'late'));
      await until(() => handler.texts(0).length === 1);
      expect(failures).toBe(3);
    });

    it('delivers nothing of a paused partition until it is resumed', async () => {
      const source = await begin();
      await until(() => handler.opened.length === 2);
      source.pause(0);
      await append(textEntry(0, 'held'), textEntry(1, 'flows'));
      await until(() => handler.texts(1).length === 1);
      await append(textEntry(1, 'flows on'));
      await until(() => handler.texts(1).length === 2);
      expect(handler.texts(0)).toEqual([]);
      source.resume(0);
      await until(() => handler.texts(0).length === 1);
    });

    it('stop waits for the batch in hand, closes once and delivers nothing after', async () => {
      const source = await begin();
      const held = gate();
      const inHand = gate();
      handler.onBatch = async () => {
        inHand.open();
        await held.opened;
        return undefined;
      };
      await append(textEntry(0, 'in hand'));
      await inHand.opened;
      const order: string[] = [];
      const stopping = Promise.all([source.stop(), source.stop()]).then(() => order.push('stopped'));
      order.push('released');
      held.open();
      await stopping;
      expect(order).toEqual(['released', 'stopped']);
      expect(handler.texts(0)).toEqual(['in hand']);
      expect([...handler.closed].sort()).toEqual([0, 1]);
      await append(textEntry(0, 'too late'));
      await source.stop();
      expect(handler.texts(0)).toEqual(['in hand']);
    });

    it('tells the group offset to the next reader of the group', async () => {
      await append(...numbered('a', 4).map((text) => textEntry(0, text)));
      const source = await begin('same');
      await until(() => handler.texts(0).length === 4);
      await source.stop();
      const next = new Recorder();
      const other = log.source('same');
      sources.push(other);
      await other.start(next);
      await until(() => next.opened.length === 2);
      expect(next.opened.find((one) => one.partition === 0)?.marks).toEqual({
        low: 0,
        high: 4,
        groupOffset: 4,
      });
    });

    it('carries a large append in order', async () => {
      const texts = numbered('n', 12_000);
      await append(...texts.map((text) => textEntry(1, text)));
      await begin();
      await until(() => handler.texts(1).length >= texts.length);
      expect(handler.texts(1)).toEqual(texts);
    });
  });

  it(`${name}: takes the producer's time in simulated time`, async () => {
    const log = await makeLog({ partitions: 1, simulatedTime: true });
    const handler = new Recorder();
    const source = log.source('readers');
    const times = [Date.UTC(2025, 0, 1), Date.UTC(2025, 0, 2, 3, 4, 5, 678)];
    await log.writer.append(times.map((timeMs) => textEntry(0, 'x', { timeMs })));
    await source.start(handler);
    await until(() => handler.entries(0).length >= 2);
    expect(handler.entries(0).map((entry) => entry.appendTimeMs)).toEqual(times);
    await source.stop();
    await log.close();
  });
}
