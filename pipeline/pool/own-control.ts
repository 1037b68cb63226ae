import type { Control } from '../../schemas/control.ts';
import type { Cause } from '../decide/intents.ts';
import type { FoldContext } from '../fold/fold.ts';

/** Numbers that each input has for controls of its slot. A slot can number 2^41 inputs so. */
const NUMBERS_AN_INPUT = 4096;
/**
 * Kept for what an input causes besides the subscribers that it drains: what it is itself about leaves at most 8, and 90 members of
 * pools are told (MAX_EFFECTS).
 */
const KEPT_NUMBERS = 128;

/** Controls that the input has left so far. */
export function leftBy({ own }: FoldContext, cause: Cause): number {
  return own.offset === cause.offset ? own.left : 0;
}

/**
 * True while there are numbers for one more subscriber that is drained: the last word on a cycle, one on leaving, one on joining.
 *
 * @param before what the input had left before it drained anybody
 */
export function hasNumbers(context: FoldContext, cause: Cause, before: number): boolean {
  return leftBy(context, cause) - before + 3 <= NUMBERS_AN_INPUT - KEPT_NUMBERS;
}

/**
 * Leaves a pool's control to the log, in the order of leaving. Its number is the input's offset and a running number within
 * the input, of a source of its own (`pool-<partition>`; NAS events keep `slot-<partition>`, one an input). A receiver takes what is
 * above the highest it has seen, so numbers have to grow in the order of leaving, to each partition and over restarts:
 *
 * - The same log gives the same numbers, whatever the batches: a repeat is known as one.
 * - After a torn commit subscribers whose value is ahead leave nothing, and what the others leave has lower numbers than before.
 *   The outbox is written before values, so all that the torn commit had to leave is in it, goes out first, and the others'
 *   repeats are skipped or say the same again. A counter kept in the slot would stand too low after that, and later controls
 *   would be skipped; offsets do not go back.
 */
export function leaveControl({ state, effects, own }: FoldContext, control: Control, cause: Cause): void {
  if (own.offset !== cause.offset) {
    own.offset = cause.offset;
    own.left = 0;
  }
  if (own.left >= NUMBERS_AN_INPUT) throw new Error('an input left more controls than it has numbers for');
  const n = (cause.offset + 1) * NUMBERS_AN_INPUT + own.left;
  own.left += 1;
  effects.outbox.push({
    kind: 'control',
    id: { source: `pool-${state.partition}`, n },
    appendTimeMs: cause.appendTimeMs,
    control,
  });
}
