import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { startEmbeddedPostgres } from './embedded.ts';
import { migrate } from './migrate.ts';
import { connectPostgres } from './pool.ts';

const quiet = { warn: () => undefined };

/** A migrated database of one test file. */
export interface TestDatabase {
  pool: pg.Pool;
  close(): Promise<void>;
}

/** A schema of its own on the server of DATABASE_URL. @param options.migrated false = without tables */
export async function realDatabase(name: string, { migrated = true } = {}): Promise<TestDatabase> {
  const url = process.env['DATABASE_URL'];
  if (url === undefined) throw new Error('DATABASE_URL is missing: run these tests through npm test');
  const schema = `${name}_${process.pid}`;
  const admin = await connectPostgres(url, quiet, { max: 1 });
  await admin.query(`create schema ${schema}`);
  const pool = await connectPostgres(url, quiet, { schema });
  if (migrated) await migrate(pool);
  return {
    pool,
    async close() {
      await pool.end();
      await admin.query(`drop schema ${schema} cascade`);
      await admin.end();
    },
  };
}

/** The embedded Postgres in a scratch folder. @param options.migrated false = without tables */
export async function embeddedDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-pg-'));
  const server = await startEmbeddedPostgres(folder, (error) => {
    throw error;
  });
  const pool = await connectPostgres(server.connection, quiet);
  if (migrated) await migrate(pool);
  return {
    pool,
    async close() {
      await pool.end();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Tables that a statement reads as a whole though it has indexes to choose from. @param text with as many places as values */
export async function readWhole(pool: pg.Pool, text: string, values: unknown[]): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query('begin; set local enable_seqscan = off; set local jit = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
    return rows.flatMap((row) => / Seq Scan on (\w+)/.exec(row['QUERY PLAN'])?.[1] ?? []);
  } finally {
    await client.query('rollback');
    client.release();
  }
}
