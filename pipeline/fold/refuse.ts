import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { unitFactor, wrapOf } from '../meter/nas-profile.ts';
import type { Subscriber } from './slot-state.ts';

/** Why a record is not metered. */
export interface Refusal {
  reason: DeadLetterReason;
  detail: string;
}

/**
 * What a well-formed record is refused for, before it changes anything (accounting cases 2 and 10); null = meter it.
 * Older than acceptLateness: the tombstone that would tell it from one counted before may be gone.
 * Totals beyond 2^53 (by the NAS's unit, or together with the subscriber's cycles): numbers would no longer be exact,
 * and no line carries 9 PB in a few months.
 */
export function refusalOf(
  subscriber: Subscriber | undefined,
  event: UsageEvent,
  nas: NasProfile,
  atMs: number,
  appendTimeMs: number,
  acceptLatenessMs: number,
): Refusal | null {
  if (atMs < appendTimeMs - acceptLatenessMs) {
    const days = Math.floor((appendTimeMs - atMs) / 86_400_000);
    return { reason: 'beyond-horizon', detail: `${days} days older than its append time` };
  }
  return beyondExact(subscriber, event, nas);
}

/** Totals that would no longer be exact: the record's, or those with the subscriber's cycles; null = they are. */
export function beyondExact(
  subscriber: Subscriber | undefined,
  event: UsageEvent,
  nas: NasProfile,
): Refusal | null {
  const octets = (event.inputOctets ?? 0) + (event.outputOctets ?? 0);
  const ipv6 = nas.ipv6 === 'additive' ? (event.ipv6InputOctets ?? 0) + (event.ipv6OutputOctets ?? 0) : 0;
  const claimed = (octets + ipv6) * unitFactor(nas);
  // A counter that wraps adds up to its whole range in either direction, whatever it shows.
  let held = claimed + 2 * wrapOf(nas);
  for (const { down, up } of subscriber?.cycles ?? []) held += down + up;
  for (const { down, up } of subscriber?.pastCycles ?? []) held += down + up;
  if (held > Number.MAX_SAFE_INTEGER) {
    return { reason: 'octets-beyond-2^53', detail: 'its octets and those of the cycles exceed 2^53' };
  }
  return null;
}

/**
 * Signed values are stored to 2^52. Held against all cycles together: another anchor may make one of several.
 * Null = the correction can be stored.
 */
export function beyondSigned(
  { cycles, pastCycles }: Subscriber,
  correction: { downBytes: number; upBytes: number },
): Refusal | null {
  let [down, up] = [Math.abs(correction.downBytes), Math.abs(correction.upBytes)];
  for (const { adjusted } of [...cycles, ...pastCycles]) {
    down += Math.abs(adjusted.down);
    up += Math.abs(adjusted.up);
  }
  if (Math.max(down, up) < MAX_SIGNED) return null;
  return { reason: 'bad-control', detail: 'the corrections of its cycles exceed 2^52 octets' };
}

const MAX_SIGNED = 2 ** 52;
