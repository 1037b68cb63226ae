import { parentPort, workerData } from 'node:worker_threads';
import type { PolicyPaths } from './policy-test-files.ts';
import { testAll } from './policy-test-run.ts';

/** The thread of testPolicies: its policies, one answer. */
parentPort?.postMessage({ ready: true });
parentPort?.postMessage({ result: await testAll(workerData as PolicyPaths[]) });
