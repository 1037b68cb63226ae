import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import { inTransaction } from './pool.ts';

const FOLDER = new URL('../migrations/postgres/', import.meta.url);

/** Any fixed number that nobody else in the database takes; 'weir' in ASCII. */
const LOCK_KEY = 0x77656972;

/** One numbered file, `NNN_name.sql`. */
interface Migration {
  version: number;
  name: string;
  sql: string;
  /** SHA-256 of the file, hex */
  checksum: string;
}

/** Where a database stands against the files of this program. */
export interface MigrationStatus {
  /** names of applied files, by version ascending */
  applied: string[];
  /** names of files not applied yet */
  pending: string[];
  /** applied by a newer program; this one does not know them */
  unknown: string[];
}

/**
 * Brings the database to the version of this program: applies the files that are missing, by number ascending, each
 * in one transaction under an advisory lock, so that several processes may start at once. Forward only. Idempotent.
 * A database that is ahead (rolled-back program) is left as it is: migrations must be additive.
 *
 * @param folder of the files, for tests; default the ones that ship
 * @returns names of the files that this call applied, in order
 * @throws AppError 'migration-failed' when a file fails, two files share a number, or an applied file was changed since
 */
export async function migrate(pool: pg.Pool, folder: URL = FOLDER): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(folder);
  await ensureTable(pool);
  const applied: string[] = [];
  for (const migration of migrations) {
    if (await applyOne(pool, migration)) applied.push(migration.name);
  }
  return { applied };
}

/** Compares without changing anything. @throws AppError 'migration-failed' as `migrate` does */
export async function migrationStatus(pool: pg.Pool, folder: URL = FOLDER): Promise<MigrationStatus> {
  const migrations = await readMigrations(folder);
  const table = await pool.query<{ found: boolean }>(
    `select to_regclass('schema_migration') is not null as found`,
  );
  const rows = table.rows[0]?.found === true ? await appliedRows(pool) : [];
  const versions = new Set(rows.map((row) => row.version));
  for (const migration of migrations) {
    const row = rows.find((candidate) => candidate.version === migration.version);
    if (row !== undefined) assertUnchanged(migration, row.checksum);
  }
  const known = new Set(migrations.map((migration) => migration.version));
  return {
    applied: rows.map((row) => row.name),
    pending: migrations
      .filter((migration) => !versions.has(migration.version))
      .map((migration) => migration.name),
    unknown: rows.filter((row) => !known.has(row.version)).map((row) => row.name),
  };
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()) {
    const match = /^([0-9]{3})_[a-z0-9_]+\.sql$/.exec(name);
    if (match === null) throw new AppError('migration-failed', `${name} is not named NNN_name.sql`);
    const sql = await readFile(new URL(name, folder), 'utf8');
    const version = Number(match[1]);
    const previous = migrations.at(-1);
    if (previous?.version === version) {
      throw new AppError('migration-failed', `${previous.name} and ${name} have the same number`);
    }
    const checksum = createHash('sha256').update(sql).digest('hex');
    migrations.push({ version, name: name.slice(0, -'.sql'.length), sql, checksum });
  }
  return migrations;
}

async function ensureTable(pool: pg.Pool): Promise<void> {
  // Under the lock: two concurrent CREATE TABLE IF NOT EXISTS can both try and one fails.
  await inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
    await client.query(`create table if not exists schema_migration (
      version integer primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default clock_timestamp()
    )`);
  });
}

/** A query that is waited for a little longer than the statement may take; pg's types do not know the setting. */
function patient(text: string, values?: unknown[]): pg.QueryConfig {
  const config: pg.QueryConfig & { query_timeout: number } = { text, query_timeout: 11 * 60_000 };
  return values === undefined ? config : { ...config, values };
}

async function applyOne(pool: pg.Pool, migration: Migration): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    // Waiting for another process's long migration is right; waiting for a table that somebody uses is not:
    // the queue behind our lock request would stop everybody.
    await client.query(`set local statement_timeout = '10min'`);
    await client.query(patient('select pg_advisory_xact_lock($1)', [LOCK_KEY]));
    await client.query(`set local lock_timeout = '10s'`);
    const found = await client.query<{ checksum: string }>(
      'select checksum from schema_migration where version = $1',
      [migration.version],
    );
    const checksum = found.rows[0]?.checksum;
    if (checksum !== undefined) {
      assertUnchanged(migration, checksum);
      return false;
    }
    try {
      await client.query(patient(migration.sql));
    } catch (error) {
      throw new AppError('migration-failed', `${migration.name}: ${String(error)}`, { cause: error });
    }
    await client.query('insert into schema_migration (version, name, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    return true;
  });
}

async function appliedRows(pool: pg.Pool): Promise<{ version: number; name: string; checksum: string }[]> {
  const result = await pool.query<{ version: number; name: string; checksum: string }>(
    'select version, name, checksum from schema_migration order by version',
  );
  return result.rows;
}

function assertUnchanged(migration: Migration, appliedChecksum: string): void {
  if (migration.checksum === appliedChecksum) return;
  throw new AppError(
    'migration-failed',
    `${migration.name} was changed after it was applied to this database; put the change in a new file`,
  );
}
