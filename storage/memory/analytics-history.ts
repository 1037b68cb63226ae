import type {
  SessionRow,
  SessionSpan,
  UsageLateRow,
  UsageQuarter,
  UsageWindowRow,
} from '../analytics-ports.ts';
import type { HistorySpan } from '../history-ports.ts';

const QUARTER_MS = 15 * 60_000;

/** Analytics.usageHistory over rows in no order. */
export function usageHistory(
  rows: Iterable<UsageWindowRow>,
  subscriberId: string,
  { fromMs, throughMs, limit }: HistorySpan,
): UsageQuarter[] {
  const quarters = new Map<number, UsageQuarter>();
  for (const row of rows) {
    const { windowStartMs, serviceClass } = row;
    if (row.subscriberId !== subscriberId || windowStartMs < fromMs || windowStartMs > throughMs) continue;
    const startMs = Math.floor(windowStartMs / QUARTER_MS) * QUARTER_MS;
    const quarter = quarters.get(startMs) ?? { startMs, classes: [], estimated: false };
    quarters.set(startMs, quarter);
    let entry = quarter.classes.find((known) => known.serviceClass === serviceClass);
    if (entry === undefined) quarter.classes.push((entry = { serviceClass, downBytes: 0, upBytes: 0 }));
    entry.downBytes += row.downBytes;
    entry.upBytes += row.upBytes;
    quarter.estimated ||= row.estimated;
  }
  for (const { classes } of quarters.values())
    classes.sort((a, b) => byBytes(a.serviceClass, b.serviceClass));
  return [...quarters.values()].sort((a, b) => b.startMs - a.startMs).slice(0, limit);
}

/** Analytics.lateHistory over rows in no order. */
export function lateHistory(
  rows: Iterable<UsageLateRow>,
  subscriberId: string,
  { fromMs, throughMs, limit }: HistorySpan,
): UsageLateRow[] {
  const own = [...rows].filter(
    (row) => row.subscriberId === subscriberId && row.fromMs >= fromMs && row.fromMs <= throughMs,
  );
  own.sort(
    (a, b) =>
      b.fromMs - a.fromMs ||
      byBytes(a.serviceClass, b.serviceClass) ||
      byBytes(a.nasId, b.nasId) ||
      a.partition - b.partition ||
      a.offset - b.offset,
  );
  return structuredClone(own.slice(0, limit));
}

/** Analytics.sessionHistory over rows in no order. */
export function sessionHistory(
  rows: Iterable<SessionRow>,
  subscriberId: string,
  span: SessionSpan,
): SessionRow[] {
  const { startFromMs = 0, startThroughMs = Infinity, endFromMs = 0, endThroughMs = Infinity } = span;
  const at = ({ startMs, endMs }: SessionRow): number => (span.by === 'start' ? startMs : endMs);
  const own = [...rows].filter(
    (row) =>
      row.subscriberId === subscriberId &&
      row.startMs >= startFromMs &&
      row.startMs <= startThroughMs &&
      row.endMs >= endFromMs &&
      row.endMs <= endThroughMs,
  );
  own.sort(
    (a, b) =>
      at(b) - at(a) ||
      byBytes(a.nasId, b.nasId) ||
      byBytes(a.sessionId, b.sessionId) ||
      a.startMs - b.startMs,
  );
  return structuredClone(own.slice(0, span.limit));
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
