import { AppError } from '../../schemas/errors.ts';
import type { SlotId } from '../../storage/ports.ts';

/** Meta field of a slot that is being rebuilt: what it holds is not whole. Its last commit removes the field. */
export const REBUILDING_FIELD = 'rebuilding';

/** True for a slot whose rebuild runs, or was interrupted. */
export function isRebuilding(meta: ReadonlyMap<string, Uint8Array>): boolean {
  return (meta.get(REBUILDING_FIELD)?.length ?? 0) > 0;
}

/**
 * To be asked by whoever loads a slot, before anything else of it is used.
 *
 * @throws AppError 'conflict' (final: the partition halts) while the slot is being rebuilt
 */
export function requireRebuilt(slot: SlotId, meta: ReadonlyMap<string, Uint8Array>): void {
  if (!isRebuilding(meta)) return;
  const partition = String(slot.partition);
  throw new AppError(
    'conflict',
    `the state of partition ${partition} of ${slot.topic} is being rebuilt, or its rebuild was interrupted: ` +
      `stop the workers and run weir state rebuild --partition ${partition}`,
  );
}
