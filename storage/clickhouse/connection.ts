import { setTimeout as pause } from 'node:timers/promises';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { AppError } from '../../schemas/errors.ts';
import { ClickHouseAnalytics } from './clickhouse-analytics.ts';
import { analyticsError, serverCode } from './errors.ts';

/** 100 k rows take well under a second; a server that is merging or short of memory may take far longer. */
const REQUEST_TIMEOUT_MS = 60_000;

/** ClickHouse's codes for a wrong user or password. */
const AUTHENTICATION_CODES = [193, 194, 516];

export interface ConnectOptions {
  /** tries before giving up, default 6 */
  attempts?: number;
  /** pause after the first failed try, doubled each time, default 250 ms (6 tries: 7.75 s) */
  firstPauseMs?: number;
}

/**
 * A ClickHouse server by URL: `http[s]://user:password@host:8123/database`; user, password and database are
 * optional. Resolves once the server has answered a query with these credentials.
 *
 * @throws AppError 'config-invalid' (no http URL), 'unauthorised', 'unreachable' (after the tries),
 *   'analytics-failed' (it answers, but not to this: for example the database is not there)
 */
export async function connectClickHouse(
  url: string,
  options: ConnectOptions = {},
): Promise<ClickHouseAnalytics> {
  const { attempts = 6, firstPauseMs = 250 } = options;
  const client = clientFor(parseClickHouseUrl(url));
  for (let attempt = 1; ; attempt++) {
    const failure = await probe(client);
    if (failure === null) return new ClickHouseAnalytics(client);
    if (failure.code !== 'unreachable' || attempt >= attempts) {
      await client.close();
      throw failure;
    }
    await pause(firstPauseMs * 2 ** (attempt - 1));
  }
}

/** Where a server is and who we are there. Never print it: it holds the password. */
export interface ClickHouseTarget {
  /** origin without credentials: safe to print */
  origin: string;
  username: string;
  password: string;
  database: string;
}

/** Takes a CLICKHOUSE_URL apart. @throws AppError 'config-invalid', whose message does not repeat the URL */
export function parseClickHouseUrl(text: string): ClickHouseTarget {
  const url = URL.canParse(text) ? new URL(text) : null;
  const database = url === null ? null : decoded(url.pathname.slice(1));
  const username = url === null ? null : decoded(url.username);
  const password = url === null ? null : decoded(url.password);
  if (
    url === null ||
    !['http:', 'https:'].includes(url.protocol) ||
    database === null ||
    username === null ||
    password === null ||
    database.includes('/')
  ) {
    throw new AppError(
      'config-invalid',
      'CLICKHOUSE_URL must look like http://user:password@host:8123/database',
    );
  }
  return { origin: url.origin, username: username || 'default', password, database: database || 'default' };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // a stray % : the caller reports the URL as malformed
  }
}

function clientFor(target: ClickHouseTarget): ClickHouseClient {
  return createClient({
    url: target.origin,
    username: target.username,
    password: target.password,
    database: target.database,
    application: 'weir',
    request_timeout: REQUEST_TIMEOUT_MS,
    // The client's own log repeats queries and parameters; failures are told by our errors.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** A query rather than /ping, which answers to anybody. */
async function probe(client: ClickHouseClient): Promise<AppError | null> {
  try {
    await client.command({ query: 'SELECT 1' });
    return null;
  } catch (error) {
    if (AUTHENTICATION_CODES.includes(serverCode(error) ?? -1)) {
      return new AppError('unauthorised', 'ClickHouse refuses the user or password in CLICKHOUSE_URL', {
        cause: error,
      });
    }
    return analyticsError('connecting', error);
  }
}
