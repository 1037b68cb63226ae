import type pg from 'pg';
import type { JobLeadership, JobRun, JobStatus, JobStore } from '../job-ports.ts';
import { JobLeader } from './job-leader.ts';
import * as sql from './job-statements.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** Fixed number that nobody else in the database takes; the second number of the lock is the schema. */
const JOB_LOCK = 0x77656976;
/** A leader that says nothing for so long is not waited for any longer. */
const SILENT_MS = 20_000;

/** How a leader is watched over. */
export interface JobStoreOptions {
  /**
   * Each connection has a session of its own: the server ends that of a leader that is silent (a process that stands still
   * keeps its connection). False for the embedded Postgres, whose one session is everybody's.
   */
  ownSessions: boolean;
  /** how long a leader may be silent, ms; default 20,000 */
  silentMs?: number;
}

/** Jobs in Postgres; leadership is an advisory lock on a connection of its own and a token in `job_leader`. */
export class PostgresJobStore implements JobStore {
  readonly #pool: pg.Pool;
  readonly #options: Required<JobStoreOptions>;
  #leading = false;

  constructor(pool: pg.Pool, options: JobStoreOptions) {
    this.#pool = pool;
    this.#options = { silentMs: SILENT_MS, ...options };
  }

  /** One connection of the pool is kept until release: the lock lives and dies with it. */
  async lead(process: string): Promise<JobLeadership | null> {
    // The embedded Postgres has one session for all connections, where the lock would be granted twice.
    if (this.#leading) return null;
    this.#leading = true;
    const over = (): void => void (this.#leading = false);
    let client: pg.PoolClient | undefined;
    try {
      client = await this.#pool.connect();
      const { rows } = await client.query<{ locked: boolean }>(sql.LOCK, [JOB_LOCK]);
      if (rows[0]?.locked === true) {
        const leader = await JobLeader.begin({ client, process, lock: JOB_LOCK, over, ...this.#options });
        if (leader !== null) return leader;
        client.release(true);
      } else client.release();
    } catch (error) {
      client?.release(true);
      over();
      throw postgresError(error);
    }
    over();
    return null;
  }

  list(): Promise<JobStatus[]> {
    return this.#query<JobStatus>(sql.LIST, []);
  }

  async request(name: string, by: string): Promise<'requested' | 'running' | 'unknown'> {
    const values = [storable(name), storable(by)];
    const [row] = await this.#query<{ became: 'requested' | 'running' | 'unknown' }>(sql.REQUEST, values);
    return row?.became ?? 'unknown';
  }

  async setPaused(name: string, paused: boolean, by: string): Promise<boolean> {
    return (await this.#query(sql.PAUSE, [storable(name), paused, storable(by)])).length > 0;
  }

  runs(name: string, limit: number): Promise<JobRun[]> {
    return this.#query<JobRun>(sql.RUNS, [storable(name), limit]);
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}
