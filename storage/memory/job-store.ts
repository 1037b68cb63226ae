import { AppError } from '../../schemas/errors.ts';
import type { Job, JobLeadership, JobRun, JobState, JobStatus, JobStore } from '../job-ports.ts';

const AHEAD_MS = 60_000;

interface Kept {
  cron: string;
  seenMs: number;
  requestedBy: string | null;
  paused: boolean;
}

/** Jobs of one process's life, for tests. Leaders do not fall silent here: `usurp` takes it from them. */
export class MemoryJobStore implements JobStore {
  readonly #jobs = new Map<string, Kept>();
  readonly #runs: (JobRun & { leader: string })[] = [];
  readonly #nowMs: () => number;
  #leader: MemoryLeader | null = null;
  #leaders = 0;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  lead(_process: string): Promise<JobLeadership | null> {
    if (this.#leader !== null) return Promise.resolve(null);
    this.#leaders += 1;
    const leader = new MemoryLeader(`leader-${String(this.#leaders)}`, this);
    this.#leader = leader;
    this.lose((run) => run.leader !== leader.token, 'the process that ran it went away');
    return Promise.resolve(leader);
  }

  /** The leader is cut off, and does not know yet. */
  usurp(): void {
    this.#leader = null;
  }

  setPaused(name: string, paused: boolean, _by: string): Promise<boolean> {
    const job = this.#jobs.get(name);
    if (job !== undefined) job.paused = paused;
    return Promise.resolve(job !== undefined);
  }

  list(): Promise<JobStatus[]> {
    const statuses = this.states().map(({ running: _, ...state }) => ({
      ...state,
      lastRun: this.#last(({ name, endedMs }) => name === state.name && endedMs !== null),
      running: this.#last(({ name, endedMs }) => name === state.name && endedMs === null),
    }));
    return Promise.resolve(structuredClone(statuses));
  }

  request(name: string, by: string): Promise<'requested' | 'running' | 'unknown'> {
    const job = this.#jobs.get(name);
    if (job === undefined) return Promise.resolve('unknown');
    if (this.#runs.some((run) => run.name === name && run.endedMs === null))
      return Promise.resolve('running');
    job.requestedBy ??= by;
    return Promise.resolve('requested');
  }

  runs(name: string, limit: number): Promise<JobRun[]> {
    const runs = this.#runs.filter((run) => run.name === name).reverse();
    return Promise.resolve(runs.slice(0, limit).map(shown));
  }

  leads(leader: MemoryLeader): boolean {
    return this.#leader === leader;
  }

  end(leader: MemoryLeader): void {
    if (this.#leader === leader) this.#leader = null;
    this.lose((run) => run.leader === leader.token, 'its process stopped');
  }

  states(): JobState[] {
    const names = [...this.#jobs].sort(([a], [b]) => (a < b ? -1 : 1));
    return names.map(([name, job]) => {
      const running = this.#runs.some((run) => run.name === name && run.endedMs === null);
      return { name, ...job, running };
    });
  }

  register(jobs: readonly Pick<Job, 'name' | 'cron'>[], nowMs: number): void {
    for (const name of this.#jobs.keys()) if (!jobs.some((job) => job.name === name)) this.#jobs.delete(name);
    for (const { name, cron } of jobs) {
      const known = this.#jobs.get(name) ?? { seenMs: nowMs, requestedBy: null, paused: false };
      this.#jobs.set(name, { ...known, cron });
    }
  }

  rewind(nowMs: number): void {
    for (const job of this.#jobs.values()) if (job.seenMs > nowMs + AHEAD_MS) job.seenMs = nowMs;
  }

  start(leader: string, name: string, dueMs: number | null, who: string | null): JobRun | null {
    if (this.#runs.some((run) => run.name === name && run.endedMs === null)) return null;
    const id = this.#runs.length + 1;
    const open = { endedMs: null, outcome: null, progress: null, error: null };
    const run = { id, name, dueMs, byHand: who !== null, who, startedMs: this.#nowMs(), ...open, leader };
    this.#runs.push(run);
    return shown(run);
  }

  change(id: number, leader: string, change: Partial<JobRun>): void {
    const run = this.#runs.find((one) => one.id === id && one.leader === leader && one.endedMs === null);
    if (run === undefined) throw lost();
    Object.assign(run, structuredClone(change));
    const job = this.#jobs.get(run.name);
    if (run.outcome === null || job === undefined) return;
    run.endedMs = this.#nowMs();
    job.seenMs = Math.max(job.seenMs, run.dueMs ?? 0);
    if (run.byHand) job.requestedBy = null;
  }

  lose(whose: (run: { leader: string }) => boolean, why: string): void {
    for (const run of this.#runs) {
      if (run.endedMs !== null || !whose(run)) continue;
      run.endedMs = this.#nowMs();
      run.outcome = 'lost';
      run.error = why;
      const lastThree = this.#runs.filter(({ name, id }) => name === run.name && id <= run.id).slice(-3);
      const job = this.#jobs.get(run.name);
      if (job === undefined || lastThree.filter(({ outcome }) => outcome === 'lost').length < 3) continue;
      job.seenMs = Math.max(job.seenMs, run.dueMs ?? 0);
      job.requestedBy = null;
    }
  }

  #last(which: (run: JobRun) => boolean): JobRun | null {
    const run = this.#runs.findLast(which);
    return run === undefined ? null : shown(run);
  }
}

class MemoryLeader implements JobLeadership {
  readonly token: string;
  readonly #store: MemoryJobStore;
  readonly #abort = new AbortController();

  constructor(token: string, store: MemoryJobStore) {
    this.token = token;
    this.#store = store;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async register(jobs: readonly Pick<Job, 'name' | 'cron'>[], nowMs: number): Promise<void> {
    await this.#check();
    this.#store.register(jobs, nowMs);
  }

  async look(nowMs: number): Promise<JobState[]> {
    await this.#check();
    this.#store.rewind(nowMs);
    return this.#store.states();
  }

  async begin(name: string, dueMs: number | null, byHand: string | null): Promise<JobRun | null> {
    await this.#check();
    return this.#store.start(this.token, name, dueMs, byHand);
  }

  async progress({ id }: JobRun, progress: unknown): Promise<void> {
    await this.#check();
    this.#store.change(id, this.token, { progress });
  }

  async end({ id }: JobRun, outcome: 'done' | 'failed', error: string | null): Promise<void> {
    await this.#check();
    this.#store.change(id, this.token, { outcome, error });
  }

  release(): Promise<void> {
    this.#lose();
    this.#store.end(this);
    return Promise.resolve();
  }

  #check(): Promise<void> {
    if (!this.signal.aborted && this.#store.leads(this)) return Promise.resolve();
    this.#lose();
    return Promise.reject(lost());
  }

  #lose(): void {
    if (!this.signal.aborted) this.#abort.abort(lost());
  }
}

function lost(): AppError {
  return new AppError('conflict', 'another process runs the jobs now');
}

function shown({ leader: _, ...run }: JobRun & { leader: string }): JobRun {
  return structuredClone(run);
}
