import type { Bytes, ClassTotal } from './slot-state.ts';

/** From this layout on cycles have parts, carry over, and know what of top-ups is used. */
export const TARIFF_VERSION = 5;

/** Stretch of a cycle between two boundaries: one plan, unlimited as a whole or not at all. Instants are ms since 1970 UTC. */
export interface CyclePart extends Bytes {
  fromMs: number;
  toMs: number;
  classes: ClassTotal[];
  offPeak: ClassTotal[];
}

/** What a cycle that rolled had used up besides its cap; octets. */
export interface CycleSpent {
  carryBytes: number;
  blocks: number;
  soldBytes: number;
  /** by id, none of them 0 */
  topUps: { id: string; usedBytes: number }[];
}

/** What the cycle before left of its cap. */
export interface CarriedOver {
  /** cycle that it counts in */
  cycleStartMs: number;
  bytes: number;
  /** the cycle that it comes of is closed: it changes no more */
  final: boolean;
}

/** Of cycles without boundaries; lists of parts are replaced, never changed in place. */
export const NO_PARTS: CyclePart[] = [];
