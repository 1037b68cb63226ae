/**
 * A text as Postgres takes it: it refuses NUL, and one such name in a record must not stop a whole slot. JSON contents
 * beside it keep the original. Idempotent.
 */
export function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

/** A content as JSON whose texts Postgres can look into, as an index on one of its fields does. */
export function storableJson(content: unknown): string {
  return JSON.stringify(content, (_name, value: unknown) =>
    typeof value === 'string' ? storable(value) : value,
  );
}
