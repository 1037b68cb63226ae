import type { Condition } from '../../../schemas/policy.ts';
import type { Candidates, Mentioned } from './candidates.ts';
import { candidatesOf, mostCandidates } from './candidates.ts';
import type { Formula } from './formula.ts';
import { group, one } from './formula.ts';
import { impliedBetween } from './implied.ts';
import type { LeafCondition, Named } from './leaves.ts';
import { leavesOf, partsOf, readLeaf } from './leaves.ts';
import type { Assignment, Budget, World } from './solve.ts';
import { solve } from './solve.ts';
import type { Variable } from './variables.ts';
import { variableOf } from './variables.ts';

/** Steps for all questions about one policy: some tenths of a second. */
const STEPS = 20_000_000;
/** What making a candidate costs: it is sorted and kept, where a step only looks at it. */
const STEPS_OF_CANDIDATE = 10;

/** Names with a trailing `*` for any rest, that a text must be one of. */
export interface TextScope {
  fact: 'planId' | 'segment';
  patterns: readonly string[];
}

/**
 * Answers whether conditions of one policy can hold, together or without each other. Each fact is reduced to a few
 * values that stand for all; the operators themselves, the compiler's, say which of them satisfy a condition.
 * The conditions must have passed `checkPolicy`.
 */
export class Reasoner {
  private readonly named: Named;
  private readonly world: World;
  private readonly isComplete = new Map<string, boolean>();
  private readonly formulas = new Map<Condition, { plain?: Formula; negated?: Formula }>();
  private readonly budget: Budget;

  /** @param budget where several have to do with one */
  constructor(
    conditions: readonly Condition[],
    named: Named,
    scopes: readonly TextScope[] = [],
    budget: Budget = { left: STEPS },
  ) {
    this.named = named;
    this.budget = budget;
    const leaves = leavesOf(conditions, named);
    const variables = new Map<string, Variable>();
    const groups = new Map<string, Mentioned>();
    const scoped = scopes.flatMap(({ fact }) => variableOf(fact, undefined) ?? []);
    for (const variable of [...leaves.flatMap(variablesOf), ...scoped]) {
      if (variables.has(variable.key)) continue;
      variables.set(variable.key, variable);
      groups.set(variable.key, mentionedOf(variable));
    }
    for (const leaf of leaves) mention(leaf, groups);
    for (const { fact, patterns } of scopes) mentionPatterns(patterns, groups.get(fact));
    const candidates = this.candidates(variables, groups);
    const implied = impliedBetween([...variables.values()]);
    this.world = { variables, candidates, implied, budget: this.budget };
  }

  /** None at all where there would be more than the budget can pay for. */
  private candidates(
    variables: ReadonlyMap<string, Variable>,
    groups: ReadonlyMap<string, Mentioned>,
  ): Map<string, readonly unknown[]> {
    const candidates = new Map<string, readonly unknown[]>();
    for (const [key, variable] of variables)
      this.budget.left -=
        STEPS_OF_CANDIDATE * mostCandidates(variable, groups.get(key) ?? mentionedOf(variable));
    if (this.isExhausted) return candidates;
    for (const [key, variable] of variables) {
      const found: Candidates = candidatesOf(variable, groups.get(key) ?? mentionedOf(variable));
      candidates.set(key, found.values);
      this.isComplete.set(key, found.isComplete);
    }
    return candidates;
  }

  /** The steps are used up: what is asked from here on stays unknown. */
  get isExhausted(): boolean {
    return this.budget.left < 0;
  }

  /** What a condition, or its opposite, asks for. */
  formula(condition: Condition, isNegated = false): Formula {
    const known = this.formulas.get(condition) ?? {};
    const found = (isNegated ? known.negated : known.plain) ?? this.build(condition, isNegated);
    this.formulas.set(condition, { ...known, [isNegated ? 'negated' : 'plain']: found });
    return found;
  }

