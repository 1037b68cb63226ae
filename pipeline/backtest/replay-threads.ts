import { Worker } from 'node:worker_threads';
import type { BacktestPage, BacktestTask } from './task.ts';
import { mergeTally, noTally } from './tally.ts';
import type { Tally } from './tally.ts';

/** To a thread. */
export type ThreadRequest = { kind: 'page'; page: BacktestPage } | { kind: 'finish' };
/** From a thread, in the order of the requests. */
export type ThreadAnswer = { kind: 'done'; subscribers: number } | { kind: 'tally'; tally: Tally };

/** Pages that wait in a thread: one is replayed while the next is on its way. */
const PAGES_A_THREAD = 2;

/** Threads that replay pages, each page as a whole in one of them. Which one it is makes no difference to the sum. */
export class ReplayThreads {
  readonly #task: BacktestTask;
  readonly #threads: Thread[];

  /** Starts them; they end with `finish` or `stop`. */
  constructor(task: BacktestTask, count: number) {
    this.#task = task;
    this.#threads = Array.from({ length: count }, () => new Thread(task));
  }

  /** Pages that may be on their way at once. */
  get capacity(): number {
    return this.#threads.length * PAGES_A_THREAD;
  }

  /** Resolves with the number of subscribers when they are replayed. The page's usage is gone after the call. */
  async replay(page: BacktestPage): Promise<number> {
    const [first, ...others] = this.#threads;
    if (first === undefined) throw new Error('no thread was started');
    const least = others.reduce((best, thread) => (thread.waiting < best.waiting ? thread : best), first);
    const { starts, seconds, classIndexes, down, up } = page.usage;
    const transfer = [starts, seconds, classIndexes, down, up].map(({ buffer }) => buffer);
    const answer = await least.ask({ kind: 'page', page }, transfer);
    return answer.kind === 'done' ? answer.subscribers : 0;
  }

  /** The figures of all; ends the threads. */
  async finish(): Promise<Tally> {
    const sum = noTally();
    for (const thread of this.#threads) {
      const answer = await thread.ask({ kind: 'finish' }, []);
      if (answer.kind === 'tally') mergeTally(sum, answer.tally, this.#task.samples);
    }
    await this.stop();
    return sum;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

interface Asked {
  resolve: (answer: ThreadAnswer) => void;
  reject: (error: unknown) => void;
}

class Thread {
  readonly #worker: Worker;
  readonly #asked: Asked[] = [];
  #failure: Error | null = null;

  constructor(task: BacktestTask) {
    this.#worker = startThread(task);
    this.#worker.on('message', (answer: ThreadAnswer) => this.#asked.shift()?.resolve(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a thread of the backtest ended')));
  }

  get waiting(): number {
    return this.#asked.length;
  }

  ask(request: ThreadRequest, transfer: ArrayBuffer[]): Promise<ThreadAnswer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(request, transfer);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
  }
}

function startThread(task: BacktestTask): Worker {
  // From sources a thread needs the loader of TypeScript, which it does not inherit.
  const isSource = import.meta.url.endsWith('.ts');
  const entry = isSource ? './replay-worker-from-sources.mjs' : './replay-worker.js';
  return new Worker(new URL(entry, import.meta.url), { workerData: task, execArgv: [], env: {} });
}
