import { PolicyCompileError } from '../rules/compile/compile-error.ts';
import { JsonText } from '../rules/json-text.ts';
import type { Place } from '../rules/json-text.ts';
import { checkPolicy } from '../rules/lint/check-policy.ts';
import { checkProvider, settingsOf } from '../rules/lint/check-provider.ts';
import { Report } from '../rules/lint/report.ts';
import { checkPolicyTests } from '../rules/policy-tests/check-tests.ts';
import type { ConditionValue, UncoveredCondition } from '../rules/policy-tests/coverage.ts';
import { runPolicyTests } from '../rules/policy-tests/run-tests.ts';
import type { PolicyTestResult } from '../rules/policy-tests/run-tests.ts';
import type { PolicyFile } from '../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import { policiesAt, textOf } from './policy-test-files.ts';
import type { PolicyPaths } from './policy-test-files.ts';

/** Largest policy or provider file. */
const MAX_BYTES = 256 * 1024;

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

/**
 * Tests the policies that paths mean, each with the provider.json beside it.
 *
 * @throws AppError `invalid-input` where a path leads nowhere, or a file is no UTF-8
 */
export async function testPolicies(paths: readonly string[]): Promise<TestedPolicy[]> {
  const tested: TestedPolicy[] = [];
  for (const policy of await policiesAt(paths)) tested.push(await testOne(policy));
  return tested;
}

async function testOne({ policy: file, tests, provider }: PolicyPaths): Promise<TestedPolicy> {
  const testText = await textOf(tests);
  const testFile = testText === null ? null : tests;
  const read = readChecked<PolicyFile>(file, await textOf(file), checkPolicy);
  if ('faults' in read) return { file, testFile, policyId: null, faults: read.faults, result: null };
  const policyId = read.value.id;
  const settings = await readProvider(provider);
  const failed = (faults: FileFault[]): TestedPolicy => ({ file, testFile, policyId, faults, result: null });
  if ('faults' in settings) return failed(settings.faults);
  if (testText === null) return failed([]);
  const checked = checkPolicyTests(testText, read.value);
  if ('findings' in checked) return failed(checked.findings.map((finding) => ({ file: tests, ...finding })));
  try {
    const result = await runPolicyTests(read.value, checked.tests, settings.value);
    return { file, testFile, policyId, faults: [], result: place(result, { file, json: read.json, tests }) };
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    return failed([{ file, line: 1, column: 1, code: 'P010', message: error.message }]);
  }
}

async function readProvider(path: string): Promise<{ value: ProviderSettings } | { faults: FileFault[] }> {
  const text = await textOf(path);
  if (text === null) return { value: NO_PROVIDER_SETTINGS };
  const read = readChecked<unknown>(path, text, checkProvider);
  return 'faults' in read ? read : { value: settingsOf(read.value) };
}

/** JSON that passes a check of its format; the value is then of type T. */
function readChecked<T>(
  file: string,
  text: string | null,
  check: (value: unknown, report: Report) => void,
): { value: T; json: JsonText } | { faults: FileFault[] } {
  const whole = (code: string, message: string): { faults: FileFault[] } => ({
    faults: [{ file, line: 1, column: 1, code, message }],
  });
  if (text === null) return whole('P107', 'there is no such file');
  if (Buffer.byteLength(text) > MAX_BYTES) return whole('P001', 'the file is larger than 256 KiB');
  const json = new JsonText(text);
  if (json.root === null)
    return { faults: json.problems.map(({ at, message }) => ({ file, ...at, code: 'P004', message })) };
  const value: unknown = JSON.parse(json.text);
  const report = new Report();
  check(value, report);
  if (!report.hasErrors) return { value: value as T, json };
  return {
    faults: report.kept.error.map(({ code, at, message }) => ({ file, ...json.placeOf(at), code, message })),
  };
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
