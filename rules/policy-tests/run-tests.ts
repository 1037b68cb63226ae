import type { PolicyEventType, PolicyFile } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { compilePolicy } from '../compile/policy.ts';
import type { CompiledPolicy, CompiledRule } from '../compile/policy.ts';
import { confirmRule } from '../confirm.ts';
import type { Facts } from '../facts/catalogue.ts';
import type { Place } from '../json-text.ts';
import { CoverageCount } from './coverage.ts';
import type { ConditionCoverage, ConditionValue } from './coverage.ts';
import type { PolicyTestCase, PolicyTestStep, PolicyTests } from './format.ts';
import { stepOf } from './holding.ts';
import type { RuleCourse } from './holding.ts';
import { namesIn } from './leaves.ts';

/** What went wrong at one moment of a case. */
export interface TestFailure {
  place: Place;
  /** seconds since the case began; null = the case is one moment */
  at: number | null;
  /** `holds` = which rules hold, `begins` and `ends` = what happens at a step, `diverges` = json-rules-engine disagrees */
  what: 'holds' | 'begins' | 'ends' | 'diverges';
  expected: string[];
  actual: string[];
  /** conditions of the rules in which the two differ, with the values of their facts */
  rules: { rule: string; event: PolicyEventType; conditions: ConditionValue[] }[];
  /** why nothing held: the policy is not for this plan or segment, or the provider lacks a profile; null = no such reason */
  hint: string | null;
}

export interface CaseResult {
  name: string;
  place: Place;
  passed: boolean;
  failures: TestFailure[];
}

/** What running the tests of one policy gave. */
export interface PolicyTestResult {
  policyId: string;
  passed: number;
  failed: number;
  cases: CaseResult[];
  coverage: ConditionCoverage;
}

/**
 * Runs a policy's tests: every case through the compiled predicates and through json-rules-engine, whose disagreement is
 * a failure of its own. The policy's mode plays no part. Rules that hold, whether or not another one's effect would
 * outdo theirs, are what a case expects.
 *
 * @param policy checked by lint
 * @param confirm json-rules-engine's word
 * @throws what the compiler throws on a policy that was not checked
 */
export async function runPolicyTests(
  policy: PolicyFile,
  { cases }: PolicyTests,
  provider: ProviderSettings,
  confirm: typeof confirmRule = confirmRule,
): Promise<PolicyTestResult> {
  const run = new TestRun(policy, provider, confirm);
  const results: CaseResult[] = [];
  for (const one of cases) results.push(await run.case(one));
  const passed = results.filter((result) => result.passed).length;
  return {
    policyId: policy.id,
    passed,
    failed: results.length - passed,
    cases: results,
    coverage: run.coverage.result(),
  };
}

/** What the rules said at one moment. */
interface Moment {
  applies: boolean;
  /** names of rules whose conditions hold, in the order of the file */
  holding: string[];
}

class TestRun {
  readonly coverage: CoverageCount;
  readonly #policy: PolicyFile;
  readonly #confirm: typeof confirmRule;
  readonly #compiled: CompiledPolicy;
  readonly #rules: ReadonlyMap<string, CompiledRule>;

  constructor(policy: PolicyFile, provider: ProviderSettings, confirm: typeof confirmRule) {
    this.#policy = policy;
    this.#confirm = confirm;
    this.coverage = new CoverageCount(policy);
    const file: PolicyFile = { ...policy, mode: 'enforce' };
    this.#compiled = compilePolicy({ policyId: policy.id, version: 'under test', file }, provider);
    this.#rules = new Map(this.#compiled.rules.map((rule) => [rule.name, rule]));
  }

  async case(one: PolicyTestCase): Promise<CaseResult> {
    const failures = one.steps === null ? await this.#moment(one) : await this.#course(one.steps);
    return { name: one.name, place: one.place, passed: failures.length === 0, failures };
  }

  async #moment({ facts, expect, place }: Extract<PolicyTestCase, { steps: null }>): Promise<TestFailure[]> {
    const failures: TestFailure[] = [];
    const at = { facts, place, at: null };
    const { holding } = await this.#evaluate(at, failures);
    this.#compare(
      'holds',
      expect.map(({ rule }) => rule),
      holding,
      at,
      failures,
    );
    return failures;
  }

  async #course(steps: readonly PolicyTestStep[]): Promise<TestFailure[]> {
    const failures: TestFailure[] = [];
    const courses = new Map<string, RuleCourse>();
    let cycle = 0;
    for (const step of steps) {
      if (step.newCycle) cycle += 1;
      const { applies, holding } = await this.#evaluate(step, failures);
      const begins: string[] = [];
      const ends: string[] = [];
      for (const { name, event } of this.#policy.rules) {
        const course = courses.get(name) ?? { active: false, sinceSeconds: 0, cycle };
        const moment = { atSeconds: step.at, cycle, facts: step.facts };
        // What no longer applies ends at once.
        const change =
          course.active && !applies ? 'end' : stepOf(event, course, holding.includes(name), moment);
        if (change === null) continue;
        (change === 'begin' ? begins : ends).push(name);
        courses.set(name, { active: change === 'begin', sinceSeconds: step.at, cycle });
      }
      this.#compare('begins', step.begin, begins, step, failures);
      this.#compare('ends', step.end, ends, step, failures);
    }
    return failures;
  }

  async #evaluate(at: At, failures: TestFailure[]): Promise<Moment> {
    const { facts } = at;
    if (!this.#compiled.concerns(facts.planId, facts.segment)) return { applies: false, holding: [] };
    this.coverage.count(facts);
    const holding: string[] = [];
    for (const { name } of this.#policy.rules) {
      const rule = this.#rules.get(name);
      if (rule === undefined) continue;
      const holds = rule.holds(facts);
      if (holds) holding.push(name);
      const verdict = await this.#confirm(rule.conditions, facts, rule.named);
      if (verdict.holds === holds) continue;
      failures.push(this.#failure('diverges', verdict.holds ? [name] : [], holds ? [name] : [], at));
    }
    return { applies: true, holding };
  }

  #compare(
    what: TestFailure['what'],
    expected: string[],
    actual: string[],
    at: At,
    into: TestFailure[],
  ): void {
    const differs =
      expected.some((name) => !actual.includes(name)) || actual.some((name) => !expected.includes(name));
    if (differs) into.push(this.#failure(what, expected, actual, at));
  }

  #failure(what: TestFailure['what'], expected: string[], actual: string[], at: At): TestFailure {
    const differing = (name: string): boolean =>
      what === 'diverges'
        ? expected.includes(name) || actual.includes(name)
        : expected.includes(name) !== actual.includes(name);
    const rules = this.#policy.rules
      .filter(({ name }) => differing(name))
      .map(({ name, event, conditions }) => ({
        rule: name,
        event: event.type,
        conditions: this.coverage.valuesOf(
          name,
          namesIn(conditions, this.#policy.conditions ?? {}),
          at.facts,
        ),
      }));
    return {
      place: at.place,
      at: at.at,
      what,
      expected,
      actual,
      rules,
      hint: this.#hint(expected, at.facts),
    };
  }

  #hint(expected: readonly string[], { planId, segment }: Facts): string | null {
    if (!this.#compiled.concerns(planId, segment))
      return `the policy is not for plan ${String(planId)} in segment ${segment}`;
    const inert = expected.filter((name) => !this.#rules.has(name));
    return inert.length === 0
      ? null
      : `the provider has no throttle profile as ${inert.join(' and ')} names it`;
  }
}

/** A moment of a case, with its place in the test file. */
interface At {
  facts: Facts;
  place: Place;
  at: number | null;
}
