import type { Operator } from './operators.ts';
import { readPath } from './paths.ts';

/** Facts by name. */
export type FactsRecord = Readonly<Record<string, unknown>>;
export type AnyPredicate = (facts: FactsRecord) => boolean;

/** A fact's value, or what a path finds in it. */
export interface FactReference {
  fact: string;
  /** null = the value itself */
  keys: readonly string[] | null;
}

/**
 * One comparison as a closure.
 *
 * @param right a copy that nobody changes, or another fact
 */
export function leafTest(
  left: FactReference,
  { test }: Operator,
  right: FactReference | { literal: unknown },
): AnyPredicate {
  const readLeft = readerOf(left);
  if ('literal' in right) return (facts) => test(readLeft(facts), right.literal);
  const readRight = readerOf(right);
  return (facts) => test(readLeft(facts), readRight(facts));
}

function readerOf({ fact, keys }: FactReference): (facts: FactsRecord) => unknown {
  return keys === null ? (facts) => facts[fact] : (facts) => readPath(facts[fact], keys);
}
