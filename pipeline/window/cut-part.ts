import type { CycleCalendar } from '../../rules/cycle.ts';
import type { Bytes, ClassTotal, Subscriber } from '../fold/slot-state.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import type { Banded } from './class-totals.ts';

/**
 * Cuts a part of a cycle at an instant within it. At the beginning of a local day the right side has what the day totals say that
 * the days from there to the part's end carried, as far as the part has it: so a change that is dated back moves whole days. At any
 * other instant all that was carried so far stays on the left side: the change came when it was made known.
 */
export function cutPart(
  part: CyclePart,
  atMs: number,
  subscriber: Subscriber,
  calendar: CycleCalendar,
  zone: string,
): [left: CyclePart, right: CyclePart] {
  const later = calendar.day(zone, atMs).startMs === atMs ? daysIn(subscriber, atMs, part.toMs) : [];
  const [left, right] = [emptyPart(part.fromMs, atMs), emptyPart(atMs, part.toMs)];
  for (const serviceClass of ['', ...part.classes.map((share) => share.serviceClass)]) {
    const has = { all: ofClass(part, serviceClass), off: offPeakOf(part, serviceClass) };
    const days = sumOf(later, serviceClass);
    const moved = { down: shareOf(has, days, 'down'), up: shareOf(has, days, 'up') };
    put(right, serviceClass, moved.down.all, moved.up.all, moved.down.off, moved.up.off);
    const rest = (key: 'down' | 'up', of: 'all' | 'off'): number => has[of][key] - moved[key][of];
    put(left, serviceClass, rest('down', 'all'), rest('up', 'all'), rest('down', 'off'), rest('up', 'off'));
  }
  return [left, right];
}

/** Bytes of one class, in all and off-peak. */
interface OfClass {
  all: Bytes;
  off: Bytes;
}

/** What of one direction the right side gets: neither more than there is, nor so little off-peak that the left has more than it carried. */
function shareOf(has: OfClass, days: OfClass, key: 'down' | 'up'): { all: number; off: number } {
  const all = Math.min(has.all[key], days.all[key]);
  const least = has.off[key] - (has.all[key] - all);
  return { all, off: Math.max(Math.min(has.off[key], days.off[key], all), least) };
}

function daysIn({ today, days }: Subscriber, fromMs: number, toMs: number): Banded[] {
  const all = today === null ? days : [today, ...days];
  return all.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
}

function sumOf(days: readonly Banded[], serviceClass: string): OfClass {
  const sum: OfClass = { all: { down: 0, up: 0 }, off: { down: 0, up: 0 } };
  for (const day of days) {
    const [all, off] = [ofClass(day, serviceClass), offPeakOf(day, serviceClass)];
    sum.all.down += all.down;
    sum.all.up += all.up;
    sum.off.down += off.down;
    sum.off.up += off.up;
  }
  return sum;
}

/** The default class ('') is what the others leave. */
function ofClass(
  { down, up, classes }: Bytes & { classes: readonly ClassTotal[] },
  serviceClass: string,
): Bytes {
  if (serviceClass !== '') return shareIn(classes, serviceClass);
  const rest = { down, up };
  for (const share of classes) {
    rest.down -= share.down;
    rest.up -= share.up;
  }
  return rest;
}

function offPeakOf({ offPeak }: Banded, serviceClass: string): Bytes {
  return shareIn(offPeak, serviceClass);
}

const NOTHING: Bytes = { down: 0, up: 0 };

function shareIn(shares: readonly ClassTotal[], serviceClass: string): Bytes {
  return shares.find((share) => share.serviceClass === serviceClass) ?? NOTHING;
}

/** A part that has carried nothing. */
function emptyPart(fromMs: number, toMs: number): CyclePart {
  return { fromMs, toMs, down: 0, up: 0, classes: [], offPeak: [] };
}

/** Classes come in their order, the default one first: entries stand in order too. */
function put(
  part: CyclePart,
  serviceClass: string,
  down: number,
  up: number,
  offDown: number,
  offUp: number,
): void {
  part.down += down;
  part.up += up;
  if (serviceClass !== '' && down + up > 0) part.classes.push({ serviceClass, down, up });
  if (offDown + offUp > 0) part.offPeak.push({ serviceClass, down: offDown, up: offUp });
}
