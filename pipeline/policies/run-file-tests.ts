import { checkPolicyTests } from '../../rules/policy-tests/check-tests.ts';
import { runPolicyTests } from '../../rules/policy-tests/run-tests.ts';
import type { TestFailure } from '../../rules/policy-tests/run-tests.ts';
import type { PolicyFindingView } from '../../schemas/policy-views.ts';
import type { TestsRun, TestsTask } from './check-files.ts';

const DOES: Record<TestFailure['what'], string> = {
  holds: 'hold',
  begins: 'begin',
  ends: 'end',
  diverges: 'hold by json-rules-engine',
};

/** Runs test files, one after the other. */
export async function runAllTests(tasks: readonly TestsTask[]): Promise<TestsRun[]> {
  const runs: TestsRun[] = [];
  for (const task of tasks) runs.push(await runFileTests(task));
  return runs;
}

/** Runs a policy's test file: each fault of the file, or each failure of a case, is a finding. */
async function runFileTests({ policy, tests: { name, bytes }, settings }: TestsTask): Promise<TestsRun> {
  const checked = checkPolicyTests(Buffer.from(bytes).toString('utf8'), policy);
  if ('findings' in checked) {
    const findings = checked.findings.map((one): PolicyFindingView => ({
      ...one,
      severity: 'error',
      file: name,
      suggestion: null,
    }));
    return { findings, counts: null };
  }
  const { cases, passed, failed } = await runPolicyTests(policy, checked.tests, settings);
  const findings = cases.flatMap(({ name: ofCase, failures }) =>
    failures.map((failure): PolicyFindingView => ({
      ...{ code: 'T000', severity: 'error', file: name, suggestion: null },
      ...failure.place,
      message: `case "${ofCase}"${failure.at === null ? '' : ` at ${failure.at} s`}: ${failureText(failure)}`,
    })),
  );
  return { findings, counts: { passed, failed } };
}

function failureText({ what, expected, actual, hint }: TestFailure): string {
  const named = (rules: readonly string[]): string => (rules.length === 0 ? 'no rule' : rules.join(', '));
  const why = hint === null ? '' : ` (${hint})`;
  return `expected to ${DOES[what]}: ${named(expected)}; actually: ${named(actual)}${why}`;
}
