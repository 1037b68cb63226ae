import { hint, shown } from './did-you-mean.ts';
import type { At, FindingCode } from './finding.ts';
import type { Report } from './report.ts';
import { readQuantity } from './quantity.ts';

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys that JavaScript treats specially: none may appear anywhere in a file. */
export const FORBIDDEN_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** Reports keys that the format does not know. Forbidden ones are reported as such. */
export function onlyKeys(value: JsonObject, known: readonly string[], at: At, report: Report): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const where = [...at, key];
    if (FORBIDDEN_KEYS.includes(key)) report.add('P006', where, `${key} may not be a key`, { onKey: true });
    else report.add('P103', where, `unknown key ${shown(key)}.${hint(key, known)}`, { onKey: true });
  }
}

/** Bounds of a whole number, with the unit it is in. */
export interface Whole {
  unit: string;
  min: number;
  max: number;
}

/**
 * Reports a required number that is missing or not a whole number within bounds; a text with a unit gets the number to
 * write. `missing` is the code for no value at all.
 */
export function checkWhole(
  value: JsonObject,
  key: string,
  whole: Whole,
  at: At,
  report: Report,
  codes: { missing?: FindingCode; wrong?: FindingCode } = {},
): void {
  const given = value[key];
  const what = `${key} must be a whole number${whole.unit === '' ? '' : ` of ${whole.unit}`}`;
  if (!Object.hasOwn(value, key)) {
    report.add(codes.missing ?? 'P107', at, `${what} and is missing`);
    return;
  }
  if (typeof given === 'string') {
    if (wrongUnit(given, whole.unit, [...at, key], report)) return;
  } else if (Number.isSafeInteger(given) && Number(given) >= whole.min && Number(given) <= whole.max) return;
  report.add(codes.wrong ?? 'P401', [...at, key], `${what}, from ${whole.min} to ${whole.max}`);
}

/** Reports a text that is a quantity, with the number to write. false = it is none. */
export function wrongUnit(text: string, unit: string, at: At, report: Report): boolean {
  const number = readQuantity(text, unit);
  if (number === null) return false;
  const suggestion = String(number);
  const meant = unit === '' ? 'a number' : `a number of ${unit}`;
  report.add('P202', at, `${shown(text)} is a text where ${meant} is meant: write ${suggestion}`, {
    suggestion,
  });
  return true;
}