  private build(condition: Condition, isNegated: boolean): Formula {
    const view = partsOf(condition, this.named);
    if (view.kind === 'leaf') return this.ofLeaf(view.leaf, isNegated);
    const negateParts = view.kind === 'not' ? !isNegated : isNegated;
    const parts = view.parts.map((part) => this.formula(part, negateParts));
    const isAnd = (view.kind === 'any') === isNegated;
    return group(isAnd || view.kind === 'not' ? 'and' : 'or', parts);
  }

  private ofLeaf(condition: LeafCondition, isNegated: boolean): Formula {
    const { variable, test, right } = readLeaf(condition);
    if ('literal' in right)
      return this.that(variable, (value) => test(value, right.literal) !== isNegated, sizeOf(right.literal));
    if (right.variable.key === variable.key)
      return this.that(variable, (value) => test(value, value) !== isNegated);
    return { kind: 'two', left: variable, right: right.variable, test: (a, b) => test(a, b) !== isNegated };
  }

  /** A variable's value satisfies a test, which costs `steps` a value. */
  that(variable: Variable, test: (value: unknown) => boolean, steps = 1): Formula {
    const values = this.world.candidates.get(variable.key) ?? [];
    this.budget.left -= values.length * steps;
    // Without budget everything is possible: nothing is said then.
    if (this.isExhausted) return { kind: 'true' };
    return one(
      variable,
      Uint8Array.from(values, (value) => (test(value) ? 1 : 0)),
    );
  }

  /** A plan or segment is among the names. */
  within({ fact, patterns }: TextScope): Formula {
    const variable = variableOf(fact, undefined);
    if (variable === null) throw new Error(`no fact ${fact}`);
    return this.that(
      variable,
      (value) => typeof value === 'string' && patterns.some((one) => matches(value, one)),
      patterns.length + 1,
    );
  }

  /** Values that satisfy all of these; `none` for certain, or `unknown`. */
  together(...formulas: readonly Formula[]): Assignment | 'none' | 'unknown' {
    if (this.isExhausted) return 'unknown';
    const found = solve(group('and', formulas), this.world);
    const isExact = [...this.isComplete.values()].every(Boolean);
    return found === 'none' && !isExact ? 'unknown' : found;
  }

  variable(key: string): Variable | undefined {
    return this.world.variables.get(key);
  }
}

/** A name is what a pattern says; a trailing `*` stands for any rest. */
export function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function variablesOf(leaf: LeafCondition): Variable[] {
  const { variable, right } = readLeaf(leaf);
  return 'variable' in right ? [variable, right.variable] : [variable];
}

function sizeOf(literal: unknown): number {
  return Array.isArray(literal) ? literal.length + 1 : 1;
}

function mentionedOf({ definition }: Variable): Mentioned {
  const edges = [definition.min, definition.max].filter((edge) => edge !== undefined);
  return { numbers: new Set(edges), texts: new Set(), prefixes: new Set(), size: 1 };
}

function mention(condition: LeafCondition, groups: Map<string, Mentioned>): void {
  const { variable, right } = readLeaf(condition);
  const own = groups.get(variable.key);
  if (own === undefined) return;
  if ('literal' in right) collect(right.literal, own);
  else join(own, groups.get(right.variable.key), groups);
}

function collect(literal: unknown, into: Mentioned): void {
  if (typeof literal === 'number') into.numbers.add(literal);
  else if (typeof literal === 'string') into.texts.add(literal);
  else if (Array.isArray(literal)) for (const item of literal) collect(item, into);
}

/** Variables that are compared share what is mentioned of either. */
function join(own: Mentioned, other: Mentioned | undefined, groups: Map<string, Mentioned>): void {
  if (other === undefined || other === own) return;
  for (const number of other.numbers) own.numbers.add(number);
  for (const text of other.texts) own.texts.add(text);
  for (const prefix of other.prefixes) own.prefixes.add(prefix);
  own.size += other.size;
  for (const [key, mentioned] of groups) if (mentioned === other) groups.set(key, own);
}

function mentionPatterns(patterns: readonly string[], into: Mentioned | undefined): void {
  for (const pattern of patterns) {
    if (pattern.endsWith('*')) into?.prefixes.add(pattern.slice(0, -1));
    else into?.texts.add(pattern);
  }
}
