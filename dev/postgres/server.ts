import { randomBytes } from 'node:crypto';
import { chown, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findProgram, isReadable } from '../debian-packages.ts';
import type { Requirement } from '../debian-packages.ts';
import { portsOf } from '../processes/ports.ts';
import type { ServerGroup } from '../processes/server-group.ts';

const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** initdb and postgres, which Debian keeps out of PATH. */
export const postgresRequirements: readonly Requirement[] = [
  { package: 'postgresql', present: async () => (await binFolder()) !== undefined },
];

/** A PostgreSQL that runs: how to make databases in it. */
export interface PostgresServer {
  readonly port: number;
  /** Makes a role that may create databases, and a database of its own. @returns the URL to connect with */
  createDatabase(name: string): Promise<string>;
}

/**
 * One PostgreSQL on a random loopback port, as an unprivileged user where this process is root. Durability
 * settings stay at their defaults, so that what tests measure is what production pays. Called again in the same group
 * after its end, however that came, it restarts on its data at its port.
 *
 * @throws Error with the end of its log when it does not answer within 30 s
 */
export async function startPostgres(group: ServerGroup): Promise<PostgresServer> {
  const bin = await binFolder();
  if (bin === undefined) throw new Error('initdb is not installed');
  const user = await unprivilegedUser(group);
  const dir = await group.folder('postgres');
  const data = join(dir, 'data');
  const passwordFile = join(dir, 'password');
  // A container without locales still has C.UTF-8.
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };
  const as = user === undefined ? { env } : { env, user };
  if (!(await isReadable(join(data, 'PG_VERSION')))) {
    await writeFile(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 });
    if (user !== undefined) {
      await chown(dir, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    const initdb = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    await group.run(join(bin, 'initdb'), [...initdb, '-E', 'UTF8', '--no-sync'], as);
  }
  const password = await readFile(passwordFile, 'utf8');
  const [port = 0] = await portsOf(dir, 1);
  const settings = {
    ...{ port, listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: 200 },
    // As compose.yaml: with the presets a file of a million subscribers goes through eight checkpoints.
    ...{ shared_buffers: '512MB', max_wal_size: '4GB' },
  };
  const admin = { host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' };
  await group.start({
    name: 'postgres',
    command: join(bin, 'postgres'),
    args: [
      '-D',
      data,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${String(value)}`]),
    ],
    cwd: dir,
    // SIGTERM waits for clients to leave; this one still removes its shared memory.
    stopSignal: 'SIGQUIT',
    ...as,
    ready: () => answersQuery(admin),
    readyTimeoutMs: 30_000,
  });
  return { port, createDatabase: (name) => createDatabase(admin, name) };
}

async function binFolder(): Promise<string | undefined> {
  for (const version of (await postgresVersions()).sort((a, b) => b - a)) {
    const folder = join(DEBIAN_FOLDER, String(version), 'bin');
    // psql alone lives in the same place without a server.
    if (await isReadable(join(folder, 'initdb'))) return folder;
  }
  const initdb = await findProgram('initdb');
  return initdb === undefined ? undefined : join(initdb, '..');
}

async function postgresVersions(): Promise<number[]> {
  try {
    return (await readdir(DEBIAN_FOLDER)).map(Number).filter(Number.isInteger);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Debian's postgres user, or nobody; undefined when this process is not root and needs no other. */
async function unprivilegedUser(group: ServerGroup): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await group.run('sh', ['-c', 'getent passwd postgres || getent passwd nobody']);
  const [, , uid, gid] = passwd.trim().split(':');
  if (uid === undefined || gid === undefined) throw new Error('neither a user postgres nor nobody');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Whether it answers a query. @throws Error while it does not take connections yet */
export async function answersQuery(config: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return (await client.query('select 1')).rowCount === 1;
  } finally {
    await client.end();
  }
}

/** Makes a role that may create databases, and a database of its own. @returns the URL to connect with */
export async function createDatabase(admin: pg.ClientConfig, name: string): Promise<string> {
  const password = randomBytes(18).toString('base64url');
  const client = new pg.Client(admin);
  await client.connect();
  try {
    const role = pg.escapeIdentifier(name);
    await client.query(`create role ${role} login createdb password ${pg.escapeLiteral(password)}`);
    await client.query(`create database ${role} owner ${role}`);
  } finally {
    await client.end();
  }
  return `postgres://${name}:${password}@127.0.0.1:${String(admin.port)}/${name}`;
}
