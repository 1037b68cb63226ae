import type { Variable } from './variables.ts';

/** Which candidates of a variable satisfy something: 1 = it does. */
export type Bits = Uint8Array;

/** A condition tree without `not`: negation is in the bits and tests. */
export type Formula =
  | { kind: 'true' }
  | { kind: 'false' }
  | { kind: 'one'; variable: Variable; bits: Bits }
  | { kind: 'two'; left: Variable; right: Variable; test: (left: unknown, right: unknown) => boolean }
  | { kind: 'and'; parts: Formula[] }
  | { kind: 'or'; parts: Formula[] };

export const TRUE: Formula = { kind: 'true' };
export const FALSE: Formula = { kind: 'false' };

/** About one variable; constant where all or none of its candidates satisfy it. */
export function one(variable: Variable, bits: Bits): Formula {
  if (!bits.includes(1)) return FALSE;
  return bits.includes(0) ? { kind: 'one', variable, bits } : TRUE;
}

/** Conjunction or disjunction; parts about one variable become one part. */
export function group(kind: 'and' | 'or', parts: readonly Formula[]): Formula {
  const absorbing = kind === 'and' ? 'false' : 'true';
  const merged = new Map<string, Extract<Formula, { kind: 'one' }>>();
  const others: Formula[] = [];
  for (const part of parts.flatMap((item) => (item.kind === kind ? item.parts : [item]))) {
    if (part.kind === absorbing) return part;
    if (part.kind === 'true' || part.kind === 'false') continue;
    if (part.kind !== 'one') others.push(part);
    else {
      const known = merged.get(part.variable.key);
      const combined = known === undefined ? part : one(part.variable, combine(kind, known.bits, part.bits));
      if (combined.kind === absorbing) return combined;
      // Two parts that are neither true nor false never make what does not absorb: an `and` narrows, an `or` widens.
      if (combined.kind === 'one') merged.set(part.variable.key, combined);
    }
  }
  const all = [...merged.values(), ...others];
  const [first] = all;
  if (first === undefined) return kind === 'and' ? TRUE : FALSE;
  return all.length === 1 ? first : { kind, parts: all };
}

function combine(kind: 'and' | 'or', a: Bits, b: Bits): Bits {
  return a.map((bit, i) => (kind === 'and' ? bit & (b[i] ?? 0) : bit | (b[i] ?? 0)));
}
