/** What a job is: works in chunks until nothing is due, and asks the signal between them. Idempotent. */
export interface Job {
  name: string;
  /** when it is due, five fields in UTC */
  cron: string;
  /** it does not wait for a place while others run */
  isPrompt?: boolean;
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
  /** somebody asked for it */
  byHand: boolean;
  /** what the last run that was done returned; null = there was none lately */
  last: unknown;
  progress(progress: unknown): Promise<void>;
}

/** Jobs, their runs, and who leads them. Calls throw 'unreachable', 'timeout' (retriable). */
export interface JobStore {
  /**
   * Becomes the one process that runs jobs; null while another one is. Runs whose leader went away are 'lost' from then
   * on, and what they were for is due again, unless it was lost three times in a row: then it waits for its next time.
   */
  lead(process: string): Promise<JobLeadership | null>;
  /** Those that the last leader had, by name. */
  list(): Promise<JobStatus[]>;
  /** Asks the leader for a run by hand; once more before it began is the same one. Written to the audit. */
  request(name: string, by: string): Promise<'requested' | 'running' | 'unknown'>;
  /**
   * A paused job runs by hand alone; what was missed meanwhile is done once when it goes on. False where there is no such
   * job. Written to the audit where it changes anything.
   */
  setPaused(name: string, paused: boolean, by: string): Promise<boolean>;
  /** The last first. */
  runs(name: string, limit: number): Promise<JobRun[]>;
}

/**
 * Held by one process at a time; survives it: another one takes over what was due. All calls but `release` throw
 * 'conflict' once it is lost.
 */
export interface JobLeadership {
  readonly token: string;
  /** aborts as soon as it is lost */
  readonly signal: AbortSignal;
  /** Says which jobs there are; others leave the list, their runs stay. A new one has missed nothing before `nowMs`. */
  register(jobs: readonly Pick<Job, 'name' | 'cron'>[], nowMs: number): Promise<void>;
  /**
   * How each stands. It is also the sign of life, to be given every second: without it leadership ends by itself. What was
   * seen to more than a minute after `nowMs` is a clock that was wrong then: `nowMs` takes its place.
   */
  look(nowMs: number): Promise<JobState[]>;
  /**
   * Null where it runs already.
   *
   * @param dueMs the time it is for; null = of no time
   * @param byHand who asked for it; null = nobody
   */
  begin(name: string, dueMs: number | null, byHand: string | null): Promise<JobRun | null>;
  progress(run: JobRun, progress: unknown): Promise<void>;
  /** Its time is seen to, and the request for it done. */
  end(run: JobRun, outcome: 'done' | 'failed', error: string | null): Promise<void>;
  /** Gives it up: runs that did not end are lost. Idempotent; never throws. */
  release(): Promise<void>;
}

/** What the leader looks at of a job. */
export interface JobState {
  name: string;
  cron: string;
  /** the newest time that was seen to, or when it came to be known */
  seenMs: number;
  /** null = nobody asks for it */
  requestedBy: string | null;
  running: boolean;
  paused: boolean;
}

/** One run. Instants are ms since 1970 UTC. */
export interface JobRun {
  id: number;
  name: string;
  /** null = of no time: by hand */
  dueMs: number | null;
  byHand: boolean;
  who: string | null;
  startedMs: number;
  /** null = it runs */
  endedMs: number | null;
  /** 'lost' = its leader went away; `error` says how */
  outcome: 'done' | 'failed' | 'lost' | null;
  /** how far it is; in the end what it did */
  progress: unknown;
  error: string | null;
}

export interface JobStatus {
  name: string;
  cron: string;
  /** that ended; null = none did */
  lastRun: JobRun | null;
  running: JobRun | null;
  /** the newest time that was seen to, or when it came to be known */
  seenMs: number;
  /** null = nobody asks for it */
  requestedBy: string | null;
  paused: boolean;
}
