import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { AppError } from '../../schemas/errors.ts';
import { analyticsError } from './errors.ts';

const FOLDER = new URL('../migrations/clickhouse/', import.meta.url);

interface Migration {
  number: number;
  name: string;
  sql: string;
  checksum: string;
}

const SCHEMA_MIGRATION = `CREATE TABLE IF NOT EXISTS schema_migration
(
  number UInt32 COMMENT 'number of the migration, from 1 without gaps',
  name String COMMENT 'file name',
  checksum String COMMENT 'SHA-256 of the statement',
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at) ORDER BY number
COMMENT 'Migrations that this database has'`;

/**
 * Brings the schema up to date: applies what is missing, in order, one statement a file. Idempotent; two processes
 * may run it at the same time, since every statement is (IF NOT EXISTS, OR REPLACE) and ClickHouse has no
 * transaction around DDL: a crash between statement and record applies the statement again.
 *
 * @returns numbers applied now
 * @throws AppError 'migration-failed' (a statement failed, or an applied migration has changed), 'unreachable'
 */
export async function migrateClickHouse(client: ClickHouseClient): Promise<number[]> {
  const migrations = await loadMigrations();
  await run(client, 'schema_migration', SCHEMA_MIGRATION);
  const applied = await appliedChecksums(client);
  const fresh: number[] = [];
  for (const migration of migrations) {
    const checksum = applied.get(migration.number);
    if (checksum === migration.checksum) continue;
    if (checksum !== undefined) {
      throw new AppError(
        'migration-failed',
        `ClickHouse migration ${migration.name} was changed after it was applied`,
      );
    }
    await run(client, migration.name, migration.sql);
    await run(client, migration.name, recordOf(migration));
    fresh.push(migration.number);
  }
  return fresh;
}

async function loadMigrations(): Promise<Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    names.map(async (name) => {
      const sql = (await readFile(new URL(name, FOLDER), 'utf8')).trim();
      return {
        number: Number.parseInt(name, 10),
        name,
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
      };
    }),
  );
  migrations.forEach((migration, index) => {
    if (migration.number !== index + 1) {
      throw new AppError(
        'migration-failed',
        `ClickHouse migration ${migration.name} should have number ${String(index + 1)}`,
      );
    }
  });
  return migrations;
}

async function appliedChecksums(client: ClickHouseClient): Promise<Map<number, string>> {
  try {
    const result = await client.query({
      query: 'SELECT number, checksum FROM schema_migration FINAL',
      format: 'JSONCompactEachRow',
    });
    return new Map(await result.json<[number, string]>());
  } catch (error) {
    throw analyticsError('reading schema_migration', error);
  }
}

function recordOf({ number, name, checksum }: Migration): string {
  return (
    'INSERT INTO schema_migration (number, name, checksum) SETTINGS async_insert = 0 FORMAT JSONCompactEachRow\n' +
    JSON.stringify([number, name, checksum])
  );
}

async function run(client: ClickHouseClient, name: string, sql: string): Promise<void> {
  try {
    await client.command({ query: sql });
  } catch (error) {
    const failure = analyticsError(`migration ${name}`, error);
    if (failure.code === 'unreachable') throw failure;
    throw new AppError('migration-failed', failure.message, { cause: error });
  }
}
