/**
 * A text as Postgres takes it: it refuses NUL, and one such name in a record must not stop a whole slot. JSON contents
 * beside it keep the original. Idempotent.
 */
export function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}
