import { eachInBoundedThread } from './bounded-thread.ts';
import type { TestsRun, TestsTask } from './check-files.ts';

/** The largest test file that the format allows takes some 3 s. */
const BOUNDS = { timeMs: 15_000, memoryMb: 256 };

/** `runAllTests` in a thread: tests of a whole folder would hold up metering, and none may take for ever. */
export function runTestsInWorker(
  tasks: readonly TestsTask[],
  bounds: { timeMs: number; memoryMb: number } = BOUNDS,
): Promise<TestsRun[]> {
  return eachInBoundedThread('tests-thread', tasks, bounds, tookTooLong);
}

function tookTooLong({ tests: { name } }: TestsTask, why: string): TestsRun {
  const message = `the tests took too long or too much memory (${why})`;
  const place = { file: name, line: 1, column: 1, suggestion: null };
  return { findings: [{ code: 'T009', severity: 'error', message, ...place }], counts: null };
}
