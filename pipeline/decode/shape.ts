/**
 * Strict checks of JSON, typed so that a field added to the type fails to compile until it is checked.
 * A check returns null, or what is wrong in one line: `<path> <problem>`.
 */
export interface Check<T> {
  (value: unknown, path: string): string | null;
  /** carries the type only */
  readonly checks?: T;
}

/** Checks of all fields of T. */
export type Fields<T> = { [K in keyof Required<T>]: Check<Required<T>[K]> };

/** Text of `min` to `max` UTF-16 units. */
export function text(min: number, max: number): Check<string> {
  return (value, path) =>
    typeof value === 'string' && value.length >= min && value.length <= max
      ? null
      : `${path} is not text of ${min} to ${max} characters`;
}

/** Safe integer in [min, max]. */
export function integer(min: number, max: number): Check<number> {
  return (value, path) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `${path} is not an integer from ${min} to ${max}`;
}

/** ms since 1970 UTC, of year 1 to 9999: open ends are null, but far dates are legal. */
export const instant = integer(-62_135_596_800_000, 253_402_300_799_999);

/** Finite number in [min, max]. */
export function number(min: number, max: number): Check<number> {
  return (value, path) =>
    typeof value === 'number' && value >= min && value <= max
      ? null
      : `${path} is not a number from ${min} to ${max}`;
}

export const boolean: Check<boolean> = (value, path) =>
  typeof value === 'boolean' ? null : `${path} is not true or false`;

/** Any JSON; bounded by the size of the whole. */
export const anything: Check<unknown> = (value, path) => (value === undefined ? `${path} is missing` : null);

/** One of the texts. */
export function oneOf<const T extends readonly string[]>(texts: T): Check<T[number]> {
  return (value, path) =>
    typeof value === 'string' && texts.includes(value) ? null : `${path} is not one of ${texts.join(', ')}`;
}

/** null or what the check takes. */
export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}

/** For an optional field: absent, or what the check takes. */
export function optional<T>(check: Check<T>): Check<T> {
  return (value, path) => (value === undefined ? null : check(value, path));
}

/** Either; the problem told is the last one's. */
export function either<A, B>(first: Check<A>, second: Check<B>): Check<A | B> {
  return (value, path) => (first(value, path) === null ? null : second(value, path));
}

/** Array of at most `max` items. */
export function list<T>(check: Check<T>, max: number): Check<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is not a list`;
    if (value.length > max) return `${path} has more than ${max} items`;
    for (const [index, item] of value.entries()) {
      const problem = check(item, `${path}[${index}]`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** Object with these fields and no others. */
export function object<T extends object>(fields: Fields<T>): Check<T> {
  const checks = Object.entries(fields) as [string, Check<unknown>][];
  const names = new Set(Object.keys(fields));
  return (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    for (const name of Object.keys(value)) {
      if (!names.has(name)) return `${path} has the unknown field ${JSON.stringify(name.slice(0, 64))}`;
    }
    for (const [name, check] of checks) {
      const problem = check(value[name], path === '' ? name : `${path}.${name}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** Adds a rule to a check; called only with values that passed it. */
export function where<T>(check: Check<T>, rule: (value: T) => string | null): Check<T> {
  return (value, path) => {
    const problem = check(value, path);
    if (problem !== null) return problem;
    const broken = rule(value as T);
    return broken === null ? null : `${path} ${broken}`;
  };
}

/** True for a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Object of at most `max` names, each value checked; for maps by name. */
export function record<T>(check: Check<T>, max: number): Check<Record<string, T>> {
  return (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    const entries = Object.entries(value);
    if (entries.length > max) return `${path} has more than ${max} names`;
    for (const [name, item] of entries) {
      const problem = check(item, `${path}.${name}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** Three letters of ISO 4217. */
export const currency: Check<string> = where(text(3, 3), (value) =>
  /^[A-Z]{3}$/.test(value) ? null : 'is not a currency of three capital letters',
);
