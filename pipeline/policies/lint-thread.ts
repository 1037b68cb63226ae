import { parentPort, workerData } from 'node:worker_threads';
import { lintFolder } from '../../rules/lint/lint-folder.ts';
import type { LintTask } from './lint-worker.ts';

/** The thread of lintInWorker: one task, one answer. */
const { files, plans, provider, inForce } = workerData as LintTask;
parentPort?.postMessage({ ready: true });
parentPort?.postMessage({ result: lintFolder(files, plans, provider, inForce) });
