import { join } from 'node:path';
import type pg from 'pg';
import type { Logger } from 'pino';
import { AppError } from '../schemas/errors.ts';
import { connectClickHouse } from '../storage/clickhouse/connection.ts';
import { openEmbeddedClickHouse } from '../storage/clickhouse/embedded.ts';
import { lockDataFolder } from '../storage/data-folder.ts';
import { PostgresApiKeys } from '../storage/postgres/api-keys.ts';
import { startEmbeddedPostgres } from '../storage/postgres/embedded.ts';
import { migrate, migrationStatus } from '../storage/postgres/migrate.ts';
import type { MigrationStatus } from '../storage/postgres/migrate.ts';
import { connectPostgres } from '../storage/postgres/pool.ts';
import type { ApiKeys } from '../storage/people-ports.ts';
import type { Config } from './config.ts';

/** What the commands do to the database while no process of Weir is needed. */
export interface Admin {
  /** Brings the tables of the database and of analytics up to date; names of the database's files applied now. */
  migrate(): Promise<string[]>;
  /** Where the database stands; changes nothing of its tables. */
  status(): Promise<MigrationStatus>;
  /** Keys of the API. Throws 'migration-failed' when the tables are not up to date. */
  keys(): Promise<ApiKeys>;
  /** Closes all of it; the data folder last. Idempotent. */
  close(): Promise<void>;
}

/** A server that does not answer within about 3 s is down: whoever typed the command is waiting. */
const ATTEMPTS = 5;

/**
 * Opens the database that the configuration names.
 *
 * @throws AppError 'data-folder-in-use' while a process holds an embedded engine, 'unreachable'
 */
export async function openAdmin(config: Config, log: Logger): Promise<Admin> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const needsFolder = config.databaseUrl === null || config.clickhouseUrl === null;
    const pool = await openDatabase(config, log, needsFolder, closers);
    return {
      status: () => migrationStatus(pool),
      migrate: async () => {
        const { applied } = await migrate(pool);
        await migrateAnalytics(config);
        return applied;
      },
      keys: async () => {
        await bringUp(config, pool);
        return new PostgresApiKeys(pool);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The database that the configuration names, and the data folder's lock where an embedded engine is needed. What it opens is
 * added to `closers`, last opened last.
 *
 * @throws AppError 'data-folder-in-use', 'unreachable'
 */
async function openDatabase(
  config: Config,
  log: Logger,
  needsFolder: boolean,
  closers: (() => Promise<void>)[],
): Promise<pg.Pool> {
  const complain = (error: AppError): void => log.fatal({ err: error }, 'the embedded database failed');
  if (needsFolder) {
    const lock = await lockDataFolder(config.dataDir, complain);
    closers.push(() => lock.release());
  }
  return openPool(config, log, complain, closers);
}

/**
 * As openDatabase, for commands that need its tables: an embedded one is brought up to date.
 *
 * @throws AppError 'data-folder-in-use', 'unreachable', 'migration-failed' where a server's tables are missing
 */
export async function openMigrated(
  config: Config,
  log: Logger,
  needsFolder: boolean,
  closers: (() => Promise<void>)[],
): Promise<pg.Pool> {
  const pool = await openDatabase(config, log, needsFolder, closers);
  await bringUp(config, pool);
  return pool;
}

async function bringUp(config: Config, pool: pg.Pool): Promise<void> {
  if (config.databaseUrl === null) await migrate(pool);
  else await assertMigrated(pool);
}

async function openPool(
  config: Config,
  log: Logger,
  onCrash: (error: AppError) => void,
  closers: (() => Promise<void>)[],
): Promise<pg.Pool> {
  const options = { applicationName: 'weir command', max: 2, attempts: ATTEMPTS };
  if (config.databaseUrl !== null) {
    const pool = await connectPostgres(config.databaseUrl.reveal(), log, options);
    closers.push(() => pool.end());
    return pool;
  }
  const embedded = await startEmbeddedPostgres(join(config.dataDir, 'postgres'), onCrash);
  closers.push(() => embedded.close());
  const pool = await connectPostgres(embedded.connection, log, options);
  closers.push(() => pool.end());
  return pool;
}

async function migrateAnalytics(config: Config): Promise<void> {
  const analytics =
    config.clickhouseUrl === null
      ? await openEmbeddedClickHouse(join(config.dataDir, 'clickhouse'))
      : await connectClickHouse(config.clickhouseUrl.reveal());
  try {
    await analytics.migrate();
  } finally {
    await analytics.close();
  }
}

/** @throws AppError 'migration-failed' where tables are missing */
export async function assertMigrated(pool: pg.Pool): Promise<void> {
  const { pending } = await migrationStatus(pool);
  if (pending.length === 0) return;
  throw new AppError(
    'migration-failed',
    `the database lacks ${pending.join(', ')}: run weir migrate up first`,
  );
}
