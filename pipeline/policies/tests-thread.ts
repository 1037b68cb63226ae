import { parentPort, workerData } from 'node:worker_threads';
import type { TestsTask } from './check-files.ts';
import { runAllTests } from './run-file-tests.ts';

/** The thread of runTestsInWorker: its tasks, one answer. */
parentPort?.postMessage({ ready: true });
parentPort?.postMessage({ result: await runAllTests(workerData as TestsTask[]) });
