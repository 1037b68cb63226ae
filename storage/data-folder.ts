import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, readlink, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { lock } from 'proper-lockfile';
import { AppError } from '../schemas/errors.ts';

/** A lock file that nobody touched for so long is dead. */
const STALE_MS = 15_000;
const UPDATE_MS = 3_000;

/** A data folder that is ours alone until `release`. */
export interface DataFolderLock {
  /** absolute path */
  path: string;
  /** Idempotent. The kernel and the lock's staleness do it for a killed process. */
  release(): Promise<void>;
}

/** Who holds the folder, as the holder wrote it down. */
interface Owner {
  pid: number;
  host: string;
  /** identity of the kernel's socket names: boot id and network namespace; null where there are no abstract sockets */
  namespace: string | null;
}

/**
 * Takes the folder for this process, before anything in it is opened; creates it with mode 0700.
 *
 * Two locks. On Linux an abstract unix socket named after the folder's device and inode: the kernel frees it the moment
 * its process dies, so there is nothing to clean up and nothing to race for. Everywhere a lock file with a heartbeat
 * (stale after 15 s): it also holds against processes that share the folder but not the network namespace (containers).
 * Holding the socket while the lock file names an owner of the same boot and namespace proves that this owner is dead,
 * for it would hold the socket: its lock file is removed at once, and no other namespace takes it, because it is not
 * stale yet. So a restart after kill -9 waits for nothing on Linux, and for up to 15 s elsewhere.
 *
 * @param onLost called if the lock file was taken or removed by somebody else: the program must stop writing
 * @throws AppError 'data-folder-in-use' naming the holder's pid
 */
export async function lockDataFolder(
  folder: string,
  onLost: (error: AppError) => void,
): Promise<DataFolderLock> {
  const path = resolve(folder);
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  const socket = await holdSocket(path);
  try {
    const unlock = await holdFile(path, onLost);
    await writeFile(ownerFile(path), JSON.stringify(await self()), { mode: 0o600 });
    let released: Promise<void> | undefined;
    return { path, release: () => (released ??= release(path, socket, unlock)) };
  } catch (error) {
    socket?.close();
    throw error;
  }
}

async function release(path: string, socket: Server | null, unlock: () => Promise<void>): Promise<void> {
  await rm(ownerFile(path), { force: true });
  await unlock();
  socket?.close();
}

/** Held from listen on; nobody ever connects. Null where the system has no abstract sockets. */
async function holdSocket(path: string): Promise<Server | null> {
  if (process.platform !== 'linux') return null;
  const { dev, ino } = await stat(path, { bigint: true });
  // Device and inode, not the path: the same folder by another name is the same folder.
  const name = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  return new Promise((done, fail) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') inUse(path, cause).then(fail, fail);
      else fail(cause);
    });
    server.listen({ path: `\0weir-${name}` }, () => {
      server.unref();
      done(server);
    });
  });
}

async function holdFile(path: string, onLost: (error: AppError) => void): Promise<() => Promise<void>> {
  const attempt = (): Promise<() => Promise<void>> =>
    lock(path, {
      lockfilePath: lockFile(path),
      stale: STALE_MS,
      update: UPDATE_MS,
      onCompromised: (cause) => {
        onLost(
          new AppError('data-folder-in-use', `the lock on ${path} was lost to another process`, { cause }),
        );
      },
    });
  try {
    return await attempt();
  } catch (error) {
    if (!isLocked(error)) throw error;
    if (!(await ownerIsDead(path))) throw await inUse(path, error);
  }
  await rmdir(lockFile(path));
  try {
    return await attempt();
  } catch (error) {
    throw isLocked(error) ? await inUse(path, error) : error;
  }
}

/** Asked only while holding the socket. */
async function ownerIsDead(path: string): Promise<boolean> {
  const owner = await readOwner(path);
  const { namespace } = await self();
  return namespace !== null && owner !== null && owner.namespace === namespace;
}

async function inUse(path: string, cause: unknown): Promise<AppError> {
  const owner = await readOwner(path);
  const who = owner === null ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new AppError(
    'data-folder-in-use',
    `the data folder ${path} is in use by ${who}: stop it first, or set another folder`,
    {
      cause,
    },
  );
}

async function self(): Promise<Owner> {
  return { pid: process.pid, host: hostname(), namespace: await socketNamespace() };
}

async function socketNamespace(): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${boot.trim()} ${await readlink('/proc/self/ns/net')}`;
}

/** Null where the holder has not written it yet, or was killed while writing. */
async function readOwner(path: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(ownerFile(path), 'utf8')) as Owner;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function isLocked(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ELOCKED';
}

function lockFile(path: string): string {
  return join(path, 'lock');
}

function ownerFile(path: string): string {
  return join(path, 'owner.json');
}
