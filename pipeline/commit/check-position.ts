import { AppError } from '../../schemas/errors.ts';
import type { PartitionMarks, SlotId } from '../../storage/ports.ts';

/**
 * Compares where a slot stands with what its log holds and with what had been reached before.
 * Throws 'tail-lost', 'position-out-of-range'.
 *
 * @param stored position as it was found, null = there is no state
 * @param position where folding would begin
 * @param seen highest position that was ever reached, as the marks say
 */
export function checkPosition(
  slot: SlotId,
  stored: number | null,
  position: number,
  seen: number,
  marks: PartitionMarks,
): void {
  const where = `partition ${slot.partition} of ${slot.topic}`;
  const gone = stored === null && seen > 0 && marks.low > 0;
  if (gone || (position < seen && position < marks.low)) {
    throw new AppError(
      'tail-lost',
      `${where}: ${gone ? 'its state is gone' : `its state stands at offset ${position}`}, ` +
        `offset ${seen} had been reached, and the log begins at ${marks.low}: ` +
        `stop the workers and run weir state rebuild${gone ? '' : ` --partition ${slot.partition} --force`}`,
    );
  }
  if (position < marks.low || position > marks.high) {
    throw new AppError(
      'position-out-of-range',
      `${where}: state stands at offset ${position}, the log holds ${marks.low} to ${marks.high}: ` +
        (position < marks.low ? deletedUnread(slot) : lostItsEnd(slot)),
      // The end may be older than the position: it was asked for before the slot was ours.
      { retriable: position > marks.high },
    );
  }
}

function deletedUnread({ partition }: SlotId): string {
  return (
    'records were deleted before they were read; bring them back, or stop the workers and begin without them and ' +
    `without this state: weir state rebuild --partition ${partition} --from-log --force`
  );
}

function lostItsEnd({ partition }: SlotId): string {
  return (
    'the log lost its end, or the topic was made anew; stop the workers and go back to a snapshot that the log continues: ' +
    `weir state rebuild --partition ${partition} --force`
  );
}
