import { AppError } from '../../schemas/errors.ts';
import type { DeadLetter } from '../../schemas/outcome.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';

type StoredLetter = Omit<DeadLetter, 'key' | 'value'> & { key: string | null; value: string | null };

/** Entries that one ownership may put into the outbox: the next one's numbers come after. */
const ENTRIES_AN_EPOCH = 2 ** 28;

/**
 * Number of the entry that an owner puts into the outbox as its `count`-th (from 1). It holds the epoch: no other owner gives it,
 * whatever a crash left.
 * @throws AppError 'store-rejected' (retriable) when this ownership has given all of its numbers: the slot is acquired anew
 */
export function outboxNumber(epoch: number, count: number): number {
  if (count >= ENTRIES_AN_EPOCH) {
    throw new AppError('store-rejected', 'all outbox numbers of this ownership are given', {
      retriable: true,
    });
  }
  return epoch * ENTRIES_AN_EPOCH + count;
}

/** Bytes of an outbox entry: JSON, with the bytes of dead letters as base64. */
export function encodeOutbox(record: OutboxRecord): Uint8Array {
  if (record.kind !== 'dead-letter') return Buffer.from(JSON.stringify(record), 'utf8');
  const { letter } = record;
  const stored: StoredLetter = { ...letter, key: base64(letter.key), value: base64(letter.value) };
  return Buffer.from(JSON.stringify({ kind: record.kind, letter: stored }), 'utf8');
}

/** Reads encodeOutbox's bytes. Throws 'store-corrupt'. */
export function decodeOutbox(bytes: Uint8Array): OutboxRecord {
  let record: OutboxRecord | { kind: 'dead-letter'; letter: StoredLetter };
  try {
    record = JSON.parse(Buffer.from(bytes).toString('utf8')) as typeof record;
  } catch (error) {
    throw new AppError('store-corrupt', 'an outbox entry is not JSON', { cause: error });
  }
  if (record.kind !== 'dead-letter') return record;
  const letter = record.letter as StoredLetter;
  return {
    kind: 'dead-letter',
    letter: { ...letter, key: fromBase64(letter.key), value: fromBase64(letter.value) },
  };
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null
    ? null
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function fromBase64(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, 'base64');
}
