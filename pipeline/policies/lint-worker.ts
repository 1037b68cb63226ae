import { Worker } from 'node:worker_threads';
import type { LintFinding } from '../../rules/lint/finding.ts';
import type { FileLint, FolderLint, NamedFile } from '../../rules/lint/lint-folder.ts';
import { isLinted } from '../../rules/lint/lint-folder.ts';
import { listed } from '../../rules/lint/placement.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';

/** What a worker is given: the arguments of lintFolder. */
export interface LintTask {
  files: readonly NamedFile[];
  plans: readonly PlanVersion[] | null;
  /** undefined = the provider has set nothing */
  provider?: ProviderSettings | null;
  inForce?: readonly PolicyFile[];
}

/** What a worker says: that it is loaded, and what it found. */
export type LintAnswer = { ready: true } | { result: FolderLint };

/** Bounds of one run; by default 5 s and 128 MB. Loading the program is bounded apart. */
export interface LintLimits {
  timeMs?: number;
  memoryMb?: number;
  provider?: ProviderSettings | null;
  inForce?: readonly PolicyFile[];
}

const TIME_MS = 5_000;
const MEMORY_MB = 128;
/** The thread's own modules, on a machine that is busy. */
const LOADING_MS = 30_000;

/**
 * `lintFolder` in a thread that is ended when it takes too long or too much memory: one
 * finding P009 a file then, and no policies.
 * Rejects only with what keeps the thread from starting at all.
 *
 * @param files of a folder, or one alone
 * @param plans null = not known
 */
export async function lintInWorker(
  files: readonly NamedFile[],
  plans: readonly PlanVersion[] | null,
  { timeMs = TIME_MS, memoryMb = MEMORY_MB, ...rest }: LintLimits = {},
): Promise<FolderLint> {
  const task: LintTask = { files, plans, ...rest };
  const worker = startThread(task, memoryMb);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<FolderLint>((resolve, reject) => {
      let isReady = false;
      const within = (ms: number): void => {
        clearTimeout(timer);
        timer = setTimeout(() => resolve(tookTooLong(files, `not done after ${ms / 1000} s`)), ms);
      };
      within(LOADING_MS);
      worker.on('message', (answer: LintAnswer) => {
        if ('result' in answer) resolve(answer.result);
        else {
          isReady = true;
          within(timeMs);
        }
      });
      // Out of memory, or a stack that overflowed; before it is ready it is a fault of the installation.
      worker.on('error', (error) => (isReady ? resolve(tookTooLong(files, error.message)) : reject(error)));
      worker.on('exit', (code) => resolve(tookTooLong(files, `the thread ended with ${code}`)));
    });
  } finally {
    clearTimeout(timer);
    worker.removeAllListeners();
    // A thread that is being ended may still report an error, which nobody needs.
    worker.on('error', () => undefined);
    await worker.terminate();
  }
}

function startThread(task: LintTask, memoryMb: number): Worker {
  const options = {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    execArgv: [],
    env: {},
  };
  // From sources a thread needs the loader of TypeScript, which it does not inherit.
  const entry = import.meta.url.endsWith('.ts') ? './lint-thread-from-sources.mjs' : './lint-thread.js';
  return new Worker(new URL(entry, import.meta.url), options);
}

/** Nothing is known of any of them. */
function tookTooLong(files: readonly NamedFile[], why: string): FolderLint {
  const message = `checking took too long or too much memory (${why}): the conditions are too many, or tangled`;
  const results = files
    .filter(({ name }) => isLinted(name))
    .map(({ name }): FileLint => {
      const place = { line: 1, column: 1, endLine: 1, endColumn: 1, path: '$' };
      const finding: LintFinding = {
        ...{ code: 'P009', severity: 'error', message, file: name, suggestion: null },
        ...place,
      };
      return { kind: 'policy', name, policy: null, findings: [finding], more: 0, errors: 1, warnings: 0 };
    });
  const all = results.flatMap(({ findings }) => findings);
  return { ...listed(all, all.length, 0), files: results, provider: null };
}
