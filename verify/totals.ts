import type { Amount } from './amount.ts';
import { addTo, nothing, plus } from './amount.ts';

/** Classes that one total tells apart. */
const MOST_CLASSES = 64;

/** A stretch of time, [startMs, endMs). */
export interface Span {
  startMs: number;
  endMs: number;
}

/** A span of time with octets by service class. */
export interface Total extends Span {
  /** '' is the default class; classes without octets may be missing */
  classes: Map<string, Amount>;
}

/** One of which is known what was carried off-peak. */
export interface BandedTotal extends Total {
  /** of the classes' octets those that were carried off-peak; a class that the total does not tell apart is the default one */
  offPeak: Map<string, Amount>;
}

/** Sum over all classes. */
export function totalOf({ classes }: Pick<Total, 'classes'>): Amount {
  return [...classes.values()].reduce(plus, nothing());
}

export function addToOffPeak(total: BandedTotal, serviceClass: string, amount: Amount): void {
  addTo(total.offPeak, total.classes.has(serviceClass) ? serviceClass : '', amount);
}

/** Adds octets to their class; to the default one where no more are told apart. */
export function addToClass(total: Pick<Total, 'classes'>, serviceClass: string, { down, up }: Amount): void {
  const named = [...total.classes.keys()].filter((name) => name !== '');
  const isOneTooMany = !total.classes.has(serviceClass) && named.length >= MOST_CLASSES;
  addTo(total.classes, isOneTooMany ? '' : serviceClass, { down, up });
}
