import type { DeadLetter } from '../../schemas/outcome.ts';
import type { LogEntry, SlotId } from '../../storage/ports.ts';
import type { BatchEffects } from '../fold/effects.ts';

/**
 * Most of a key and of a value that a letter keeps, in bytes. Together, with headers, below the 1 MB a message that
 * Kafka takes by default: a letter that can not be put would halt its partition. No valid control is larger.
 */
const MAX_KEY_BYTES = 16 * 1024;
const MAX_VALUE_BYTES = 900_000;

/** The letter of what was refused. Decoding cut the bytes to the limit of records; what the fold refused has them in the entry. */
export function deadLetter(
  slot: SlotId,
  dead: BatchEffects['dead'][number],
  entry: LogEntry | undefined,
): DeadLetter {
  const { offset, appendTimeMs, reason, detail, nasId } = dead;
  const key = (dead.key ?? entry?.key ?? null)?.subarray(0, MAX_KEY_BYTES) ?? null;
  const value = (dead.value ?? entry?.value ?? null)?.subarray(0, MAX_VALUE_BYTES) ?? null;
  return {
    topic: slot.topic,
    partition: slot.partition,
    offset,
    appendTimeMs,
    reason,
    detail,
    nasId,
    key,
    value,
  };
}
