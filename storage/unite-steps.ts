import type { UsageSteps } from './analytics-ports.ts';

/** Usage of one subscriber from one table, in any order. */
export interface SubscriberSteps {
  subscriberId: string;
  /** start of the step, seconds since 1970 UTC */
  seconds: Uint32Array;
  /** null = all rows are of the first class */
  classIndexes: Uint16Array | null;
  down: Float64Array;
  up: Float64Array;
}

/**
 * One page from parts: subscribers in byte order, their rows by step and class, rows of one step and class added up. Parts are
 * nearly always in order and one a subscriber, so that is looked at before anything is sorted.
 */
export function uniteSteps(parts: readonly SubscriberSteps[], classes: readonly string[]): UsageSteps {
  const bySubscriber = new Map<string, SubscriberSteps[]>();
  let rows = 0;
  for (const part of parts) {
    const known = bySubscriber.get(part.subscriberId);
    if (known === undefined) bySubscriber.set(part.subscriberId, [part]);
    else known.push(part);
    rows += part.seconds.length;
  }
  const subscriberIds = inByteOrder([...bySubscriber.keys()]);
  const page = emptySteps(subscriberIds, classes, rows);
  let at = 0;
  subscriberIds.forEach((id, i) => {
    page.starts[i] = at;
    at = append(page, at, bySubscriber.get(id) ?? []);
  });
  page.starts[subscriberIds.length] = at;
  return at === rows ? page : trimmed(page, at);
}

/** A page without usage. */
export function emptySteps(subscriberIds: string[], classes: readonly string[], rows: number): UsageSteps {
  return {
    subscriberIds,
    starts: new Uint32Array(subscriberIds.length + 1),
    seconds: new Uint32Array(rows),
    classes: [...classes],
    classIndexes: new Uint16Array(rows),
    down: new Float64Array(rows),
    up: new Float64Array(rows),
  };
}

/** UTF-8's order; UTF-16's is another one beyond the basic plane. */
export function inByteOrder(ids: readonly string[]): string[] {
  const bytes = ids.map((id) => ({ id, bytes: Buffer.from(id) }));
  return bytes.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ id }) => id);
}

/** Writes one subscriber's rows from place `at` on; gives the place after them. */
function append(page: UsageSteps, at: number, parts: readonly SubscriberSteps[]): number {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && isAscending(only)) {
    page.seconds.set(only.seconds, at);
    if (only.classIndexes !== null) page.classIndexes.set(only.classIndexes, at);
    page.down.set(only.down, at);
    page.up.set(only.up, at);
    return at + only.seconds.length;
  }
  const rows = parts.flatMap(({ seconds, classIndexes, down, up }) =>
    Array.from(seconds, (second, i) => ({
      second,
      index: classIndexes?.[i] ?? 0,
      down: down[i] ?? 0,
      up: up[i] ?? 0,
    })),
  );
  rows.sort((a, b) => a.second - b.second || a.index - b.index);
  let next = at;
  let last: (typeof rows)[number] | undefined;
  for (const row of rows) {
    // Of one subscriber's step and class there is one row.
    if (last?.second !== row.second || last.index !== row.index) next += 1;
    page.seconds[next - 1] = row.second;
    page.classIndexes[next - 1] = row.index;
    page.down[next - 1] = (page.down[next - 1] ?? 0) + row.down;
    page.up[next - 1] = (page.up[next - 1] ?? 0) + row.up;
    last = row;
  }
  return next;
}

function isAscending({ seconds, classIndexes }: SubscriberSteps): boolean {
  for (let i = 1; i < seconds.length; i += 1) {
    const [before = 0, here = 0] = [seconds[i - 1], seconds[i]];
    if (here > before) continue;
    if (here < before || classIndexes === null) return false;
    if ((classIndexes[i] ?? 0) <= (classIndexes[i - 1] ?? 0)) return false;
  }
  return true;
}

function trimmed(page: UsageSteps, rows: number): UsageSteps {
  const { seconds, classIndexes, down, up } = page;
  return {
    ...page,
    seconds: seconds.slice(0, rows),
    classIndexes: classIndexes.slice(0, rows),
    down: down.slice(0, rows),
    up: up.slice(0, rows),
  };
}
