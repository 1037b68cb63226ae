import { controlKey } from '../../schemas/control.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { PendingControl } from '../../storage/people-ports.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { encodePlainControl } from '../decode/control-codec.ts';

/**
 * Log entries of one control: what concerns a subscriber goes to its partition under its key, what concerns everybody
 * to every partition without a key. All copies carry the same id.
 *
 * @param timeMs stamp in simulated time, ms since 1970 UTC; null = the log stamps by itself
 * @throws AppError 'invalid-input' for a control that readers of the log would refuse
 */
export function expandControl(
  pending: Pick<PendingControl, 'id' | 'control'>,
  partitions: number,
  timeMs: number | null,
): LogAppend[] {
  const value = encodePlainControl(pending.control);
  const key = controlKey(pending.control);
  const targets =
    key === null
      ? Array.from({ length: partitions }, (_, partition) => partition)
      : [partitionOfText(key, partitions)];
  const bytes = key === null ? null : Buffer.from(key, 'utf8');
  return targets.map((partition) => ({
    partition,
    key: bytes,
    value,
    control: pending.id,
    ...(timeMs === null ? {} : { timeMs }),
  }));
}
