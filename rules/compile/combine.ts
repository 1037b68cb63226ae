import type { AnyPredicate } from './leaf.ts';
import { prioritySets } from './priorities.ts';

/** A compiled condition within a tree. */
export interface Part {
  test: AnyPredicate;
  /** there are facts on which the test throws, as the library does */
  mayThrow: boolean;
  /** conditions in it, those behind names included */
  size: number;
  levels: number;
  /** as the library sorts by it; only what may throw makes it matter */
  priority: unknown;
}

/** Every part holds; true of nothing. */
export function allOf(parts: readonly Part[]): Part {
  const whole = frame(parts);
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return { ...whole, test: first.test };
  if (!whole.mayThrow) return { ...whole, test: every(parts.map(({ test }) => test)) };
  const sets = testsBySet(parts);
  // No asking stops inside a set of one priority: who throws there throws whatever the others say.
  const test: AnyPredicate = (facts) => sets.every((set) => !set.map((one) => one(facts)).includes(false));
  return { ...whole, test };
}

/** A part holds; true of nothing, as in the library. */
export function anyOf(parts: readonly Part[]): Part {
  const whole = frame(parts);
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return { ...whole, test: first.test };
  if (parts.length === 0) return { ...whole, test: () => true };
  if (!whole.mayThrow) return { ...whole, test: some(parts.map(({ test }) => test)) };
  const sets = testsBySet(parts);
  const test: AnyPredicate = (facts) => sets.some((set) => set.map((one) => one(facts)).includes(true));
  return { ...whole, test };
}

export function notOf(part: Part): Part {
  const { test } = part;
  return { ...frame([part]), test: (facts) => !test(facts) };
}

function frame(parts: readonly Part[]): Omit<Part, 'test'> {
  const size = parts.reduce((sum, part) => sum + part.size, 1);
  const levels = parts.reduce((most, part) => Math.max(most, part.levels), 0) + 1;
  return { mayThrow: parts.some((part) => part.mayThrow), size, levels, priority: 1 };
}

function testsBySet(parts: readonly Part[]): AnyPredicate[][] {
  return prioritySets(parts).map((set) => set.map(({ test }) => test));
}

/** Of two to four without a loop: most conditions have as many. */
function every(tests: readonly AnyPredicate[]): AnyPredicate {
  const [a, b, c, d] = tests;
  if (a === undefined || b === undefined) return () => true;
  if (c === undefined) return (facts) => a(facts) && b(facts);
  if (d === undefined) return (facts) => a(facts) && b(facts) && c(facts);
  if (tests.length === 4) return (facts) => a(facts) && b(facts) && c(facts) && d(facts);
  return (facts) => {
    for (const test of tests) if (!test(facts)) return false;
    return true;
  };
}

function some(tests: readonly AnyPredicate[]): AnyPredicate {
  const [a, b, c, d] = tests;
  if (a === undefined || b === undefined) return () => false;
  if (c === undefined) return (facts) => a(facts) || b(facts);
  if (d === undefined) return (facts) => a(facts) || b(facts) || c(facts);
  if (tests.length === 4) return (facts) => a(facts) || b(facts) || c(facts) || d(facts);
  return (facts) => {
    for (const test of tests) if (test(facts)) return true;
    return false;
  };
}
