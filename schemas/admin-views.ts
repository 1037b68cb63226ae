import type { Role } from './roles.ts';

/* What the API tells of jobs, keys and the audit. Instants are ISO 8601 UTC. */

/** One run of a job. */
export interface JobRunView {
  id: number;
  /** the time it was for; null = of none: by hand */
  due: string | null;
  /** who asked for it; null = nobody, it was due */
  by: string | null;
  started: string;
  /** null = it runs */
  ended: string | null;
  durationMs: number | null;
  /** lost = its leader went away */
  outcome: 'done' | 'failed' | 'lost' | null;
  error: string | null;
  /** how far it is; in the end what it did */
  result: unknown;
}

export interface JobView {
  name: string;
  /** when it is due, in UTC */
  cron: string;
  /** null = never; in the past = it waits for its turn */
  nextDue: string | null;
  /** it runs by hand alone */
  paused: boolean;
  /** who asked for a run that has not begun; null = nobody */
  requestedBy: string | null;
  running: JobRunView | null;
  /** that ended */
  lastRun: JobRunView | null;
}

export interface JobsView {
  jobs: JobView[];
}

export interface JobRunsView {
  runs: JobRunView[];
}

/** A run that will begin. */
export interface JobRequestView {
  name: string;
  by: string;
}

/** A job that runs by hand alone from now on, or at its times again. */
export interface JobPausedView {
  name: string;
  paused: boolean;
  by: string;
}

/** An API key without the key. */
export interface KeyView {
  id: string;
  name: string;
  roles: Role[];
  /** its first characters; null = made before they were kept */
  prefix: string | null;
  created: string;
  createdBy: string | null;
  /** null = it works until it is revoked */
  expires: string | null;
  /** to the minute or so; null = never */
  lastUsed: string | null;
  revoked: string | null;
  /** requests a minute; null = the usual limit */
  rateLimit: number | null;
}

export interface KeysView {
  keys: KeyView[];
}

/** A key that was just made: the only time that it is told. */
export interface NewKeyView {
  id: string;
  name: string;
  roles: Role[];
  prefix: string;
  expires: string | null;
  rateLimit: number | null;
  key: string;
}

export interface RevokedKeyView {
  id: string;
}

/** Something that somebody changed. */
export interface AuditEntryView {
  id: string;
  at: string;
  /** null = the system */
  who: string | null;
  action: string;
  subject: string;
  content: unknown;
}
