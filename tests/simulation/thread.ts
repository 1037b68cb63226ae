import { parentPort } from 'node:worker_threads';
import { run } from './run.ts';
import type { RunOptions } from './world.ts';

/** Runs what it is told to, one after the other: a thread of the pool. */
parentPort?.on('message', (options: RunOptions) => {
  void run(options).then((result) => parentPort?.postMessage(result));
});
