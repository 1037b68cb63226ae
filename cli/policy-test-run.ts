import { JsonText } from '../rules/json-text.ts';
import type { Place } from '../rules/json-text.ts';
import type { LintFinding } from '../rules/lint/finding.ts';
import { lintPolicyText, lintProviderText } from '../rules/lint/lint-policy.ts';
import { checkPolicyTests } from '../rules/policy-tests/check-tests.ts';
import type { ConditionValue, UncoveredCondition } from '../rules/policy-tests/coverage.ts';
import { runPolicyTests } from '../rules/policy-tests/run-tests.ts';
import type { PolicyTestResult } from '../rules/policy-tests/run-tests.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import { MAX_READ_BYTES, bytesOf } from './policy-test-files.ts';
import type { PolicyPaths } from './policy-test-files.ts';

/** Something that keeps a file from being tested. */
export interface FileFault extends Place {
  file: string;
  code: string;
  message: string;
}

/** Where something of a test run stands. */
export interface FilePlace extends Place {
  file: string;
}

/** What testing one policy gave. */
export interface TestedPolicy {
  file: string;
  /** null = there is none */
  testFile: string | null;
  policyId: string | null;
  faults: FileFault[];
  /** null = there were faults, or no tests */
  result: PlacedResult | null;
}

/** A result whose conditions stand in files instead of paths. */
export interface PlacedResult extends Omit<PolicyTestResult, 'cases' | 'coverage'> {
  cases: (Omit<PolicyTestResult['cases'][number], 'place' | 'failures'> & {
    place: FilePlace;
    failures: PlacedFailure[];
  })[];
  coverage: Omit<PolicyTestResult['coverage'], 'uncovered'> & { uncovered: Placed<UncoveredCondition>[] };
}

type Failure = PolicyTestResult['cases'][number]['failures'][number];
type Placed<T> = Omit<T, 'path'> & { place: FilePlace };
type PlacedFailure = Omit<Failure, 'place' | 'rules'> & {
  place: FilePlace;
  rules: (Omit<Failure['rules'][number], 'conditions'> & { conditions: Placed<ConditionValue>[] })[];
};

/** Tests policies, each with the provider.json beside it. Unbounded: texts may be made to take long. */
export async function testAll(policies: readonly PolicyPaths[]): Promise<TestedPolicy[]> {
  const tested: TestedPolicy[] = [];
  for (const policy of policies) tested.push(await testOne(policy));
  return tested;
}

async function testOne({ policy: file, tests, provider }: PolicyPaths): Promise<TestedPolicy> {
  const testBytes = await bytesOf(tests);
  const testFile = testBytes === null ? null : tests;
  const nothing = { file, testFile, policyId: null, faults: [], result: null };
  const settings = await readProvider(provider);
  if (Array.isArray(settings)) return { ...nothing, faults: settings };
  const bytes = await bytesOf(file);
  if (bytes === null) return { ...nothing, faults: [fault(file, 'P107', 'there is no such file')] };
  // What the rules mean beside other files and plans is lint's to say: here it has to be a policy that can run.
  const { policy, findings } = lintPolicyText(bytes, { file, plans: null, provider: settings, others: [] });
  if (policy === null) return { ...nothing, faults: errorsOf(findings) };
  const known = { ...nothing, policyId: policy.id };
  if (testBytes === null) return known;
  const text = decode(testBytes);
  if (text === null) return { ...known, faults: [fault(tests, 'T002', 'the file is not UTF-8')] };
  const checked = checkPolicyTests(text, policy);
  if ('findings' in checked)
    return { ...known, faults: checked.findings.map((finding) => ({ file: tests, ...finding })) };
  const result = await runPolicyTests(policy, checked.tests, settings);
  const json = new JsonText(decode(bytes) ?? '');
  return { ...known, result: place(result, { file, json, tests }) };
}

/** The settings, or what is wrong with the file. */
async function readProvider(path: string): Promise<ProviderSettings | FileFault[]> {
  const bytes = await bytesOf(path);
  if (bytes === null) return NO_PROVIDER_SETTINGS;
  const { settings, findings } = lintProviderText(bytes, path);
  return settings ?? errorsOf(findings);
}

function errorsOf(findings: readonly LintFinding[]): FileFault[] {
  return findings
    .filter(({ severity }) => severity === 'error')
    .map(({ file, line, column, code, message }) => ({ file, line, column, code, message }));
}

function fault(file: string, code: string, message: string): FileFault {
  return { file, line: 1, column: 1, code, message };
}

function decode(bytes: Buffer): string | null {
  // Cut, perhaps within a character: it is too large whatever it holds.
  if (bytes.length >= MAX_READ_BYTES) return bytes.toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // It says nothing but that it is not UTF-8.
    return null;
  }
}

function place(
  result: PolicyTestResult,
  { file, json, tests }: { file: string; json: JsonText; tests: string },
): PlacedResult {
  const placed = <T extends { path: UncoveredCondition['path'] }>({ path, ...rest }: T): Placed<T> => ({
    ...rest,
    place: { file, ...json.placeOf(path) },
  });
  return {
    ...result,
    cases: result.cases.map((one) => ({
      ...one,
      place: { file: tests, ...one.place },
      failures: one.failures.map((failure) => ({
        ...failure,
        place: { file: tests, ...failure.place },
        rules: failure.rules.map((rule) => ({ ...rule, conditions: rule.conditions.map(placed) })),
      })),
    })),
    coverage: { ...result.coverage, uncovered: result.coverage.uncovered.map(placed) },
  };
}
