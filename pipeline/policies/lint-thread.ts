import { parentPort, workerData } from 'node:worker_threads';
import { lintFolder } from '../../rules/lint/lint-folder.ts';
import type { LintAnswer, LintTask } from './lint-worker.ts';

/** The thread of lintInWorker: one task, one answer. */
const { files, plans, provider, inForce } = workerData as LintTask;
const say = (answer: LintAnswer): void => parentPort?.postMessage(answer);
say({ ready: true });
say({ result: lintFolder(files, plans, provider, inForce) });
