import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppError } from '../../schemas/errors.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import type { EmbeddedPostgres } from './embedded.ts';
import { migrate, migrationStatus } from './migrate.ts';
import { connectPostgres, inTransaction } from './pool.ts';

const log = { warn: () => undefined };

let folder: string;
let postgres: EmbeddedPostgres;
let pool: pg.Pool;
let crashes: AppError[];

async function start(): Promise<void> {
  postgres = await startEmbeddedPostgres(folder, (error) => crashes.push(error));
  pool = await connectPostgres(postgres.connection, log);
}

async function stop(): Promise<void> {
  await pool.end();
  await postgres.close();
}

beforeAll(async () => {
  crashes = [];
  folder = join(await mkdtemp(join(tmpdir(), 'weir-embedded-')), 'postgres');
  await start();
});

afterAll(async () => {
  await stop();
  expect(crashes).toEqual([]);
  await rm(join(folder, '..'), { recursive: true });
});

/** One of four shapes of work whose answers tell whose they are. */
async function work(i: number): Promise<unknown> {
  switch (i % 4) {
    case 0:
      return (await pool.query<{ a: number }>('select $1::int + 1 as a', [i])).rows[0]?.a === i + 1;
    case 1: {
      const named = { name: 'shared', text: `select $1::text || 'x' as a`, values: [`t${i}`] };
      return (await pool.query<{ a: string }>(named)).rows[0]?.a === `t${i}x`;
    }
    case 2:
      return pool.query('select 1 / $1::int', [0]).then(
        () => false,
        (error: { code?: string }) => error.code === '22012',
      );
    default:
      return inTransaction(pool, async (client) => {
        const result = await client.query<{ a: number }>('select $1::int * 2 as a', [i]);
        return result.rows[0]?.a === i * 2;
      });
  }
}

describe('startEmbeddedPostgres', () => {
  it('answers many connections at once, each with its own rows, statements, errors and transactions', async () => {
    const results = await Promise.all(Array.from({ length: 2_000 }, (_, i) => work(i)));
    expect(results.filter((right) => right !== true)).toEqual([]);
  });

  it('runs the migrations and keeps the data over a restart', async () => {
    await migrate(pool);
    await pool.query(
      `insert into api_key (id, name, key_hash, roles) values ('k', 'n', sha256('x'), '{admin}')`,
    );
    await stop();
    await start();
    expect((await migrate(pool)).applied).toEqual([]);
    expect((await migrationStatus(pool)).pending).toEqual([]);
    expect((await pool.query('select id from api_key')).rows).toEqual([{ id: 'k' }]);
  });

  it('rolls back the transaction of a connection that breaks, and lets the others go on', async () => {
    const client = await pool.connect();
    await client.query('begin');
    await client.query('create table half_done (a int)');
    const other = pool.query('select 1 as a');
    client.release(true);
    expect((await other).rows).toEqual([{ a: 1 }]);
    expect((await pool.query(`select to_regclass('half_done') as found`)).rows).toEqual([{ found: null }]);
  });

  it('carries a value of 30 MB', async () => {
    const result = await pool.query<{ n: number }>('select length($1::text) as n', ['x'.repeat(30_000_000)]);
    expect(result.rows).toEqual([{ n: 30_000_000 }]);
  });

  it('says so when the database does not open', async () => {
    const broken = join(folder, '..', 'broken');
    await mkdir(broken);
    await writeFile(join(broken, 'data'), 'a file where the database should be');
    const starting = startEmbeddedPostgres(broken, (error) => crashes.push(error));
    await expect(starting).rejects.toMatchObject({ code: 'store-corrupt' });
  });

  it('keeps the folder to its user', async () => {
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('serves a folder whose path is too long for a socket', async () => {
    const long = join(folder, '..', 'x'.repeat(120));
    const second = await startEmbeddedPostgres(long, (error) => crashes.push(error));
    const secondPool = await connectPostgres(second.connection, log);
    expect((await secondPool.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    await secondPool.end();
    await second.close();
    await expect(stat(String(second.connection.host))).rejects.toThrow('ENOENT');
  });
});
