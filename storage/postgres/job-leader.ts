import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { AppError, isAppError } from '../../schemas/errors.ts';
import type { Job, JobLeadership, JobRun, JobState } from '../job-ports.ts';
import * as sql from './job-statements.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** A clock that is put right steps by less; what was seen to further ahead is not waited for. */
const AHEAD_MS = 60_000;
/** Characters kept of what a job failed of. */
const MAX_ERROR_CHARACTERS = 2_000;

interface LeaderParts {
  /** holds the lock; closed, not given back, in the end */
  client: pg.PoolClient;
  process: string;
  lock: number;
  ownSessions: boolean;
  silentMs: number;
  /** called once, when it is over */
  over: () => void;
}

/**
 * Runs one piece of a job's work in a transaction that only its leader can commit: the token's row is held until then, so
 * that the next leader begins after it or this one fails.
 *
 * @throws AppError 'conflict' where somebody else leads now; nothing was changed
 */
export async function asLeader<T>(
  pool: pg.Pool,
  token: string,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await requireLeader(client, token);
    return work(client);
  });
}

/** The same for a transaction that has begun already; to be its first statement. */
export async function requireLeader(client: Pick<pg.PoolClient, 'query'>, token: string): Promise<void> {
  const { rowCount } = await client.query(sql.FENCE, [token]);
  if (rowCount === 0) throw lost();
}

function lost(): AppError {
  return new AppError('conflict', 'another process runs the jobs now');
}

/** The leader's side of the jobs, on the connection that holds the lock. */
export class JobLeader implements JobLeadership {
  readonly token: string;
  readonly #parts: LeaderParts;
  readonly #abort = new AbortController();
  #silence: NodeJS.Timeout | undefined;
  /** looks and runs share the connection: one statement at a time */
  #last: Promise<unknown> = Promise.resolve();
  #released: Promise<void> | null = null;

  private constructor(token: string, parts: LeaderParts) {
    this.token = token;
    this.#parts = parts;
    parts.client.once('end', this.#lose);
    parts.client.once('error', this.#lose);
    this.#heard();
  }

  /**
   * With the lock in hand. Null where it is gone again already.
   *
   * @throws what the driver throws; the caller closes the connection then
   */
  static async begin(parts: LeaderParts): Promise<JobLeader | null> {
    const { client, process, lock } = parts;
    const token = randomBytes(16).toString('hex');
    await watchOver(client, parts);
    const { rowCount } = await client.query(sql.BECOME, [token, storable(process), lock]);
    if (rowCount === 0) return null;
    await client.query(sql.LOSE_OTHERS, [token]);
    return new JobLeader(token, parts);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async register(jobs: readonly Pick<Job, 'name' | 'cron'>[], nowMs: number): Promise<void> {
    const names = jobs.map(({ name }) => name);
    const crons = jobs.map(({ cron }) => cron);
    await this.#query(sql.REGISTER, [this.token, names, crons, nowMs]);
  }

  async look(nowMs: number): Promise<JobState[]> {
    const beaten = await this.#query(sql.BEAT, [this.token, this.#parts.lock]);
    if (beaten.length === 0) {
      this.#lose();
      throw lost();
    }
    this.#heard();
    await this.#query(sql.REWIND, [this.token, nowMs, AHEAD_MS]);
    return this.#query<JobState & pg.QueryResultRow>(sql.LOOK, []);
  }

  async begin(name: string, dueMs: number | null, byHand: string | null): Promise<JobRun | null> {
    const values = [this.token, name, dueMs, byHand === null ? null : storable(byHand)];
    const [run] = await this.#query<JobRun & pg.QueryResultRow>(sql.BEGIN, values);
    if (run === undefined) await this.#one(sql.STILL_LEADS, [this.token]);
    return run ?? null;
  }

  async progress({ id }: JobRun, progress: unknown): Promise<void> {
    const text = storable(JSON.stringify(progress ?? null));
    await this.#one(sql.PROGRESS, [this.token, id, text]);
  }

  async end({ id }: JobRun, outcome: 'done' | 'failed', error: string | null): Promise<void> {
    const text = error === null ? null : storable(error.slice(0, MAX_ERROR_CHARACTERS));
    await this.#one(sql.END, [this.token, id, outcome, text]);
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    const { client, lock, over } = this.#parts;
    clearTimeout(this.#silence);
    try {
      if (!this.signal.aborted) {
        await this.#inTurn(() => client.query(sql.LOSE_OWN, [this.token]));
        await this.#inTurn(() => client.query(sql.UNLOCK, [lock]));
      }
    } catch {
      // The connection is gone, and the lock with it; the next leader marks the runs.
    } finally {
      this.#lose();
      client.off('end', this.#lose);
      client.off('error', this.#lose);
      // Closed, not pooled: it has settings of its own.
      client.release(true);
      over();
    }
  }

  readonly #lose = (): void => {
    clearTimeout(this.#silence);
    if (!this.signal.aborted) this.#abort.abort(lost());
  };

  /** Ends leadership here before the server ends it there: what hears nothing from the server must not wait for it. */
  #heard(): void {
    clearTimeout(this.#silence);
    if (this.signal.aborted) return;
    this.#silence = setTimeout(this.#lose, this.#parts.silentMs * 0.75);
    this.#silence.unref();
  }

  async #one(text: string, values: unknown[]): Promise<void> {
    const rows = await this.#query(text, values);
    if (rows.length > 0) return;
    this.#lose();
    throw lost();
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const asked = this.#last.then(ask);
    // Whoever asked is told of a failure; the next one asks all the same.
    this.#last = asked.catch(() => undefined);
    return asked;
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    if (this.signal.aborted) throw lost();
    try {
      return (await this.#inTurn(() => this.#parts.client.query<R>(text, values))).rows;
    } catch (error) {
      const known = postgresError(error);
      if (isAppError(known, 'unreachable')) this.#lose();
      throw known;
    }
  }
}

/** A leader that vanished without a word must not hold the lock for the two hours of the system's default. */
async function watchOver(client: pg.PoolClient, { ownSessions, silentMs }: LeaderParts): Promise<void> {
  if (!ownSessions) return;
  await client.query(
    `select set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
      set_config('tcp_keepalives_count', '3', false), set_config('idle_session_timeout', $1, false)`,
    [`${String(silentMs)}ms`],
  );
}
