/** What one vitest run came to. */
export interface Counts {
  readonly passed: number;
  /** Tests that failed, and files that could not even be loaded. */
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts of vitest's JSON report. A file that fails outside any test (an import, a hook) has no failed test of
 * its own in the report; it counts as one failure, since the run must not end with "0 failed".
 *
 * @param report the parsed file; undefined when vitest ended without writing one
 * @param exitCode of vitest; a non-zero one without any failure in the report counts as one
 */
export function countsOf(report: unknown, exitCode: number): Counts {
  const read = isReport(report) ? report : EMPTY;
  const brokenFiles = read.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = read.numFailedTests + brokenFiles.length;
  return {
    passed: read.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: read.numPendingTests + read.numTodoTests,
  };
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const EMPTY: Report = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
};

function isReport(report: unknown): report is Report {
  return (
    typeof report === 'object' &&
    report !== null &&
    'numPassedTests' in report &&
    'numFailedTests' in report &&
    'testResults' in report &&
    Array.isArray(report.testResults)
  );
}
