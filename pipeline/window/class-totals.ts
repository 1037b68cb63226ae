import type { Bytes, ClassTotal } from '../fold/slot-state.ts';

/** Classes that one total tells apart; names come from the network. What is beyond counts as the default class. */
const MAX_CLASSES = 64;

/**
 * Adds bytes to a total and to its class. The default class ('') has no entry of its own: it is what the others leave.
 * `whole` false: the bytes are in the total already, and only their class is told.
 */
export function addClass(total: Bytes & { classes: ClassTotal[] }, bytes: ClassTotal, whole = true): void {
  if (whole) {
    total.down += bytes.down;
    total.up += bytes.up;
  }
  const { serviceClass } = bytes;
  if (serviceClass === '') return;
  const isKnown = total.classes.some((known) => known.serviceClass === serviceClass);
  if (isKnown || total.classes.length < MAX_CLASSES) addToEntry(total.classes, serviceClass, bytes);
}

/** Adds to a class's entry; entries stand by class. */
function addToEntry(entries: ClassTotal[], serviceClass: string, { down, up }: Bytes): void {
  let entry = entries.find((known) => known.serviceClass === serviceClass);
  if (entry === undefined) {
    entry = { serviceClass, down: 0, up: 0 };
    entries.push(entry);
    entries.sort((a, b) => (a.serviceClass < b.serviceClass ? -1 : 1));
  }
  entry.down += down;
  entry.up += up;
}

/** Octets of one service class that were carried at one time of day. */
export interface Carried extends ClassTotal {
  offPeak: boolean;
}

/** Adds bytes to a total, to their class and, where they are, to those carried off-peak. */
export function addCarried(
  total: Banded & { classes: ClassTotal[]; offPeak: ClassTotal[] },
  bytes: Carried,
): void {
  addClass(total, bytes);
  if (bytes.offPeak) addOffPeak(total, bytes);
}

/**
 * Notes that bytes of a total were carried off-peak, under the class that they count as there: what is noted of a class is
 * never more than the class has.
 */
export function addOffPeak(total: Banded & { offPeak: ClassTotal[] }, bytes: ClassTotal): void {
  const isTold = total.classes.some((known) => known.serviceClass === bytes.serviceClass);
  addToEntry(total.offPeak, isTold ? bytes.serviceClass : '', bytes);
}

/** Octets by class and time of day. */
export interface Banded extends Bytes {
  classes: readonly ClassTotal[];
  offPeak: readonly ClassTotal[];
}

type Factors = Readonly<Record<string, number>>;

/** What a plan counts, per mille by class. */
export interface CountedFactors {
  classFactors: Factors;
  /** absent = the same at all times */
  offPeakFactors?: Factors;
}

const NO_FACTORS: Factors = {};

const IN_FULL = 1000;

/**
 * Bytes of a total that count against the cap: each class by its factor per mille, at off-peak times by the factor for these
 * (its own, else that of `*`, else the same), rounded down once for all of them (accounting case 19). A class without a
 * factor counts in full.
 */
export function countedByClass(total: Banded, factors: CountedFactors): Bytes {
  const { classFactors, offPeakFactors = NO_FACTORS } = factors;
  const isPlain = total.classes.length === 0 && classFactors[''] === undefined;
  if (isPlain && (total.offPeak.length === 0 || isEmpty(offPeakFactors))) return total;
  let [restDown, restUp] = [total.down, total.up];
  const sum: Sum = { down: { whole: 0, rest: 0 }, up: { whole: 0, rest: 0 } };
  for (const share of total.classes) {
    restDown -= share.down;
    restUp -= share.up;
    addClassShare(sum, share, total.offPeak, classFactors, offPeakFactors);
  }
  const rest = { serviceClass: '', down: restDown, up: restUp };
  addClassShare(sum, rest, total.offPeak, classFactors, offPeakFactors);
  return { down: roundedDown(sum.down), up: roundedDown(sum.up) };
}

function addClassShare(
  sum: Sum,
  { serviceClass, down, up }: ClassTotal,
  offPeak: readonly ClassTotal[],
  classFactors: Factors,
  offPeakFactors: Factors,
): void {
  const factor = factorOf(classFactors, serviceClass) ?? IN_FULL;
  const then = factorOf(offPeakFactors, serviceClass) ?? factorOf(offPeakFactors, '*') ?? factor;
  const off = then === factor ? undefined : offPeak.find((known) => known.serviceClass === serviceClass);
  addShare(sum.down, down - (off?.down ?? 0), factor);
  addShare(sum.up, up - (off?.up ?? 0), factor);
  if (off === undefined) return;
  addShare(sum.down, off.down, then);
  addShare(sum.up, off.up, then);
}

function isEmpty(factors: Factors): boolean {
  for (const _ in factors) return false;
  return true;
}

/** Names come from the network: 'constructor' is in every object, and no factor. */
function factorOf(factors: Factors, serviceClass: string): number | undefined {
  return Object.hasOwn(factors, serviceClass) ? factors[serviceClass] : undefined;
}

/** Thousands and what is left of them. */
interface Share {
  whole: number;
  rest: number;
}
type Sum = Record<'down' | 'up', Share>;

/** bytes * factor / 1000 without leaving the safe integers: thousands and their rest apart. */
function addShare(sum: Share, bytes: number, factor: number): void {
  const rest = bytes % 1000;
  sum.whole += ((bytes - rest) / 1000) * factor;
  sum.rest += rest * factor;
}

function roundedDown({ whole, rest }: Share): number {
  return whole + Math.floor(rest / 1000);
}
