import { describe, expect, it } from 'vitest';
import { countsOf, failuresOf } from './test-results.ts';

function report(passed: number, failed: number, files: { status: string; tests: string[] }[]) {
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: files.map((file, f) => ({
      name: `f${String(f)}.test.ts`,
      status: file.status,
      message: file.status === 'failed' ? 'cannot be loaded' : '',
      assertionResults: file.tests.map((status, t) => ({
        fullName: `law ${String(t)}`,
        status,
        failureMessages: status === 'failed' ? ['\u001b[31mProperty failed\u001b[39m\n{ seed: 7 }'] : [],
      })),
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

describe('failuresOf', () => {
  it('names each failed test with what it said, and nothing else', () => {
    const files = [
      { status: 'passed', tests: ['passed'] },
      { status: 'failed', tests: ['passed', 'failed'] },
    ];
    expect(failuresOf(report(2, 1, files))).toEqual([
      { name: 'f1.test.ts > law 1', message: 'Property failed\n{ seed: 7 }' },
    ]);
  });

  it('names a file that failed outside its tests', () => {
    expect(failuresOf(report(0, 0, [{ status: 'failed', tests: [] }]))).toEqual([
      { name: 'f0.test.ts', message: 'cannot be loaded' },
    ]);
  });

  it('keeps a long message short', () => {
    const long = report(0, 1, [{ status: 'failed', tests: ['failed'] }]);
    const file = long.testResults[0];
    const test = file?.assertionResults[0];
    if (test === undefined) throw new Error('no test in the report');
    test.failureMessages = ['line\n'.repeat(10_000)];
    expect(failuresOf(long)[0]?.message.split('\n')).toHaveLength(12);
  });

  it('has nothing to say of a run without a report', () => {
    expect(failuresOf(undefined)).toEqual([]);
  });
});
