import type { Analytics, AnalyticsBatch, SessionRow, UsageLateRow, UsageReading, UsageWindowRow } from '../analytics-ports.ts';
import type { LedgerAction } from '../ports.ts';

const WINDOW_MS = 5 * 60_000;

/** Analytics in memory, for simulation and unit tests: what ClickHouse's tables would show after all merges. */
export class MemoryAnalytics implements Analytics {
  readonly #windows = new Map<string, UsageWindowRow>();
  readonly #late = new Map<string, UsageLateRow>();
  readonly #sessions = new Map<string, SessionRow>();
  readonly #actions = new Map<string, LedgerAction>();

  migrate(): Promise<void> {
    return Promise.resolve();
  }

  insert(batch: AnalyticsBatch): Promise<void> {
    for (const row of batch.windows) {
      const key = [row.subscriberId, row.windowStartMs, row.serviceClass, row.nasId, row.partition];
      upsert(this.#windows, key, row, (held) => held.version);
    }
    for (const row of batch.late) {
      const key = [row.subscriberId, row.fromMs, row.serviceClass, row.nasId, row.partition, row.offset];
      upsert(this.#late, key, row, () => 0);
    }
    for (const row of batch.sessions) {
      upsert(
        this.#sessions,
        [row.subscriberId, row.startMs, row.nasId, row.sessionId],
        row,
        (held) => held.version,
      );
    }
    return Promise.resolve();
  }

  insertActions(actions: readonly LedgerAction[]): Promise<void> {
    for (const action of actions) {
      upsert(
        this.#actions,
        [action.intent.subscriberId, action.intent.id],
        action,
        (held) => held.updatedAtMs,
      );
    }
    return Promise.resolve();
  }

  /** Windows that start in [fromMs, toMs), ordered by start, service class and NAS. Late usage is in the window where it began. */
  subscriberUsage(subscriberId: string, fromMs: number, toMs: number): Promise<UsageReading[]> {
    const sums = new Map<string, UsageReading>();
    const add = (windowStartMs: number, row: UsageWindowRow | UsageLateRow) => {
      if (row.subscriberId !== subscriberId || windowStartMs < fromMs || windowStartMs >= toMs) return;
      const { serviceClass, nasId } = row;
      const key = JSON.stringify([windowStartMs, serviceClass, nasId]);
      const sum = sums.get(key) ?? { windowStartMs, serviceClass, nasId, downBytes: 0, upBytes: 0 };
      sum.downBytes += row.downBytes;
      sum.upBytes += row.upBytes;
      sums.set(key, sum);
    };
    for (const row of this.#windows.values()) add(row.windowStartMs, row);
    for (const row of this.#late.values()) add(Math.floor(row.fromMs / WINDOW_MS) * WINDOW_MS, row);
    return Promise.resolve([...sums.values()].sort(byWindow));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Window rows with their highest versions, in no order; for tests and for comparing with the oracle. */
  windows(): UsageWindowRow[] {
    return [...this.#windows.values()];
  }

  /** Late rows, in no order. */
  late(): UsageLateRow[] {
    return [...this.#late.values()];
  }

  /** Closed sessions with their highest versions, in no order. */
  sessions(): SessionRow[] {
    return [...this.#sessions.values()];
  }

  /** Actions with their latest state, in no order. */
  actions(): LedgerAction[] {
    return [...this.#actions.values()];
  }
}

/** Keeps the highest version; of equal versions the last written, as ReplacingMergeTree does. */
function upsert<Row>(rows: Map<string, Row>, key: unknown[], row: Row, version: (row: Row) => number): void {
  const text = JSON.stringify(key);
  const held = rows.get(text);
  if (held === undefined || version(row) >= version(held)) rows.set(text, { ...row });
}

/** In byte order of the texts, as ClickHouse sorts. */
function byWindow(a: UsageReading, b: UsageReading): number {
  return (
    a.windowStartMs - b.windowStartMs ||
    Buffer.compare(Buffer.from(a.serviceClass), Buffer.from(b.serviceClass)) ||
    Buffer.compare(Buffer.from(a.nasId), Buffer.from(b.nasId))
  );
}
