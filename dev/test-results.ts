import { stripVTControlCharacters } from 'node:util';

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

/** A test that failed, or a file that failed outside any test. */
export interface Failure {
  /** The file, and the test's titles from the outermost on. */
  readonly name: string;
  /** What it said, its first lines: of a random test the seed is among them. */
  readonly message: string;
}

const MESSAGE_LINES = 12;
const MESSAGE_CHARS = 2000;

/** What failed, so that the end of a long log tells it: the reporter's own account may be 10,000 lines further up. */
export function failuresOf(report: unknown): Failure[] {
  if (!isReport(report)) return [];
  return report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0) {
      return file.status === 'failed' ? [{ name: file.name, message: beginningOf(file.message ?? '') }] : [];
    }
    return failed.map((test) => ({
      name: `${file.name} > ${test.fullName}`,
      message: beginningOf((test.failureMessages ?? []).join('\n')),
    }));
  });
}

function beginningOf(message: string): string {
  return stripVTControlCharacters(message)
    .slice(0, MESSAGE_CHARS)
    .split('\n')
    .slice(0, MESSAGE_LINES)
    .join('\n');
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
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
