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
  let entry = total.classes.find((known) => known.serviceClass === serviceClass);
  if (entry === undefined) {
    if (total.classes.length >= MAX_CLASSES) return;
    entry = { serviceClass, down: 0, up: 0 };
    total.classes.push(entry);
    total.classes.sort((a, b) => (a.serviceClass < b.serviceClass ? -1 : 1));
  }
  entry.down += bytes.down;
  entry.up += bytes.up;
}

/**
 * Bytes of a total that count against the cap: each class by its factor per mille, rounded down once for all of them
 * (accounting case 19). A class without a factor counts in full.
 */
export function countedByClass(
  total: Bytes & { classes: readonly ClassTotal[] },
  factors: Readonly<Record<string, number>>,
): Bytes {
  if (total.classes.length === 0 && factors[''] === undefined) return total;
  let [restDown, restUp] = [total.down, total.up];
  const sum = { down: { whole: 0, rest: 0 }, up: { whole: 0, rest: 0 } };
  for (const { serviceClass, down, up } of total.classes) {
    restDown -= down;
    restUp -= up;
    const factor = factorOf(factors, serviceClass);
    addShare(sum.down, down, factor);
    addShare(sum.up, up, factor);
  }
  addShare(sum.down, restDown, factors[''] ?? 1000);
  addShare(sum.up, restUp, factors[''] ?? 1000);
  return { down: roundedDown(sum.down), up: roundedDown(sum.up) };
}

/** Names come from the network: 'constructor' is in every object, and no factor. */
function factorOf(factors: Readonly<Record<string, number>>, serviceClass: string): number {
  return Object.hasOwn(factors, serviceClass) ? (factors[serviceClass] ?? 1000) : 1000;
}

/** bytes * factor / 1000 without leaving the safe integers: thousands and their rest apart. */
function addShare(sum: { whole: number; rest: number }, bytes: number, factor: number): void {
  const rest = bytes % 1000;
  sum.whole += ((bytes - rest) / 1000) * factor;
  sum.rest += rest * factor;
}

function roundedDown({ whole, rest }: { whole: number; rest: number }): number {
  return whole + Math.floor(rest / 1000);
}
