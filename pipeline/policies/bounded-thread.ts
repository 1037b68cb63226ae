import { Worker } from 'node:worker_threads';

/** The thread's own modules, on a machine that is busy. */
const LOADING_MS = 30_000;

/** What a thread says: that it is loaded, and its answer. */
type Said<T> = { ready: true } | { result: T };

/**
 * Runs a module in a thread that is ended when it takes too long or too much memory.
 *
 * @param name of the module, its path from this folder without ending; it says `{ready: true}` when loaded, then `{result}`
 * @param onEnded makes the answer when the bounds ended it
 * @throws what keeps the thread from starting at all
 */
export async function inBoundedThread<T>(
  name: string,
  task: unknown,
  { timeMs, memoryMb }: { timeMs: number; memoryMb: number },
  onEnded: (why: string) => T,
): Promise<T> {
  const worker = startThread(name, task, memoryMb);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      let isReady = false;
      let endMs = Infinity;
      const endNow = (ms: number): void => resolve(onEnded(`not done after ${ms / 1000} s`));
      const within = (ms: number): void => {
        clearTimeout(timer);
        endMs = performance.now() + ms;
        timer = setTimeout(endNow, ms, ms);
      };
      within(LOADING_MS);
      worker.on('message', (said: Said<T>) => {
        if ('result' in said) {
          // An answer may come in the same turn as the word that it is ready, before any timer.
          if (performance.now() >= endMs) endNow(timeMs);
          else resolve(said.result);
        } else {
          isReady = true;
          within(timeMs);
        }
      });
      // Out of memory, or a stack that overflowed; before it is ready it is a fault of the installation.
      worker.on('error', (error) => (isReady ? resolve(onEnded(error.message)) : reject(error)));
      worker.on('exit', (code) => resolve(onEnded(`the thread ended with ${code}`)));
    });
  } finally {
    clearTimeout(timer);
    worker.removeAllListeners();
    // A thread that is being ended may still report an error, which nobody needs.
    worker.on('error', () => undefined);
    await worker.terminate();
  }
}

/**
 * Runs a module on all tasks in one bounded thread. Those that run out of bounds together are run one by one: one that never
 * ends must not hide, or hold up, the others. The module's result is an answer for each task.
 *
 * @param tookTooLong makes the answer of a task that ran out of bounds alone
 */
export async function eachInBoundedThread<Task, Answer>(
  name: string,
  tasks: readonly Task[],
  bounds: { timeMs: number; memoryMb: number },
  tookTooLong: (task: Task, why: string) => Answer,
): Promise<Answer[]> {
  if (tasks.length === 0) return [];
  const together = await inBoundedThread<Answer[] | string>(name, tasks, bounds, (why) => why);
  if (typeof together !== 'string') return together;
  const [only] = tasks;
  if (tasks.length === 1 && only !== undefined) return [tookTooLong(only, together)];
  const apart: Answer[] = [];
  for (const task of tasks) apart.push(...(await eachInBoundedThread(name, [task], bounds, tookTooLong)));
  return apart;
}

function startThread(name: string, workerData: unknown, memoryMb: number): Worker {
  const options = {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    execArgv: [],
    env: {},
  };
  // From sources a thread needs the loader of TypeScript, which it does not inherit.
  const entry = import.meta.url.endsWith('.ts') ? `./${name}-from-sources.mjs` : `./${name}.js`;
  return new Worker(new URL(entry, import.meta.url), options);
}
