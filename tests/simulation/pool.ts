import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RunResult } from './run.ts';
import type { RunOptions } from './world.ts';

/** Runs of a pool that takes seeds one by one, in as many threads as there are cores. */
export interface PoolOptions {
  /** folder of the JavaScript tree */
  folder: string;
  seeds: Iterable<number>;
  run: Omit<RunOptions, 'seed'>;
  /** default: one a core */
  threads?: number;
  /** called in the order in which they end; true = no further ones begin */
  onResult: (result: RunResult) => boolean;
}

/** Resolves when all have ended. Throws what a thread died of. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  const { threads = availableParallelism() } = options;
  const seeds = options.seeds[Symbol.iterator]();
  let isOver = false;
  const next = (): RunOptions | null => {
    const seed = isOver ? undefined : seeds.next();
    return seed === undefined || seed.done === true ? null : { ...options.run, seed: seed.value };
  };
  const onResult = (result: RunResult): void => {
    if (!isOver && options.onResult(result)) isOver = true;
  };
  await Promise.all([...Array(threads)].map(() => oneThread(options.folder, next, onResult)));
}

async function oneThread(
  folder: string,
  next: () => RunOptions | null,
  onResult: (result: RunResult) => void,
): Promise<void> {
  const first = next();
  if (first === null) return;
  const thread = new Worker(join(folder, 'tests/simulation/thread.js'));
  try {
    await new Promise<void>((resolve, reject) => {
      thread.on('error', reject);
      thread.on('exit', () => reject(new Error('a thread of the simulation ended')));
      thread.on('message', (result: RunResult) => {
        onResult(result);
        const following = next();
        if (following === null) resolve();
        else thread.postMessage(following);
      });
      thread.postMessage(first);
    });
  } finally {
    thread.removeAllListeners('exit');
    await thread.terminate();
  }
}
