import { AppError } from '../../schemas/errors.ts';
import type { SlotId, StateStore } from '../../storage/ports.ts';

/** Other slots that an empty one is compared with: those of the lowest numbers, which are there since the beginning. */
const MOST_LOOKS = 8;

/**
 * Refuses a slot of a topic whose partitions have become more (or fewer) since its state was made: keys hash to other
 * partitions then. A slot that has state says with which count; an empty one is asked nothing, so others are: without
 * that a partition that was added would be metered with an empty state, apart from the profiles of its subscribers.
 *
 * @param stored count that the slot's state was made with; null = it is empty
 * @param countOf reads it from another slot's core; null where there is none
 * @throws AppError 'partition-count-changed'
 */
export async function requirePinnedCount(
  store: Pick<StateStore, 'readHead'>,
  slot: SlotId,
  count: number,
  stored: number | null,
  countOf: (meta: ReadonlyMap<string, Uint8Array>) => number | null,
): Promise<void> {
  let made = stored;
  for (let partition = 0; made === null && partition < Math.min(count, MOST_LOOKS); partition += 1) {
    if (partition === slot.partition) continue;
    made = countOf((await store.readHead({ ...slot, partition })).meta);
  }
  // The topic may have grown under a process that counted before.
  if (slot.partition < count && (made === null || made === count)) return;
  throw new AppError(
    'partition-count-changed',
    `topic ${slot.topic} has ${Math.max(count, slot.partition + 1)} partitions, its state was made with ${made ?? count}: ` +
      'keys now hash to other partitions; move to a new topic instead',
  );
}
