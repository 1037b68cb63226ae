import type { Bits, Formula } from './formula.ts';
import type { Implied } from './implied.ts';
import type { Variable } from './variables.ts';

/** Steps that may still be made, over all questions of one policy. A step is about one candidate. */
export interface Budget {
  left: number;
}

/** Thrown within the search when the budget is used up; never leaves `solve`. */
class OutOfBudget extends Error {}

/** What is asked: candidates of each variable by key, and what holds between variables at all times. */
export interface World {
  variables: ReadonlyMap<string, Variable>;
  candidates: ReadonlyMap<string, readonly unknown[]>;
  implied: readonly Implied[];
  budget: Budget;
}

/** Value by variable key. */
export type Assignment = ReadonlyMap<string, unknown>;

type Domains = ReadonlyMap<string, Bits>;
type Either = Extract<Formula, { kind: 'or' }>;

/**
 * Looks for values that satisfy a formula: narrows each variable's candidates by what must hold, tries the alternatives
 * of each `or`, and settles what is said of two variables last. Exact as far as the candidates are.
 *
 * @returns the values of all variables, `none` where there are none, `unknown` where the budget did not suffice
 */
export function solve(formula: Formula, world: World): Assignment | 'none' | 'unknown' {
  const domains = new Map<string, Bits>();
  for (const [key, values] of world.candidates) domains.set(key, new Uint8Array(values.length).fill(1));
  try {
    return search(domains, [formula], [], [...world.implied], world) ?? 'none';
  } catch (error) {
    if (error instanceof OutOfBudget) return 'unknown';
    throw error;
  }
}

function spend(world: World, steps: number): void {
  world.budget.left -= steps + 1;
  if (world.budget.left < 0) throw new OutOfBudget();
}

function search(
  from: Domains,
  pending: Formula[],
  open: Either[],
  pairs: readonly Implied[],
  world: World,
): Assignment | null {
  spend(world, from.size);
  const domains = new Map(from);
  const relations = [...pairs];
  let choices = open;
  for (;;) {
    for (let formula = pending.pop(); formula !== undefined; formula = pending.pop()) {
      spend(world, 0);
      if (formula.kind === 'false') return null;
      if (formula.kind === 'and') pending.push(...formula.parts);
      else if (formula.kind === 'or') choices = [...choices, formula];
      else if (formula.kind === 'two') relations.push(formula);
      else if (formula.kind === 'one' && !narrow(domains, formula.variable.key, formula.bits, world))
        return null;
    }
    const left: Either[] = [];
    for (const choice of choices) {
      const parts = choice.parts.filter((part) => isPossible(part, domains, world));
      const [first] = parts;
      if (first === undefined) return null;
      if (parts.length === 1) pending.push(first);
      else if (!parts.some((part) => isCertain(part, domains, world))) left.push({ kind: 'or', parts });
    }
    choices = left;
    if (pending.length === 0) break;
  }
  const [choice, ...rest] = choices.sort((a, b) => a.parts.length - b.parts.length);
  if (choice === undefined) return settle(domains, relations, world);
  for (const part of choice.parts) {
    const found = search(domains, [part], rest, relations, world);
    if (found !== null) return found;
  }
  return null;
}

function narrow(domains: Map<string, Bits>, key: string, bits: Bits, world: World): boolean {
  spend(world, bits.length);
  const narrowed = (domains.get(key) ?? bits).map((bit, i) => bit & (bits[i] ?? 0));
  domains.set(key, narrowed);
  return narrowed.includes(1);
}

/** False only where it can not be. */
function isPossible(formula: Formula, domains: Domains, world: World): boolean {
  switch (formula.kind) {
    case 'false':
      return false;
    case 'one': {
      const domain = domains.get(formula.variable.key);
      spend(world, formula.bits.length);
      return domain === undefined || domain.some((bit, i) => bit === 1 && formula.bits[i] === 1);
    }
    case 'and':
      return formula.parts.every((part) => isPossible(part, domains, world));
    case 'or':
      return formula.parts.some((part) => isPossible(part, domains, world));
    default:
      return true;
  }
}

/** True only where it must be. */
function isCertain(formula: Formula, domains: Domains, world: World): boolean {
  if (formula.kind === 'true') return true;
  if (formula.kind !== 'one') return false;
  spend(world, formula.bits.length);
  return domains.get(formula.variable.key)?.every((bit, i) => bit === 0 || formula.bits[i] === 1) ?? false;
}

/** Gives every variable a value that fits all that is said of two. */
function settle(domains: Domains, pairs: readonly Implied[], world: World): Assignment | null {
  const bound = new Set(pairs.flatMap(({ left, right }) => [left.key, right.key]));
  const assigned = assign(new Map(), [...bound], domains, pairs, world);
  if (assigned === null) return null;
  const all = new Map(assigned);
  for (const [key, bits] of domains) {
    if (!all.has(key)) all.set(key, world.candidates.get(key)?.[bits.indexOf(1)]);
  }
  return all;
}

function assign(
  known: ReadonlyMap<string, unknown>,
  open: readonly string[],
  domains: Domains,
  pairs: readonly Implied[],
  world: World,
): Assignment | null {
  spend(world, 4 * open.length);
  const [key, ...rest] = [...open].sort((a, b) => sizeOf(domains, a) - sizeOf(domains, b));
  if (key === undefined) return known;
  const values = world.candidates.get(key) ?? [];
  const mine = pairs.filter(({ left, right }) => left.key === key || right.key === key);
  const bits = domains.get(key) ?? new Uint8Array();
  for (const [i, value] of values.entries()) {
    if (bits[i] !== 1) continue;
    const narrowed = given(key, value, mine, domains, world);
    if (narrowed === null) continue;
    const found = assign(new Map(known).set(key, value), rest, narrowed, pairs, world);
    if (found !== null) return found;
  }
  return null;
}

function sizeOf(domains: Domains, key: string): number {
  return domains.get(key)?.reduce((sum, bit) => sum + bit, 0) ?? 0;
}

/** What the others can still be once one has a value; null where one can be nothing. */
function given(
  key: string,
  value: unknown,
  pairs: readonly Implied[],
  domains: Domains,
  world: World,
): Domains | null {
  const narrowed = new Map(domains);
  const itself = world.candidates.get(key)?.indexOf(value) ?? -1;
  narrowed.set(key, new Uint8Array(sizeOfAll(world, key)).fill(1, itself, itself + 1));
  for (const { left, right, test } of pairs) {
    const other = left.key === key ? right.key : left.key;
    const values = world.candidates.get(other) ?? [];
    const domain = narrowed.get(other) ?? new Uint8Array();
    spend(world, values.length);
    const fits = domain.map((bit, i) => {
      const fit = left.key === key ? test(value, values[i]) : test(values[i], value);
      return bit === 1 && fit ? 1 : 0;
    });
    if (!fits.includes(1)) return null;
    narrowed.set(other, fits);
  }
  return narrowed;
}

function sizeOfAll(world: World, key: string): number {
  return world.candidates.get(key)?.length ?? 0;
}
