import type { CycleCalendar } from '../../rules/cycle.ts';
import type { TimelineEntry } from '../../schemas/timeline-views.ts';
import type { UsageQuarter } from '../../storage/analytics-ports.ts';
import type { HistorySpan } from '../../storage/history-ports.ts';
import { sizeWords, usageWords } from './explain-words.ts';
import { bytesView, iso } from './timeline-entries.ts';

/** Of a day of one subscriber the quarters of an hour, and as many more as an hour may be cut by. */
const QUARTERS_AN_HOUR = 4;

/** Hours are whole but for those that the timeline's bounds cut. */
export interface HourBounds {
  fromMs: number;
  toMs: number;
  zone: string;
  calendar: CycleCalendar;
}

/** Which quarters are to be read for the hours that begin within a span. */
export function quarterSpan({ toMs, zone, calendar }: HourBounds, span: HistorySpan): HistorySpan {
  const { endMs } = calendar.hour(zone, span.throughMs);
  return {
    fromMs: span.fromMs,
    throughMs: Math.min(endMs - 1, toMs),
    limit: QUARTERS_AN_HOUR * (span.limit + 2),
  };
}

/** Clock hours of the zone with usage, the newest first, made of quarters, the newest first. */
export function hourEntries(
  quarters: readonly UsageQuarter[],
  { fromMs, toMs, zone, calendar }: HourBounds,
  limit: number,
): TimelineEntry[] {
  const hours = new Map<number, { endMs: number; quarters: UsageQuarter[] }>();
  for (const quarter of quarters) {
    const { startMs, endMs } = calendar.hour(zone, quarter.startMs);
    const hour = hours.get(startMs) ?? { endMs, quarters: [] };
    hour.quarters.push(quarter);
    hours.set(startMs, hour);
  }
  return [...hours]
    .slice(0, limit)
    .map(([startMs, hour]) =>
      hourEntry(Math.max(startMs, fromMs), Math.min(hour.endMs, toMs), hour.quarters),
    );
}

function hourEntry(startMs: number, endMs: number, quarters: readonly UsageQuarter[]): TimelineEntry {
  const classes = new Map<string, { down: number; up: number }>();
  let [down, up] = [0, 0];
  for (const quarter of quarters) {
    for (const { serviceClass, downBytes, upBytes } of quarter.classes) {
      const total = classes.get(serviceClass) ?? { down: 0, up: 0 };
      total.down += downBytes;
      total.up += upBytes;
      classes.set(serviceClass, total);
      down += downBytes;
      up += upBytes;
    }
  }
  const named = [...classes].filter(([name]) => name !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  const shares = named.map(([name, total]) => `${name} ${sizeWords(total.down + total.up)}`);
  const estimated = quarters.some((quarter) => quarter.estimated);
  return {
    at: iso(startMs),
    kind: 'usage',
    text: usageWords(down, up) + (shares.length === 0 ? '' : `; of it ${shares.join(', ')}`),
    from: iso(startMs),
    to: iso(endMs),
    classes: [...classes].map(([serviceClass, total]) => ({
      serviceClass,
      ...bytesView(total.down, total.up),
    })),
    estimated,
    ...bytesView(down, up),
  };
}
