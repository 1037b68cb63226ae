import type { Code } from './generated.ts';
import { generate } from './generated.ts';
import type { AnyPredicate } from './leaf.ts';
import { prioritySets } from './priorities.ts';

/** A compiled condition within a tree. */
export interface Part {
  test: AnyPredicate;
  /** the same test; a call of it where there is nothing better */
  code: Code;
  /** comparisons and calls in the code */
  weight: number;
  /** there are facts on which the test throws, as the library does */
  mayThrow: boolean;
  /** conditions in it, those behind names included */
  size: number;
  levels: number;
  /** as the library sorts by it; only what may throw makes it matter */
  priority: unknown;
}

/** Comparisons in one generated function: V8 gives up on large ones. */
const MOST_IN_CODE = 24;

/** A comparison, or what stands for one. */
export function single(test: AnyPredicate, mayThrow: boolean, code: Code = callOf(test)): Part {
  return { test, code, weight: 1, mayThrow, size: 1, levels: 1, priority: 1 };
}

/** Every part holds; true of nothing. */
export function allOf(parts: readonly Part[]): Part {
  if (parts.length === 0) return over(parts, () => true);
  return combine(parts, '&&', {
    loop: (tests) => (facts) => {
      for (const test of tests) if (!test(facts)) return false;
      return true;
    },
    // No asking stops inside a set of one priority: who throws there throws whatever the others say.
    bySet: (sets) => (facts) => sets.every((set) => !set.map((test) => test(facts)).includes(false)),
  });
}

/** A part holds; true of nothing, as in the library. */
export function anyOf(parts: readonly Part[]): Part {
  if (parts.length === 0) return over(parts, () => true);
  return combine(parts, '||', {
    loop: (tests) => (facts) => {
      for (const test of tests) if (test(facts)) return true;
      return false;
    },
    bySet: (sets) => (facts) => sets.some((set) => set.map((test) => test(facts)).includes(true)),
  });
}

export function notOf(part: Part): Part {
  const { test, code, weight } = part;
  const whole = over([part], (facts) => !test(facts));
  return whole.mayThrow ? whole : { ...whole, code: (constant) => `!(${code(constant)})`, weight };
}

/** The part's test, generated where that may be. */
export function predicateOf({ test, code }: Part): AnyPredicate {
  return generate(code) ?? test;
}

interface Combination {
  loop: (tests: readonly AnyPredicate[]) => AnyPredicate;
  bySet: (sets: readonly (readonly AnyPredicate[])[]) => AnyPredicate;
}

function combine(parts: readonly Part[], sign: '&&' | '||', { loop, bySet }: Combination): Part {
  const [first] = parts;
  // The only one is asked whatever its priority.
  if (parts.length === 1 && first !== undefined)
    return { ...over(parts, first.test), code: first.code, weight: first.weight };
  const whole = over(parts, loop(parts.map(({ test }) => test)));
  if (whole.mayThrow)
    return over(parts, bySet(prioritySets(parts).map((set) => set.map(({ test }) => test))));
  const weight = parts.reduce((sum, part) => sum + part.weight, 0);
  if (weight > MOST_IN_CODE) return over(parts, loop(parts.map(predicateOf)));
  const code: Code = (constant) => parts.map((part) => `(${part.code(constant)})`).join(` ${sign} `);
  return { ...whole, code, weight };
}

/** A test over parts, which its code calls. */
function over(parts: readonly Part[], test: AnyPredicate): Part {
  const size = parts.reduce((sum, part) => sum + part.size, 1);
  const levels = parts.reduce((most, part) => Math.max(most, part.levels), 0) + 1;
  return {
    ...single(
      test,
      parts.some((part) => part.mayThrow),
    ),
    size,
    levels,
  };
}

function callOf(test: AnyPredicate): Code {
  return (constant) => `${constant(test)}(facts)`;
}
