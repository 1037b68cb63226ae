/** `.name` or `['name']`; names of signs that mean nothing to jsonpath-plus. */
const STEP = /\.([\p{L}\p{N}_][\p{L}\p{N}_-]*)|\['([\p{L}\p{N}_][\p{L}\p{N}_ .:/+&-]*)'\]/uy;
const LONGEST = 256;

/**
 * Keys of a safe path: `$.a.b`, `$['a']['b']`, mixed. jsonpath-plus has wildcards, filters and expressions, and can run
 * for minutes on a short text; none of that gets through.
 *
 * @returns null where the text is no such path
 */
export function parsePath(path: string): readonly string[] | null {
  if (path.length > LONGEST || !path.startsWith('$') || path.length === 1) return null;
  const keys: string[] = [];
  for (let at = 1; at < path.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const match = STEP.exec(path);
    const key = match?.[1] ?? match?.[2];
    // Digits around a colon are a slice.
    if (key === undefined || /^[\d-]*:[\d:-]*$/.test(key)) return null;
    keys.push(key);
  }
  return keys;
}

/**
 * What jsonpath-plus gives for a safe path, unwrapped: own properties only, also those of texts and lists (`length`,
 * `0`); undefined where one is missing. What is no object itself passes unchanged.
 */
export function readPath(value: unknown, keys: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  let at: unknown = value;
  for (const key of keys) {
    if (at === null || at === undefined || at === '' || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}
