import type { EncodedBatch, EncodedEntry } from './encoded.ts';

/** Bytes before the record in Confluent's framing: 0x00 and a big-endian schema id. */
export const CONFLUENT_PREFIX_BYTES = 5;
/** Bytes before the record in Avro's single-object encoding: C3 01 and a little-endian fingerprint. */
export const SINGLE_OBJECT_PREFIX_BYTES = 10;

/** Framing of a value; 'none' = neither prefix. */
export type Framing = 'confluent' | 'single-object' | 'none';

/**
 * Recognises the framing. Where bare records are expected there is no Confluent framing: a bare record
 * may begin with 0x00 (an empty first string), and guessing would make the outcome depend on what the registry knows.
 * C3 01 can not begin a bare record whose first field is a string or union (it would be a negative length).
 */
export function framingOf(value: Uint8Array, bareExpected: boolean): Framing {
  if (value[0] === 0xc3 && value[1] === 0x01 && value.length > SINGLE_OBJECT_PREFIX_BYTES)
    return 'single-object';
  if (!bareExpected && value[0] === 0x00 && value.length > CONFLUENT_PREFIX_BYTES) return 'confluent';
  return 'none';
}

/** Schema id in Confluent's framing, an unsigned 32-bit integer. */
export function confluentId(value: Uint8Array): number {
  return (((value[1] ?? 0) << 24) | ((value[2] ?? 0) << 16) | ((value[3] ?? 0) << 8) | (value[4] ?? 0)) >>> 0;
}

/** Fingerprint in Avro's single-object encoding. */
export function singleObjectFingerprint(value: Uint8Array): bigint {
  let fingerprint = 0n;
  for (let i = 9; i >= 2; i--) fingerprint = (fingerprint << 8n) | BigInt(value[i] ?? 0);
  return fingerprint;
}

/** Registry ids of the writer schemas that a batch needs, each once. Controls and oversize records need none. */
export function neededSchemas(batch: EncodedBatch, bareExpected: boolean, maxRecordBytes: number): number[] {
  const ids = new Set<number>();
  for (const entry of batch.entries) {
    const value = accountingValue(entry, maxRecordBytes);
    if (value !== null && framingOf(value, bareExpected) === 'confluent') ids.add(confluentId(value));
  }
  return [...ids];
}

function accountingValue(entry: EncodedEntry, maxRecordBytes: number): Uint8Array | null {
  if (entry.control !== null || entry.value === null || entry.value.length > maxRecordBytes) return null;
  return entry.value;
}
