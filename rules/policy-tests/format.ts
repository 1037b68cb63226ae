import type { PolicyEventType } from '../../schemas/policy.ts';
import type { Facts } from '../facts/catalogue.ts';
import type { Place } from '../json-text.ts';

/** A rule that a case expects, and what it is to ask for; null = whatever the policy says. */
export interface ExpectedRule {
  rule: string;
  event: PolicyEventType | null;
}

/** One moment of a case that runs over time. */
export interface PolicyTestStep {
  /** seconds since the case began; grows from step to step */
  at: number;
  /** the billing cycle has rolled since the step before */
  newCycle: boolean;
  facts: Facts;
  begin: string[];
  end: string[];
  place: Place;
}

/** A case, with every fact filled in: either one moment, or steps over time. */
export type PolicyTestCase = { name: string; place: Place } & (
  | { facts: Facts; expect: ExpectedRule[]; steps: null }
  | { facts: null; expect: null; steps: PolicyTestStep[] }
);

/** The tests of one policy. */
export interface PolicyTests {
  cases: PolicyTestCase[];
}

/** Largest test file that is read, in bytes of UTF-8. */
export const MAX_TEST_BYTES = 256 * 1024;
export const MAX_CASES = 1_000;
/** moments of one case */
export const MAX_STEPS = 100;
/** Moments times conditions: json-rules-engine evaluates some 100,000 conditions a second, and all are run through it. */
export const MAX_EVALUATIONS = 250_000;
/** Findings that are kept of one file. */
export const MAX_FINDINGS = 100;

/** Everything that can be wrong with a test file, by code. Codes are never reused. */
export const TEST_FINDING_CODES = {
  T001: 'The file is larger than 256 KiB',
  T002: 'The text is not JSON',
  T003: 'More cases, steps or evaluations than a test file may have',
  T100: 'A value is of another type than the format has there',
  T101: 'No fact has this name',
  T102: 'A fact never has this value',
  T103: 'The format has no such key there',
  T104: 'A key that the format requires is missing',
  T105: 'The policy has no such rule',
  T106: 'The rule has another event',
  T107: 'Two cases have one name, or a rule is expected twice',
  T108: 'Steps are not in order of time',
} as const;

/** One fault of a test file, where it stands. All are errors: a file with faults is not run. */
export interface TestFinding {
  code: keyof typeof TEST_FINDING_CODES;
  line: number;
  column: number;
  message: string;
}
