import type {
  ActionRow,
  Analytics,
  AnalyticsBatch,
  FeedQualityReading,
  FeedQualityRow,
  SessionRow,
  SessionSpan,
  UsageExtent,
  UsageLateRow,
  UsageQuarter,
  UsageReading,
  UsageReplay,
  UsageSteps,
  UsageStepsRequest,
  UsageWindowRow,
} from '../analytics-ports.ts';
import type { HistorySpan } from '../history-ports.ts';
import type { LedgerAction } from '../ports.ts';
import { lateHistory, sessionHistory, usageHistory } from './analytics-history.ts';
import { uniteFeedQuality } from './feed-quality.ts';
import { extentOf, stepsOf } from './usage-steps.ts';

const WINDOW_MS = 5 * 60_000;

/** Analytics in memory, for simulation and unit tests: what ClickHouse's tables would show after all merges. */
export class MemoryAnalytics implements Analytics, UsageReplay {
  readonly #windows = new Map<string, UsageWindowRow>();
  readonly #late = new Map<string, UsageLateRow>();
  readonly #sessions = new Map<string, SessionRow>();
  readonly #feeds = new Map<string, FeedQualityRow>();
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
    for (const row of batch.feeds) {
      upsert(this.#feeds, [row.hourMs, row.nasId, row.partition], row, (held) => held.version);
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

  feedQuality(fromMs: number, toMs: number, nasId: string | null): Promise<FeedQualityReading[]> {
    const groups = new Map<string, FeedQualityRow[]>();
    for (const row of this.#feeds.values()) {
      if (row.hourMs < fromMs || row.hourMs >= toMs || (nasId !== null && row.nasId !== nasId)) continue;
      const key = JSON.stringify([row.hourMs, row.nasId]);
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    const readings = [...groups.values()].map(uniteFeedQuality);
    return Promise.resolve(readings.sort((a, b) => a.hourMs - b.hourMs || byBytes(a.nasId, b.nasId)));
  }

  usageExtent(fromMs: number, toMs: number): Promise<UsageExtent> {
    return Promise.resolve(extentOf([...this.#windows.values()], [...this.#late.values()], fromMs, toMs));
  }

  usageSteps(request: UsageStepsRequest): Promise<UsageSteps> {
    return Promise.resolve(stepsOf([...this.#windows.values()], [...this.#late.values()], request));
  }

  usageHistory(subscriberId: string, span: HistorySpan): Promise<UsageQuarter[]> {
    return Promise.resolve(usageHistory(this.#windows.values(), subscriberId, span));
  }

  lateHistory(subscriberId: string, span: HistorySpan): Promise<UsageLateRow[]> {
    return Promise.resolve(lateHistory(this.#late.values(), subscriberId, span));
  }

  sessionHistory(subscriberId: string, span: SessionSpan): Promise<SessionRow[]> {
    return Promise.resolve(sessionHistory(this.#sessions.values(), subscriberId, span));
  }

  allWindows(subscriberId?: string): AsyncIterable<UsageWindowRow[]> {
    return pages(this.#windows, subscriberId, (row) => [
      row.windowStartMs,
      row.serviceClass,
      row.nasId,
      row.partition,
    ]);
  }

  allLate(subscriberId?: string): AsyncIterable<UsageLateRow[]> {
    return pages(this.#late, subscriberId, (row) => [
      row.fromMs,
      row.serviceClass,
      row.nasId,
      row.partition,
      row.offset,
    ]);
  }

  allSessions(subscriberId?: string): AsyncIterable<SessionRow[]> {
    return pages(this.#sessions, subscriberId, (row) => [row.startMs, row.nasId, row.sessionId]);
  }

  allActions(subscriberId?: string): AsyncIterable<ActionRow[]> {
    const rows = new Map([...this.#actions].map(([key, action]) => [key, toActionRow(action)]));
    return pages(rows, subscriberId, (row) => [row.actionId]);
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

/** Rows by subscriber and then key, texts in byte order as ClickHouse sorts; one page a subscriber. */
async function* pages<Row extends { subscriberId: string }>(
  rows: ReadonlyMap<string, Row>,
  subscriberId: string | undefined,
  keyOf: (row: Row) => (string | number)[],
): AsyncGenerator<Row[]> {
  const bySubscriber = new Map<string, Row[]>();
  for (const row of rows.values()) {
    if (subscriberId !== undefined && row.subscriberId !== subscriberId) continue;
    const own = bySubscriber.get(row.subscriberId) ?? [];
    own.push(structuredClone(row));
    bySubscriber.set(row.subscriberId, own);
  }
  for (const id of [...bySubscriber.keys()].sort(byBytes)) {
    const own = bySubscriber.get(id) ?? [];
    yield await Promise.resolve(own.sort((a, b) => byKey(keyOf(a), keyOf(b))));
  }
}

function byKey(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? '';
    const order =
      typeof left === 'number' && typeof right === 'number'
        ? left - right
        : byBytes(String(left), String(right));
    if (order !== 0) return order;
  }
  return 0;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function byWindow(a: UsageReading, b: UsageReading): number {
  return (
    a.windowStartMs - b.windowStartMs || byBytes(a.serviceClass, b.serviceClass) || byBytes(a.nasId, b.nasId)
  );
}

/** Names, addresses and session ids of the intent stay out, as in ClickHouse. */
function toActionRow({ intent, ...action }: LedgerAction): ActionRow {
  return {
    actionId: intent.id,
    subscriberId: intent.subscriberId,
    kind: intent.kind,
    policyId: intent.policyId,
    policyVersion: intent.policyVersion,
    rule: intent.rule,
    cycleStartMs: intent.cycleStartMs,
    ordinal: intent.ordinal,
    downBps: intent.desired.downBps,
    upBps: intent.desired.upBps,
    state: action.state,
    detail: action.detail,
    attempts: action.attempts,
    decidedAtMs: intent.decidedAtMs,
    appendTimeMs: intent.appendTimeMs,
    partition: intent.partition,
    offset: intent.offset,
    createdAtMs: action.createdAtMs,
    updatedAtMs: action.updatedAtMs,
  };
}
