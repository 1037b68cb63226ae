import type { NasProfile } from '../../schemas/profile.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';

/** A 32-bit counter begins anew at this many units (accounting case 3). */
const WRAP_UNITS = 2 ** 32;

/** How to read a NAS's records: its own profile, else the one of the id `*`, else the defaults. */
export function nasProfileOf(profiles: ReadonlyMap<string, NasProfile>, nasId: string): NasProfile {
  const own = profiles.get(nasId);
  if (own !== undefined) return own;
  const everybody = profiles.get('*');
  // What nobody described is read as the defaults say; of these nothing asks for the id.
  return everybody ?? DEFAULT;
}

const DEFAULT = defaultNasProfile('*');

/** Octets that one of the NAS's units stands for (case 18). */
export function unitFactor(nas: NasProfile): number {
  return nas.unit === 'kilobytes' ? 1000 : 1;
}

/** Octets after which the NAS's counters begin anew; 0 = they are 64-bit. */
export function wrapOf(nas: NasProfile): number {
  return nas.gigawords ? 0 : WRAP_UNITS * unitFactor(nas);
}

/**
 * True where wraps of a NAS without gigawords can not be told from what else lowers a counter: the line carries more than
 * half of the counter's range in one interim interval (57 Mbit/s fills all of it in 10 min). Nobody should bill from it.
 * @param lineBps speed of the line in bit/s
 * @param intervalMs interim interval in ms
 */
export function notBillable(nas: NasProfile, lineBps: number, intervalMs: number): boolean {
  const wrap = wrapOf(nas);
  return wrap > 0 && (lineBps / 8000) * intervalMs > wrap / 2;
}
