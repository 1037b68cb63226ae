/** What a job is: works in chunks until nothing is due, and asks the signal between them. Idempotent. */
export interface Job {
  name: string;
  /** when it is due, five fields in UTC */
  cron: string;
  /** @returns what it did, for its record */
  run(context: JobContext): Promise<unknown>;
}

export interface JobContext {
  /** the log's clock, ms since 1970 UTC */
  nowMs: number;
  /** leadership is lost, or the process stops */
  signal: AbortSignal;
  /** of the leadership: each chunk's transaction looks whether it still holds */
  token: string;
  progress(progress: unknown): Promise<void>;
}

/** Jobs, their runs, and who leads them. Calls throw 'unreachable', 'timeout' (retriable). */
export interface JobStore {
  /** Becomes the one process that runs jobs; null while another one is. */
  lead(process: string): Promise<JobLeadership | null>;
  list(): Promise<JobStatus[]>;
  /** Asks the leader for a run by hand. */
  request(name: string, by: string): Promise<'requested' | 'running' | 'unknown'>;
  /** The last first. */
  runs(name: string, limit: number): Promise<JobRun[]>;
}

/** Held by one process at a time; survives it: another one takes over what was due. */
export interface JobLeadership {
  readonly token: string;
  /** aborts as soon as it is lost */
  readonly signal: AbortSignal;
  /** What is due at `nowMs` or was asked for; missed times of a job are one. */
  due(nowMs: number): Promise<JobDue[]>;
  /** Null where it runs already. */
  begin(name: string, dueMs: number | null, byHand: string | null): Promise<JobRun | null>;
  progress(run: JobRun, progress: unknown): Promise<void>;
  end(run: JobRun, outcome: 'done' | 'failed', error: string | null): Promise<void>;
  release(): Promise<void>;
}

export interface JobDue {
  name: string;
  /** null = asked for by hand */
  dueMs: number | null;
  requestedBy: string | null;
}

/** One run. Instants are ms since 1970 UTC. */
export interface JobRun {
  id: number;
  name: string;
  dueMs: number | null;
  byHand: boolean;
  who: string | null;
  startedMs: number;
  /** null = it runs */
  endedMs: number | null;
  /** 'lost' = its leader went away */
  outcome: 'done' | 'failed' | 'lost' | null;
  progress: unknown;
  error: string | null;
}

export interface JobStatus {
  name: string;
  lastRun: JobRun | null;
  running: JobRun | null;
  lastDueMs: number | null;
  paused: boolean;
}
