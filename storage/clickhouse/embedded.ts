import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { AppError } from '../../schemas/errors.ts';
import { ClickHouseAnalytics } from './clickhouse-analytics.ts';

type ClientConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>;

/**
 * chDB in this process, data in `folder` (made if missing). One folder a process and one process a folder; the
 * lock is chDB's own and goes with the process, however that ends. Main thread only: in a worker thread the
 * process dies with a segmentation fault at its exit.
 *
 * @throws AppError 'config-invalid' (the optional package chdb is not installed), 'data-folder-in-use',
 *   'analytics-failed' (the folder cannot be opened: permissions, space, damage)
 */
export async function openEmbeddedClickHouse(folder: string): Promise<ClickHouseAnalytics> {
  if (!isMainThread) throw new Error('openEmbeddedClickHouse must be called in the main thread');
  const path = resolve(folder);
  await mkdir(path, { recursive: true });
  return new ClickHouseAnalytics(await embeddedClient(path));
}

/**
 * A client of chDB on a folder. Within one process several clients of the same folder may be open; settings and
 * parameters stick to the client they were given to.
 *
 * @throws AppError as openEmbeddedClickHouse
 */
export async function embeddedClient(path: string): Promise<ClickHouseClient> {
  const { createChdbConnection } = await loadChdb();
  try {
    // The types of chdb come from another copy of the same declarations, which differ by a private field.
    const connection = createChdbConnection({ path }) as unknown as ClientConnection;
    return createClient({ connection, log: { level: ClickHouseLogLevel.OFF } });
  } catch (error) {
    throw await openFailure(path, error);
  }
}

async function loadChdb() {
  try {
    return await import('chdb/connection');
  } catch (error) {
    throw new AppError(
      'config-invalid',
      'CLICKHOUSE_URL is not set and the optional package chdb does not load: set the one or `npm install chdb`',
      { cause: error },
    );
  }
}

/** chDB says "Cannot lock file" on stderr only; its status file names the process that holds the folder. */
async function openFailure(path: string, error: unknown): Promise<AppError> {
  const status = join(path, 'status');
  const pid = existsSync(status) ? Number(/^PID: (\d+)/m.exec(await readFile(status, 'utf8'))?.[1] ?? 0) : 0;
  if (pid > 0 && pid !== process.pid && isAlive(pid)) {
    return new AppError('data-folder-in-use', `${path} is in use by process ${String(pid)}`, {
      cause: error,
    });
  }
  const reason = 'check permissions and free space, and that no other container holds it';
  return new AppError('analytics-failed', `chDB cannot open ${path}: ${reason}`, { cause: error });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
