import { PolicyCompileError } from './compile-error.ts';

const DEEPEST = 32;

/**
 * A copy of a JSON value, as json-rules-engine copies a condition for each run: an object in it is never the same one as
 * in a fact, and keys that every object inherits (`toString`) are left out.
 *
 * @throws PolicyCompileError where it holds a key `__proto__`, which the library's copy would take for a prototype, or is
 * nested deeper than 32 levels
 */
export function copyLiteral(value: unknown, place: string, level = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (level > DEEPEST) throw new PolicyCompileError('too-large', place, 'nested too deeply');
  if (Array.isArray(value)) return value.map((item: unknown) => copyLiteral(item, place, level + 1));
  if (Object.hasOwn(value, '__proto__'))
    throw new PolicyCompileError('malformed', place, 'must not have a key __proto__');
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !Object.hasOwn(Object.prototype, key))
      .map(([key, item]: [string, unknown]) => [key, copyLiteral(item, place, level + 1)]),
  );
}
