import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';

const PACKAGE = '@electric-sql/pglite';
const SOCKET_NAME = '.s.PGSQL.5432';
/** sun_path has 108 bytes on Linux, 104 on macOS, with the final zero. */
const MAX_SOCKET_PATH_BYTES = 103;
/** First boot creates the cluster: 6 s on 2 busy cores. */
const START_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 15_000;

/** A Postgres in this process. */
export interface EmbeddedPostgres {
  /** for `connectPostgres` */
  connection: pg.PoolConfig;
  /** Ends turns in progress, writes everything out, ends the thread. End the pools first. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts PGlite in a worker thread and serves it on a unix socket that only this user can reach.
 * The caller holds the data folder's lock: PGlite has none, and two processes on one folder lose data.
 *
 * One backend serves all connections: transactions take turns, session settings and session-level advisory locks are
 * everybody's, LISTEN does not reach other connections. Never wait for another connection inside a transaction.
 *
 * @param folder for the database; created with mode 0700
 * @param onCrash called once if the thread ends on its own after the start; the program must stop
 * @throws AppError 'config-invalid' when the optional package is not installed; 'store-corrupt' when the database does
 *   not open
 */
export async function startEmbeddedPostgres(
  folder: string,
  onCrash: (error: AppError) => void,
): Promise<EmbeddedPostgres> {
  assertInstalled();
  const root = resolve(folder);
  await mkdir(root, { recursive: true, mode: 0o700 });
  await chmod(root, 0o700);
  const socketFolder = await shortFolder(root);
  const worker = new Worker(new URL('./embedded-worker.mjs', import.meta.url), {
    workerData: { dataFolder: join(root, 'data'), socketPath: join(socketFolder, SOCKET_NAME) },
    // The parent's loaders (tsx) are of no use to a plain module.
    execArgv: [],
  });
  await started(worker);
  let closing: Promise<void> | undefined;
  const crashed = (cause: unknown): void => {
    if (closing !== undefined) return;
    closing = Promise.resolve();
    onCrash(new AppError('store-corrupt', 'the embedded Postgres stopped unexpectedly', { cause }));
  };
  worker.on('error', crashed);
  worker.on('exit', crashed);
  const close = async (): Promise<void> => {
    await closed(worker);
    if (socketFolder !== root) await rm(socketFolder, { recursive: true, force: true });
  };
  return {
    connection: { host: socketFolder, user: 'postgres', database: 'postgres', ssl: false },
    close: () => (closing ??= close()),
  };
}

function assertInstalled(): void {
  try {
    createRequire(import.meta.url).resolve(PACKAGE);
  } catch (cause) {
    throw new AppError(
      'config-invalid',
      `the embedded Postgres needs the optional package ${PACKAGE}: install it, or set DATABASE_URL`,
      { cause },
    );
  }
}

async function shortFolder(root: string): Promise<string> {
  if (Buffer.byteLength(join(root, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES) return root;
  // mkdtemp makes it 0700.
  return mkdtemp(join(tmpdir(), 'weir-'));
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      settle();
      void worker.terminate();
      reject(new AppError('store-corrupt', 'the embedded Postgres did not start', { cause }));
    };
    const timer = setTimeout(() => fail(new Error(`no answer in ${START_TIMEOUT_MS} ms`)), START_TIMEOUT_MS);
    const settle = (): void => {
      clearTimeout(timer);
      worker.off('error', fail);
      worker.off('exit', fail);
    };
    worker.once('error', fail);
    worker.once('exit', fail);
    worker.once('message', () => {
      settle();
      resolve();
    });
  });
}

function closed(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      void worker.terminate();
      reject(new AppError('timeout', 'the embedded Postgres did not close in time'));
    }, CLOSE_TIMEOUT_MS);
    worker.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    worker.postMessage('close');
  });
}
