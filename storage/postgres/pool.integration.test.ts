import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate, migrationStatus } from './migrate.ts';
import { connectPostgres, inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';

const SCHEMA = `pool_${process.pid}`;
const url = process.env['DATABASE_URL'];
if (url === undefined) throw new Error('DATABASE_URL is missing: run these tests through npm test');
const quiet = { warn: () => undefined };
let pool: pg.Pool;

beforeAll(async () => {
  pool = await connectPostgres(url, quiet, { schema: SCHEMA });
});

beforeEach(async () => {
  await pool.query(`drop schema if exists ${SCHEMA} cascade`);
  await pool.query(`create schema ${SCHEMA}`);
});

afterAll(async () => {
  await pool.query(`drop schema ${SCHEMA} cascade`);
  await pool.end();
});

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

function thrower(error: unknown): never {
  throw postgresError(error);
}

describe('connectPostgres', () => {
  it('gives bigint as a number while that is exact, else as text', async () => {
    const result = await pool.query(
      `select 9007199254740991::bigint as safe, 9007199254740993::bigint as large, '{1,null,9007199254740993}'::bigint[] as list`,
    );
    expect(result.rows).toEqual([
      { safe: 9007199254740991, large: '9007199254740993', list: [1, null, '9007199254740993'] },
    ]);
  });

  it.each([
    ['nobody listens', (port: number) => `postgres://weir:s3cret@127.0.0.1:${port}/weir`, 'unreachable'],
    ['the URL is none', () => 'postgres//weir:s3cret@host', 'config-invalid'],
    ['it is another URL', () => 'https://weir:s3cret@host/x', 'config-invalid'],
  ])('gives up in one line without the password when %s', async (_name, target, code) => {
    const error: unknown = await connectPostgres(target(await closedPort()), quiet, { attempts: 2 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'AppError', code });
    expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
  });

  it('does not try again where the database does not exist', async () => {
    const missing = new URL(url);
    missing.pathname = '/no_such_database';
    let warnings = 0;
    const log = { warn: () => void warnings++ };
    await expect(connectPostgres(missing.href, log)).rejects.toMatchObject({ code: 'unreachable' });
    expect(warnings).toBe(0);
  });

  it('survives connections that the server cuts, idle and at work', async () => {
    const client = await pool.connect();
    const [{ pid } = { pid: 0 }] = (await client.query<{ pid: number }>('select pg_backend_pid() as pid'))
      .rows;
    const working = inTransaction(pool, (other) => other.query(`select pg_terminate_backend($1)`, [pid]));
    await working;
    await expect(client.query('select 1')).rejects.toThrow();
    client.release(true);
    expect((await pool.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });
});

describe('a server that vanishes without closing its connections', () => {
  it('is given up after the longest wait for an answer, also in a transaction', async () => {
    const target = new URL(url);
    const [port, host] = [Number(target.port), target.hostname];
    const sockets = new Set<Socket>();
    const proxy = createServer((client) => {
      const upstream = connect(port, host);
      for (const socket of [client, upstream]) sockets.add(socket.on('error', () => undefined));
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    target.port = String((proxy.address() as AddressInfo).port);
    const far = await connectPostgres(target.href, quiet, { answerTimeoutMs: 200 });
    const mute = (): void => sockets.forEach((socket) => socket.unpipe().pause());
    mute();
    await expect(far.query('select 1').catch(thrower)).rejects.toMatchObject({ retriable: true });
    const working = inTransaction(far, async (client) => {
      mute();
      await client.query('select 1');
    });
    await expect(working).rejects.toMatchObject({ code: 'unreachable', retriable: true });
    expect((await far.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    sockets.forEach((socket) => socket.destroy());
    await far.end();
    await new Promise((done) => proxy.close(done));
  });
});

describe('inTransaction', () => {
  beforeEach(async () => {
    await pool.query('create table t (a int primary key)');
  });

  it('commits what fn did, and nothing of a fn that throws', async () => {
    await inTransaction(pool, (client) => client.query('insert into t values (1)'));
    const thrown = new RangeError('mine');
    const failing = inTransaction(pool, async (client) => {
      await client.query('insert into t values (2)');
      throw thrown;
    });
    await expect(failing).rejects.toBe(thrown);
    expect((await pool.query('select a from t')).rows).toEqual([{ a: 1 }]);
  });

  it('says so when the server rolled back behind a swallowed error', async () => {
    const swallowing = inTransaction(pool, async (client) => {
      await client.query('select 1 / 0').catch((error: unknown) => error);
    });
    await expect(swallowing).rejects.toMatchObject({ code: 'store-rejected' });
  });

  it('says that the outcome is unknown when the connection breaks during COMMIT', async () => {
    await pool.query(`create function cut() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return null; end $$`);
    await pool.query(`create constraint trigger cut after insert on t deferrable initially deferred
      for each row execute function cut()`);
    const cut = inTransaction(pool, (client) => client.query('insert into t values (1)'));
    await expect(cut).rejects.toMatchObject({ code: 'store-unknown-outcome', retriable: true });
  });
});

describe('migrate', () => {
  let folder: string;
  let files: URL;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-migrations-'));
    files = pathToFileURL(`${folder}/`);
    await writeFile(
      join(folder, '001_first.sql'),
      'create table first (a int); insert into first values (1);',
    );
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('applies the files that ship, once, also by several processes at a time', async () => {
    const results = await Promise.all([migrate(pool), migrate(pool), migrate(pool)]);
    const applied = results.flatMap((result) => result.applied).sort();
    expect(applied).toEqual((await migrationStatus(pool)).applied);
    expect(new Set(applied).size).toBe(applied.length);
    expect((await migrationStatus(pool)).pending).toEqual([]);
  });

  it('applies what was added, in order, and tells what is pending and what it does not know', async () => {
    expect(await migrationStatus(pool, files)).toEqual({ applied: [], pending: ['001_first'], unknown: [] });
    await migrate(pool, files);
    await writeFile(join(folder, '003_third.sql'), 'insert into first values (3)');
    await writeFile(join(folder, '002_second.sql'), 'insert into first values (2)');
    expect((await migrate(pool, files)).applied).toEqual(['002_second', '003_third']);
    expect((await pool.query('select a from first')).rows).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
    await rm(join(folder, '003_third.sql'));
    expect((await migrate(pool, files)).applied).toEqual([]);
    expect((await migrationStatus(pool, files)).unknown).toEqual(['003_third']);
  });

  it('leaves nothing of a file that fails, and stops there', async () => {
    await writeFile(join(folder, '002_bad.sql'), 'create table second (a int); select 1 / 0;');
    await writeFile(join(folder, '003_third.sql'), 'create table third (a int)');
    await expect(migrate(pool, files)).rejects.toMatchObject({ code: 'migration-failed' });
    expect(await migrationStatus(pool, files)).toMatchObject({
      applied: ['001_first'],
      pending: ['002_bad', '003_third'],
    });
    expect((await pool.query(`select to_regclass('second') as found`)).rows).toEqual([{ found: null }]);
  });

  it('refuses an applied file that was changed, a number taken twice, and a name out of form', async () => {
    await migrate(pool, files);
    await writeFile(join(folder, '001_first.sql'), 'create table first (a bigint)');
    await expect(migrate(pool, files)).rejects.toMatchObject({ code: 'migration-failed' });
    await expect(migrationStatus(pool, files)).rejects.toMatchObject({ code: 'migration-failed' });
    await writeFile(join(folder, '001_again.sql'), 'select 1');
    await expect(migrate(pool, files)).rejects.toThrow(/same number/);
    await rm(join(folder, '001_again.sql'));
    await writeFile(join(folder, 'extra.sql'), 'select 1');
    await expect(migrate(pool, files)).rejects.toThrow(/NNN_name/);
  });
});
