import { describe, expect, it } from 'vitest';
import { countsOf } from './test-results.ts';

function report(passed: number, failed: number, files: { status: string; tests: string[] }[]) {
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: files.map((file) => ({
      status: file.status,
      assertionResults: file.tests.map((status) => ({ status })),
    })),
  };
}

describe('countsOf', () => {
  it('takes passed and failed tests as reported', () => {
    const files = [{ status: 'failed', tests: ['passed', 'passed', 'failed'] }];
    expect(countsOf(report(2, 1, files), 1)).toEqual({ passed: 2, failed: 1, skipped: 0 });
  });

  it('counts a file that could not be loaded as one failure', () => {
    const files = [
      { status: 'passed', tests: ['passed'] },
      { status: 'failed', tests: [] },
    ];
    expect(countsOf(report(1, 0, files), 1).failed).toBe(1);
  });

  it('counts a file whose hook failed after its tests passed as one failure', () => {
    expect(countsOf(report(1, 0, [{ status: 'failed', tests: ['passed'] }]), 1).failed).toBe(1);
  });

  it('counts a bad exit that the report does not explain as one failure', () => {
    expect(countsOf(report(3, 0, [{ status: 'passed', tests: ['passed'] }]), 1).failed).toBe(1);
  });

  it('counts a run that ended without a report as one failure', () => {
    expect(countsOf(undefined, 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('adds pending and todo tests up as skipped', () => {
    expect(countsOf({ ...report(1, 0, []), numPendingTests: 2, numTodoTests: 1 }, 0).skipped).toBe(3);
  });
});
