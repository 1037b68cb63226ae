import { inBoundedThread } from './bounded-thread.ts';
import type { TestsRun, TestsTask } from './check-files.ts';

/** The largest test file that the format allows takes some 3 s. */
const BOUNDS = { timeMs: 15_000, memoryMb: 256 };

/**
 * `runAllTests` in a thread: tests of a whole folder would hold up metering, and none may take for ever. Those that run
 * out of bounds together are run one by one: tests that never end must not hold up the others.
 */
export async function runTestsInWorker(
  tasks: readonly TestsTask[],
  bounds: { timeMs: number; memoryMb: number } = BOUNDS,
): Promise<TestsRun[]> {
  if (tasks.length === 0) return [];
  const together = await run(tasks, bounds);
  if (typeof together !== 'string') return together;
  const [only] = tasks;
  if (tasks.length === 1 && only !== undefined) return [tookTooLong(only, together)];
  const apart: TestsRun[] = [];
  for (const task of tasks) apart.push(...(await runTestsInWorker([task], bounds)));
  return apart;
}

function run(tasks: readonly TestsTask[], bounds: typeof BOUNDS): Promise<TestsRun[] | string> {
  return inBoundedThread<TestsRun[] | string>('tests-thread', tasks, bounds, (why) => why);
}

function tookTooLong({ tests: { name } }: TestsTask, why: string): TestsRun {
  const message = `the tests took too long or too much memory (${why})`;
  const place = { file: name, line: 1, column: 1, suggestion: null };
  return { findings: [{ code: 'T009', severity: 'error', message, ...place }], counts: null };
}
