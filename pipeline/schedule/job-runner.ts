import { isAppError } from '../../schemas/errors.ts';
import type { Job, JobLeadership, JobRun, JobState, JobStore } from '../../storage/job-ports.ts';
import type { DueJob } from './due-jobs.ts';
import { dueJobs, nextDue } from './due-jobs.ts';
import { every } from './every.ts';

/** Jobs that run at once, prompt ones apart; they share the connections and cores of the process with everything else. */
const MAX_AT_ONCE = 3;
/** Where nobody says how long stopping may take, ms. */
const USUAL_GRACE_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
/** Runs looked through for the last one that was done. */
const MAX_RUNS_BACK = 20;

/** What metrics want to know. Instants are ms since 1970 UTC. */
export interface JobObserver {
  leading(leads: boolean): void;
  /** null = never */
  planned(name: string, nextMs: number | null): void;
  /** by this leader or one before */
  succeeded(name: string, endedMs: number): void;
  ended(name: string, outcome: 'done' | 'failed' | 'lost', durationMs: number): void;
}

/** What of a logger the runner uses. */
export type JobLog = Record<'info' | 'warn' | 'error', (fields: object, text: string) => void>;

export interface JobRunnerParts {
  store: JobStore;
  jobs: readonly Job[];
  /** by which people know who leads */
  process: string;
  /** real time, by which jobs are due */
  clockMs: () => number;
  /** the log's clock, by which they work */
  nowMs: () => number;
  log: JobLog;
  observer: JobObserver;
  lookEveryMs?: number;
}

/**
 * Runs the jobs while this process leads, and tries to lead while another one does. Looks every second: there is no timer a
 * job, so a clock that jumps, a process that stood still and a leader that was away are the same case, times that were
 * missed.
 */
export class JobRunner {
  readonly #parts: JobRunnerParts;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  #leadership: JobLeadership | null = null;
  #failing = false;
  #end = (): Promise<void> => Promise.resolve();

  constructor(parts: JobRunnerParts) {
    this.#parts = parts;
  }

  start(): void {
    const turn = async (): Promise<void> => {
      await this.turn();
      this.#failing = false;
    };
    this.#end = every(this.#parts.lookEveryMs ?? LOOK_EVERY_MS, turn, (error) => this.#failed(error));
  }

  /**
   * Asks what runs to end, and lets another process lead; what did not get done is due there. Waits for it for half of the
   * grace: what waits for a server does not hear that it should end, and all that is stopped after this has no time else.
   * Idempotent.
   */
  async stop(graceMs: number = USUAL_GRACE_MS): Promise<void> {
    this.#stopping.abort();
    const ended = this.#end().then(() => this.settled());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs / 2)));
    await Promise.race([ended, late]);
    clearTimeout(timer);
    await this.#leave();
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** One look; begins what is due. Throws what the store throws: leadership is given up then. */
  async turn(): Promise<void> {
    const leadership = this.#leadership ?? (await this.#lead());
    if (leadership === null) return;
    try {
      await this.#look(leadership);
    } catch (error) {
      await this.#leave();
      throw error;
    }
  }

  async #lead(): Promise<JobLeadership | null> {
    const { store, jobs, process, clockMs, observer, log } = this.#parts;
    const leadership = await store.lead(process);
    if (leadership === null) return null;
    if (this.#stopping.signal.aborted) {
      await leadership.release();
      return null;
    }
    try {
      await leadership.register(jobs, clockMs());
      for (const { name, lastRun } of await store.list())
        if (lastRun?.outcome === 'done') observer.succeeded(name, lastRun.endedMs ?? lastRun.startedMs);
    } catch (error) {
      await leadership.release();
      throw error;
    }
    this.#leadership = leadership;
    // A look that waits for a server that is away would notice long after another process leads.
    leadership.signal.addEventListener('abort', () => void this.#leave());
    observer.leading(true);
    log.info({ process }, 'this process runs the jobs');
    return leadership;
  }

  async #look(leadership: JobLeadership): Promise<void> {
    const { clockMs, observer } = this.#parts;
    const nowMs = clockMs();
    const states = await leadership.look(nowMs);
    plan(states, observer);
    for (const due of dueJobs(states, nowMs)) {
      if (this.#stopping.signal.aborted) return;
      await this.#begin(leadership, due);
    }
  }

  async #begin(leadership: JobLeadership, { name, dueMs, byHand }: DueJob): Promise<void> {
    const job = this.#parts.jobs.find((one) => one.name === name);
    // Of a leadership that was lost it may still be ending.
    if (job === undefined || this.#running.has(name)) return;
    if (job.isPrompt !== true && this.#taken() >= MAX_AT_ONCE) return;
    const run = await leadership.begin(name, dueMs, byHand);
    if (run === null) return;
    const ended = this.#run(leadership, job, run).finally(() => this.#running.delete(name));
    this.#running.set(name, ended);
  }

  /** Places that are taken by jobs that need one. */
  #taken(): number {
    return this.#parts.jobs.filter(({ name, isPrompt }) => isPrompt !== true && this.#running.has(name))
      .length;
  }

  /** Never rejects. */
  async #run(leadership: JobLeadership, job: Job, run: JobRun): Promise<void> {
    const { observer, log, clockMs } = this.#parts;
    const startedMs = performance.now();
    let outcome: 'done' | 'failed' | 'lost' = 'done';
    let problem: string | null = null;
    const signal = AbortSignal.any([leadership.signal, this.#stopping.signal]);
    try {
      await leadership.progress(run, await this.#work(leadership, job, run, signal));
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      outcome = 'failed';
      if (!signal.aborted)
        log.error({ err: error, job: job.name }, 'a job failed; it comes again at its time');
    }
    if (!signal.aborted)
      await leadership.end(run, outcome, problem).catch((error: unknown) => this.#failed(error));
    // What was cut short is not done, whatever it returned; release or the next leader writes that down.
    if (signal.aborted) outcome = 'lost';
    observer.ended(job.name, outcome, performance.now() - startedMs);
    if (outcome === 'done') observer.succeeded(job.name, clockMs());
  }

  async #work(leadership: JobLeadership, job: Job, run: JobRun, signal: AbortSignal): Promise<unknown> {
    const { store, nowMs } = this.#parts;
    const before = await store.runs(job.name, MAX_RUNS_BACK);
    return job.run({
      nowMs: nowMs(),
      signal,
      token: leadership.token,
      byHand: run.byHand,
      last: before.find(({ outcome }) => outcome === 'done')?.progress ?? null,
      progress: (progress) => leadership.progress(run, progress),
    });
  }

  async #leave(): Promise<void> {
    const leadership = this.#leadership;
    this.#leadership = null;
    if (leadership === null) return;
    await leadership.release();
    this.#parts.observer.leading(false);
  }

  /** One line an outage, not one a second. */
  #failed(error: unknown): void {
    const { log } = this.#parts;
    if (!this.#failing && isAppError(error))
      log.warn({ err: error }, 'jobs do not run at the moment; it is tried again');
    if (!isAppError(error)) log.error({ err: error }, 'looking for jobs failed; it is tried again');
    this.#failing = true;
  }
}

function plan(states: readonly JobState[], observer: JobObserver): void {
  for (const state of states) observer.planned(state.name, nextDue(state));
}
