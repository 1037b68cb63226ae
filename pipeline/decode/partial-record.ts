import type { Type, types } from 'avsc';
import { hasBlocks } from './schema-limits.ts';
import type { TypeShape } from './schema-limits.ts';

/** A field's value as far as people look at it; `bigint` for longs. */
export type PlainValue = string | number | bigint | null;

/**
 * Makes a reader of the fields that lie before the first one that can not be read: for people who look at a broken
 * record, never for metering. Reads what is plain (texts, numbers, null), skips other fields, ends before arrays and
 * maps, whose claimed counts may be lies. Never throws.
 *
 * @param writer a record type; its longs should be bigint, so that great ones are shown as they are
 */
export function partReader(writer: Type): (bytes: Buffer, pos: number) => Map<string, PlainValue> {
  const fields = (writer as types.RecordType).fields;
  return (bytes, pos) => {
    const read = new Map<string, PlainValue>();
    let at = pos;
    for (const { name, type } of fields) {
      if (hasBlocks(type as unknown as TypeShape)) break;
      const field = decoded(type, bytes, at);
      if (field === null) break;
      const value = plain(field.value);
      if (value !== undefined) read.set(name, value);
      at = field.end;
    }
    return read;
  };
}

function decoded(type: Type, bytes: Buffer, at: number): { value: unknown; end: number } | null {
  try {
    const { value, offset } = type.decode(bytes, at) as { value: unknown; offset: number };
    return offset < at ? null : { value, end: offset };
  } catch {
    // avsc throws on unknown branches and symbols: here the record stops making sense.
    return null;
  }
}

/** A union that avsc cannot tell apart comes wrapped: `{long: 5}`. */
function plain(value: unknown): PlainValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value === null)
    return value;
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  const [only, ...others] = Object.values(value ?? {}) as unknown[];
  return others.length > 0 || typeof only === 'object' || only === undefined ? undefined : plain(only);
}
