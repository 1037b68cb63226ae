import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import type { UsageWindowRow } from '../../storage/analytics-ports.ts';
import { FakeClock } from './fake-clock.ts';
import { Flusher } from './flusher.ts';
import { HeldAnalytics } from './held-analytics.ts';
import type { InsertEnd } from './held-analytics.ts';

const PARTITIONS = 3;

/** What may happen, in any order. */
type Step =
  | { do: 'commit'; partition: number; windows: number[] }
  | { do: 'submit again'; partition: number }
  | { do: 'submit old version'; index: number }
  | { do: 'change owner'; partition: number }
  | { do: 'end insert'; how: InsertEnd }
  | { do: 'wait'; ms: number };

const partition = fc.nat(PARTITIONS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      partition,
      windows: fc.array(fc.nat(5), { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('submit again' as const), partition }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('submit old version' as const), index: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change owner' as const), partition }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('end insert' as const),
      how: fc.constantFrom<InsertEnd>('stored', 'stored', 'refused', 'acknowledgement lost', 'half stored'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 100, 1_000, 40_000) }),
  },
);

/** The committed state of the slots, which the flusher is fed from, and which analytics must equal in the end. */
class Slots {
  readonly clock = new FakeClock();
  readonly analytics = new HeldAnalytics(new MemoryAnalytics());
  readonly #rows = new Map<string, UsageWindowRow>();
  /** every version that was ever committed */
  readonly #history: UsageWindowRow[] = [];
  readonly #positions = Array.from({ length: PARTITIONS }, () => 0);
  /** collected, since what a callback throws would not reach the test */
  readonly #wrongReports: string[] = [];
  readonly #reported = Array.from({ length: PARTITIONS }, () => 0);
  readonly flusher = new Flusher({
    analytics: this.analytics,
    clock: this.clock,
    eagerRows: 6,
    maxRowsAnInsert: 4,
    onFlushed: (partition, through) => {
      this.#checkReport(partition, through);
    },
  });

  async play(step: Step): Promise<void> {
    switch (step.do) {
      case 'commit':
        this.#commit(step.partition, step.windows);
        return;
      case 'submit again':
        this.#submit(step.partition, this.#rowsOf(step.partition));
        return;
      case 'submit old version': {
        const row = this.#history[step.index % Math.max(1, this.#history.length)];
        if (row !== undefined) this.#submit(row.partition, [row]);
        return;
      }
      case 'change owner':
        this.flusher.forget(step.partition);
        this.#reported[step.partition] = 0;
        this.#submit(step.partition, this.#rowsOf(step.partition));
        return;
      case 'end insert':
        await this.analytics.end(step.how);
        return;
      case 'wait':
        this.clock.advance(step.ms);
    }
  }

  /** Lets everything succeed from now on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 1_000 && this.flusher.lagSeconds + this.flusher.backlogRows > 0; turn++) {
      this.clock.advance(40_000);
      await this.analytics.end('stored');
    }
    this.clock.advance(40_000);
  }

  expectSettled(): void {
    expect(this.#wrongReports).toEqual([]);
    const sorted = (rows: Iterable<UsageWindowRow>) =>
      [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    expect(sorted(this.analytics.store.windows())).toEqual(sorted(this.#rows.values()));
    this.#positions.forEach((position, partition) => {
      expect(this.#reported[partition]).toBe(position);
    });
    expect(this.flusher.backlogRows).toBe(0);
    expect(this.clock.timers).toBe(0);
  }

  #commit(partition: number, windows: number[]): void {
    const changed = windows.map((n) => {
      const version = (this.#positions[partition] ?? 0) + 1;
      this.#positions[partition] = version;
      const row: UsageWindowRow = {
        partition,
        subscriberId: `s${String(n)}`,
        windowStartMs: 0,
        serviceClass: 'internet',
        nasId: 'nas-1',
        planId: 'home',
        downBytes: version * 3,
        upBytes: n,
        estimated: false,
        version,
      };
      this.#rows.set(keyOf(row), row);
      this.#history.push(row);
      return row;
    });
    this.#submit(partition, changed);
  }

  #submit(partition: number, windows: UsageWindowRow[]): void {
    this.flusher.submit(
      partition,
      { windows, late: [], sessions: [], feeds: [] },
      this.#positions[partition] ?? 0,
    );
  }

  #rowsOf(partition: number): UsageWindowRow[] {
    return [...this.#rows.values()].filter((row) => row.partition === partition);
  }

  #checkReport(partition: number, through: number): void {
    const where = `partition ${String(partition)} through ${String(through)}`;
    if (through < (this.#reported[partition] ?? 0)) this.#wrongReports.push(`${where}: not growing`);
    this.#reported[partition] = through;
    const stored = new Map(this.analytics.store.windows().map((row) => [keyOf(row), row.version]));
    for (const row of this.#history) {
      if (row.partition !== partition || row.version > through) continue;
      if ((stored.get(keyOf(row)) ?? 0) < row.version)
        this.#wrongReports.push(`${where}: ${keyOf(row)} is not stored`);
    }
  }
}

const keyOf = (row: UsageWindowRow) => `${String(row.partition)} ${row.subscriberId}`;

describe('Flusher, whatever happens', () => {
  it('ends with exactly the highest versions, and reports only what is stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const slots = new Slots();
        for (const next of steps) await slots.play(next);
        await slots.settle();
        slots.expectSettled();
      }),
      { numRuns: 300 },
    );
  });
});
