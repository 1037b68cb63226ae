import type { TypeShape } from './schema-limits.ts';

interface Cursor {
  bytes: Uint8Array;
  pos: number;
}

type Walk = (cursor: Cursor) => boolean;

/**
 * Makes a check that the bytes from `pos` hold exactly one value of the type, in time linear in the bytes.
 * avsc skips an array by counting down the number that the record claims, even past the end of the bytes: 9 bytes
 * would keep the process busy for days. So records of schemas with arrays or maps are walked first; items take at
 * least one byte each (schemaProblem), hence a count above the bytes left is a lie.
 */
export function boundedWalk(type: TypeShape): (bytes: Uint8Array, pos: number) => boolean {
  const walk = walkOf(type);
  return (bytes, pos) => {
    const cursor = { bytes, pos };
    return walk(cursor) && cursor.pos === bytes.length;
  };
}

function walkOf(type: TypeShape): Walk {
  switch (type.typeName) {
    case 'null':
      return () => true;
    case 'boolean':
      return (cursor) => skip(cursor, 1);
    case 'int':
    case 'long':
    case 'abstract:long':
    case 'enum':
      return (cursor) => varint(cursor) !== null;
    case 'float':
      return (cursor) => skip(cursor, 4);
    case 'double':
      return (cursor) => skip(cursor, 8);
    case 'bytes':
    case 'string':
      return (cursor) => skip(cursor, varint(cursor) ?? -1);
    case 'fixed':
      return (cursor) => skip(cursor, type.size ?? -1);
    case 'array':
      return blocks(type.itemsType === undefined ? () => false : walkOf(type.itemsType));
    case 'map': {
      const value = type.valuesType === undefined ? () => false : walkOf(type.valuesType);
      return blocks((cursor) => skip(cursor, varint(cursor) ?? -1) && value(cursor));
    }
    case 'record':
    case 'error': {
      const walks = (type.fields ?? []).map((field) => walkOf(field.type));
      return (cursor) => walks.every((walk) => walk(cursor));
    }
    default:
      return union(type);
  }
}

function union(type: TypeShape): Walk {
  if (type.underlyingType !== undefined) return walkOf(type.underlyingType);
  const walks = (type.types ?? []).map(walkOf);
  return (cursor) => {
    const walk = walks[varint(cursor) ?? -1];
    return walk !== undefined && walk(cursor);
  };
}

/** Avro blocks: count, items, until count 0; a negative count is followed by the block's size in bytes. */
function blocks(item: Walk): Walk {
  return (cursor) => {
    for (;;) {
      let count = varint(cursor);
      if (count === null) return false;
      if (count === 0) return true;
      let end: number | null = null;
      if (count < 0) {
        count = -count;
        const size = varint(cursor);
        if (size === null || size < 0) return false;
        end = cursor.pos + size;
      }
      if (count > cursor.bytes.length - cursor.pos) return false;
      for (let i = 0; i < count; i++) if (!item(cursor)) return false;
      if (end !== null && cursor.pos !== end) return false;
    }
  };
}

function skip(cursor: Cursor, length: number): boolean {
  if (length < 0 || length > cursor.bytes.length - cursor.pos) return false;
  cursor.pos += length;
  return true;
}

/** Zigzag varint of at most 10 bytes; null past the end. Exact below 2^53, which is all that counts and lengths need. */
function varint(cursor: Cursor): number | null {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 10; i++) {
    const byte = cursor.bytes[cursor.pos++];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    factor *= 128;
  }
  return null;
}
