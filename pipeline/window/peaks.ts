import type { CycleCalendar } from '../../rules/cycle.ts';
import type { Bytes, NewestWindow, Peak, Subscriber } from '../fold/slot-state.ts';
import { addClass } from './class-totals.ts';

/** Classes of which a day's peak is told. */
const MAX_CLASSES = 64;

/** One service class's share of a record, cut into windows; the cuts of all classes of a record are the same. */
interface ClassParts {
  serviceClass: string;
  parts: readonly (Bytes & { windowStartMs: number | null })[];
}

/**
 * Takes a record's windows into the newest window's total and the day's peak. Of the newest window all that it has carried so
 * far is known; of one before it only what this record says, as its other rows may be in the store.
 */
export function noteWindows(
  subscriber: Subscriber,
  spreads: readonly ClassParts[],
  calendar: CycleCalendar,
  zone: string,
): void {
  const cuts = spreads[0]?.parts ?? [];
  for (let i = 0; i < cuts.length; i += 1) {
    const startMs = cuts[i]?.windowStartMs ?? null;
    if (startMs === null) continue;
    let bytes = 0;
    for (const { parts } of spreads) bytes += sumOf(parts[i]);
    if (bytes === 0) continue;
    const newest = addToNewest(subscriber, startMs, spreads, i);
    const peak = peakOf(subscriber, calendar.day(zone, startMs).startMs);
    if (peak === null) continue;
    peak.bytes = Math.max(peak.bytes, newest === null ? bytes : newest.down + newest.up);
    for (const { serviceClass, parts } of spreads) {
      if (serviceClass === '') continue;
      const own = sumOf(parts[i]);
      if (own === 0) continue;
      const running = newest?.classes.find((known) => known.serviceClass === serviceClass);
      // One that the window does not tell apart counts as the default class.
      if (newest !== null && running === undefined) continue;
      raiseClass(peak, serviceClass, running === undefined ? own : sumOf(running));
    }
  }
}

/** To be called when the zone may have changed: a peak of a day that is none of the zone's is no longer of use. */
export function forgetForeignPeak(subscriber: Subscriber, zone: string, calendar: CycleCalendar): void {
  const { peak } = subscriber;
  if (peak !== null && calendar.day(zone, peak.dayStartMs).startMs !== peak.dayStartMs)
    subscriber.peak = null;
}

/** Adds the i-th parts to the newest window, where they are of it or of a later one; null where they are of one before. */
function addToNewest(
  subscriber: Subscriber,
  startMs: number,
  spreads: readonly ClassParts[],
  i: number,
): NewestWindow | null {
  let { newestWindow } = subscriber;
  if (newestWindow !== null && startMs < newestWindow.startMs) return null;
  if (newestWindow === null) {
    newestWindow = { startMs, down: 0, up: 0, classes: [] };
    subscriber.newestWindow = newestWindow;
  } else if (newestWindow.startMs !== startMs) {
    // The same object: with nearly every record a window is the newest.
    newestWindow.startMs = startMs;
    newestWindow.down = 0;
    newestWindow.up = 0;
    if (newestWindow.classes.length > 0) newestWindow.classes = [];
  }
  for (const { serviceClass, parts } of spreads) {
    const part = parts[i];
    if (part === undefined || part.down + part.up === 0) continue;
    addClass(newestWindow, { serviceClass, down: part.down, up: part.up });
  }
  return newestWindow;
}

/** The peak of the day; null where a later day has one. */
function peakOf(subscriber: Subscriber, dayStartMs: number): Peak | null {
  const { peak } = subscriber;
  if (peak?.dayStartMs === dayStartMs) return peak;
  if (peak !== null && dayStartMs < peak.dayStartMs) return null;
  subscriber.peak = { dayStartMs, bytes: 0, classes: [] };
  return subscriber.peak;
}

function raiseClass({ classes }: Peak, serviceClass: string, bytes: number): void {
  const known = classes.find((one) => one.serviceClass === serviceClass);
  if (known !== undefined) known.bytes = Math.max(known.bytes, bytes);
  else if (classes.length < MAX_CLASSES) {
    classes.push({ serviceClass, bytes });
    classes.sort((a, b) => (a.serviceClass < b.serviceClass ? -1 : 1));
  }
}

function sumOf(bytes: Bytes | undefined): number {
  return bytes === undefined ? 0 : bytes.down + bytes.up;
}
