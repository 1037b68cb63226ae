import { AppError } from '../../schemas/errors.ts';
import type { TimelineEntry } from '../../schemas/timeline-views.ts';
import type { HistorySpan } from '../../storage/history-ports.ts';

/** One kind of what happened: the newest first, of one ms always in the same order. */
export type TimelineSource = (span: HistorySpan) => Promise<TimelineEntry[]>;

/** Entries of one instant that a cursor may skip: more at one ms is not paged through. */
const MAX_SKIP = 5_000;

/** What a page is asked for with; bounds are included, ms since 1970 UTC. */
export interface PageRequest {
  fromMs: number;
  toMs: number;
  limit: number;
  /** `next` of the page before */
  before: string | null;
}

/** Where a page begins: at or before an instant, behind so many of that instant's entries. */
interface Cursor {
  atMs: number;
  skip: number;
}

/**
 * One page of several sources in one order of time, the newest first. Each source is asked for no more than a page, so the cost
 * does not grow with the history. What is stored while somebody pages may be missing or come twice.
 *
 * @throws AppError 'invalid-input' where `before` is none that a page gave
 */
export async function pageOf(
  sources: readonly TimelineSource[],
  { fromMs, toMs, limit, before }: PageRequest,
): Promise<{ entries: TimelineEntry[]; next: string | null }> {
  const cursor = before === null ? { atMs: toMs, skip: 0 } : parseCursor(before);
  const throughMs = Math.min(cursor.atMs, toMs);
  const span = { fromMs, throughMs, limit: limit + cursor.skip + 1 };
  const lists = await Promise.all(sources.map((source) => source(span)));
  // A stable sort: of one ms, entries keep the order of sources and of each source.
  const merged = lists.flat().sort((a, b) => msOf(b) - msOf(a));
  const seen = merged.findIndex((entry, i) => i >= cursor.skip || msOf(entry) !== throughMs);
  const rest = seen < 0 ? [] : merged.slice(seen);
  const entries = rest.slice(0, limit);
  const last = entries.at(-1);
  if (last === undefined || rest.length <= limit) return { entries, next: null };
  const lastMs = msOf(last);
  const skip = merged.slice(0, seen + limit).filter((entry) => msOf(entry) === lastMs).length;
  // Beyond the bound the rest of that instant is left out, so that the next page is no fault and goes on.
  if (skip > MAX_SKIP) return { entries, next: lastMs > fromMs ? `${String(lastMs - 1)}.0` : null };
  return { entries, next: `${String(lastMs)}.${String(skip)}` };
}

function parseCursor(text: string): Cursor {
  const [, at, skip] = /^([0-9]{1,15})\.([0-9]{1,4})$/.exec(text) ?? [];
  if (at === undefined || skip === undefined || Number(skip) > MAX_SKIP)
    throw new AppError('invalid-input', 'before is not the next of a page');
  return { atMs: Number(at), skip: Number(skip) };
}

function msOf({ at }: TimelineEntry): number {
  return Date.parse(at);
}
