import type { PolicyFile } from '../../schemas/policy.ts';
import { compileCondition } from '../compile/conditions.ts';
import type { Predicate } from '../compile/conditions.ts';
import type { Facts } from '../facts/catalogue.ts';
import type { JsonPath } from '../json-text.ts';
import { readClassPath } from '../lint/class-path.ts';
import { leavesOf } from './leaves.ts';
import type { Leaf, LeafCondition } from './leaves.ts';

/** A condition with what it was at one moment. */
export interface ConditionValue {
  /** in the policy file */
  path: JsonPath;
  /** the fact, with its path where it has one */
  fact: string;
  operator: string;
  expected: unknown;
  /** value of the fact; null where a class has no usage */
  actual: unknown;
  result: boolean;
}

/** A condition that no case ever made true, or false. */
export interface UncoveredCondition {
  path: JsonPath;
  rule: string | null;
  named: string | null;
  fact: string;
  operator: string;
  expected: unknown;
  neverTrue: boolean;
  neverFalse: boolean;
}

/** How far the cases of a policy went into its conditions, whether or not the outcome of a rule turned on them. */
export interface ConditionCoverage {
  conditions: number;
  /** outcomes seen, of two for each condition */
  covered: number;
  percent: number;
  uncovered: UncoveredCondition[];
}

/** Counts which conditions of a policy were true and which were false. */
export class CoverageCount {
  readonly #leaves: { leaf: Leaf; holds: Predicate; wasTrue: boolean; wasFalse: boolean }[];

  /** @throws PolicyCompileError where a condition cannot be compiled */
  constructor(policy: PolicyFile) {
    this.#leaves = leavesOf(policy).map((leaf) => ({
      leaf,
      holds: compileCondition(leaf.condition),
      wasTrue: false,
      wasFalse: false,
    }));
  }

  /** A moment at which the policy was asked. */
  count(facts: Facts): void {
    for (const entry of this.#leaves) {
      if (entry.holds(facts)) entry.wasTrue = true;
      else entry.wasFalse = true;
    }
  }

  /** Conditions of a rule and of the named ones that it refers to. */
  valuesOf(rule: string, named: ReadonlySet<string>, facts: Facts): ConditionValue[] {
    return this.#leaves
      .filter(({ leaf }) => leaf.rule === rule || (leaf.named !== null && named.has(leaf.named)))
      .map(({ leaf: { path, condition }, holds }) => ({
        path,
        fact: factText(condition),
        operator: condition.operator,
        expected: condition.value,
        actual: valueOf(condition, facts),
        result: holds(facts),
      }));
  }

  result(): ConditionCoverage {
    const all = this.#leaves;
    const covered = all.reduce((sum, { wasTrue, wasFalse }) => sum + Number(wasTrue) + Number(wasFalse), 0);
    return {
      conditions: all.length,
      covered,
      percent: all.length === 0 ? 100 : (covered * 100) / (2 * all.length),
      uncovered: all
        .filter(({ wasTrue, wasFalse }) => !wasTrue || !wasFalse)
        .map(({ leaf: { path, rule, named, condition }, wasTrue, wasFalse }) => ({
          path,
          rule,
          named,
          fact: factText(condition),
          operator: condition.operator,
          expected: condition.value,
          neverTrue: !wasTrue,
          neverFalse: !wasFalse,
        })),
    };
  }
}

function factText({ fact, path }: LeafCondition): string {
  return path === undefined ? fact : `${fact} ${path}`;
}

function valueOf({ fact, path }: LeafCondition, facts: Facts): unknown {
  const value = facts[fact as keyof Facts];
  if (fact !== 'byClass' || path === undefined) return value;
  const read = readClassPath(path);
  if (read === 'unsafe' || 'unknownName' in read) return null;
  return Object.hasOwn(facts.byClass, read.serviceClass)
    ? (facts.byClass[read.serviceClass]?.[read.name] ?? null)
    : null;
}
