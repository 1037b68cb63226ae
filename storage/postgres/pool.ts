import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import { AppError, isAppError } from '../../schemas/errors.ts';
import { isRefusal, postgresError } from './postgres-error.ts';

/** Longest statement; everything Weir sends is bounded and takes milliseconds. */
const STATEMENT_TIMEOUT_MS = 30_000;
/**
 * Longest wait for an answer: what is longer than a statement may take was lost with its server. Without it a query
 * whose server vanished without closing the connection waits for the system to give up, a quarter of an hour.
 */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Idle connections too: those that listen send nothing by themselves. */
const KEEP_ALIVE_AFTER_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/** How a pool is opened. */
export interface ConnectOptions {
  /** as pg_stat_activity shows it; default 'weir' */
  applicationName?: string;
  /** most connections; default 10 */
  max?: number;
  /** connection attempts before giving up; default 12, about 18 s with a server that refuses at once */
  attempts?: number;
  /** longest wait for an answer, ms; default 35,000, more than the longest statement */
  answerTimeoutMs?: number;
  /** search_path of every connection; default the server's */
  schema?: string;
}

/**
 * Opens a pool and proves that it works with one query.
 *
 * bigint columns arrive as numbers while they are safe integers, else as text; numeric, xid8 as text.
 *
 * @param target `postgres://` URL, or the connection that `startEmbeddedPostgres` gives
 * @throws AppError 'config-invalid' for a malformed URL; 'unreachable' after the last attempt, or at once when the
 *   server refuses who we are or which database we ask for. No message holds the password.
 */
export async function connectPostgres(
  target: string | pg.PoolConfig,
  log: Pick<Logger, 'warn'>,
  options: ConnectOptions = {},
): Promise<pg.Pool> {
  const config = typeof target === 'string' ? parseUrl(target) : target;
  const pool = new pg.Pool({
    application_name: options.applicationName ?? 'weir',
    max: options.max ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    ...(options.schema === undefined ? {} : { options: `-c search_path=${options.schema}` }),
    types: { getTypeParser },
    ...config,
  });
  // A broken connection is an event of its client; without a listener it would end the process, also while the
  // client is checked out (pg-pool listens to idle ones only).
  pool.on('connect', (client) => {
    client.on('error', (error) => {
      log.warn({ err: error }, 'Postgres connection lost');
    });
  });
  pool.on('error', () => {
    // The client's own listener has logged it; the pool has already dropped the client.
  });
  await firstQuery(pool, describe(config), options.attempts ?? 12, log);
  return pool;
}

/**
 * Runs `fn` in one transaction on one connection. Rolls back when it throws.
 *
 * @param begin statements that begin it, in one round trip
 * @throws AppError 'store-unknown-outcome' when the connection broke during COMMIT; 'store-rejected' when the server
 *   rolled back instead; else as `postgresError` translates what was thrown
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  fn: (client: pg.PoolClient) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw postgresError(error);
  });
  let broken = false;
  try {
    await client.query(begin);
    const result = await fn(client);
    await commit(client);
    return result;
  } catch (error) {
    broken = !(await rolledBack(client));
    throw postgresError(error);
  } finally {
    client.release(broken);
  }
}

async function commit(client: pg.PoolClient): Promise<void> {
  let command: string;
  try {
    command = (await client.query('commit')).command;
  } catch (error) {
    // "Server stopping" may also come after the commit is on disk, before it is acknowledged.
    if (!isAppError(postgresError(error), 'unreachable')) throw error;
    throw new AppError('store-unknown-outcome', 'the connection to Postgres broke during COMMIT', {
      retriable: true,
      cause: error,
    });
  }
  // A transaction that an earlier, swallowed error aborted answers COMMIT with ROLLBACK.
  if (command !== 'COMMIT')
    throw new AppError('store-rejected', 'the transaction was rolled back by Postgres');
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    // The connection is gone, and the transaction with it; the first error is the one to report.
    return false;
  }
}

async function firstQuery(
  pool: pg.Pool,
  where: string,
  attempts: number,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      await pool.query('select 1');
      return;
    } catch (error) {
      if (attempt >= attempts || isRefusal(error)) {
        await pool.end();
        const reason = error instanceof Error && error.message !== '' ? error.message : 'no connection';
        throw new AppError('unreachable', `cannot use Postgres at ${where}: ${reason}`, { cause: error });
      }
      log.warn({ attempt, attempts, where }, 'Postgres does not answer yet');
    }
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** The URL stays out of the error and its cause: Node's ERR_INVALID_URL carries the text with the password. */
function parseUrl(url: string): pg.PoolConfig {
  const valid = URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol);
  if (!valid)
    throw new AppError(
      'config-invalid',
      'the Postgres URL is not of the form postgres://user:password@host:port/database',
    );
  return { connectionString: url };
}

function describe(config: pg.PoolConfig): string {
  if (config.connectionString === undefined) return `${config.host ?? 'localhost'}/${config.database ?? ''}`;
  const url = new URL(config.connectionString);
  return `${url.hostname}:${url.port === '' ? '5432' : url.port}${url.pathname} as ${decodeURIComponent(url.username)}`;
}

const INT8 = 20;
const INT8_ARRAY = 1016;

function safeInteger(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

const getTypeParser: pg.CustomTypesConfig['getTypeParser'] = (oid, format) => {
  if (format !== 'binary' && Number(oid) === INT8) return safeInteger;
  const parse = pg.types.getTypeParser(oid, format) as (value: string) => unknown;
  if (format === 'binary' || Number(oid) !== INT8_ARRAY) return parse;
  return (text: string) =>
    (parse(text) as (string | null)[]).map((item) => (item === null ? null : safeInteger(item)));
};
