import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findProgram, isReadable, programPath } from '../debian-packages.ts';
import type { Requirement } from '../debian-packages.ts';
import { freePorts } from '../processes/ports.ts';
import type { ServerGroup } from '../processes/server-group.ts';
import { writeRadiusConfiguration } from './configuration.ts';
import type { RadiusSettings } from './configuration.ts';
import { answersStatus } from './status-request.ts';

const LIB = '/usr/lib/freeradius';
const SYSTEM = '/etc/freeradius/3.0';
const SCHEMA = join(SYSTEM, 'mods-config/sql/main/postgresql/schema.sql');

/** The server, its PostgreSQL driver and HTTP client, and radclient as an independent peer for our own packet codec. */
export const freeradiusRequirements: readonly Requirement[] = [
  { package: 'freeradius', present: async () => (await findProgram('freeradius')) !== undefined },
  { package: 'freeradius-postgresql', present: () => isReadable(join(LIB, 'rlm_sql_postgresql.so')) },
  { package: 'freeradius-rest', present: () => isReadable(join(LIB, 'rlm_rest.so')) },
  { package: 'freeradius-utils', present: async () => (await findProgram('radclient')) !== undefined },
];

/**
 * One FreeRADIUS on loopback: authentication and accounting into PostgreSQL, and the NAS stand-in for CoA
 * (radiusd.conf says how it answers).
 *
 * @param databaseUrl an empty database of its own; the schema of the package is put in
 * @returns FREERADIUS_AUTH_PORT, _ACCT_PORT, _COA_PORT, _SECRET, _DATABASE_URL, _COA_LOG
 * @throws Error with the end of its log when it does not answer Status-Server within 20 s
 */
export async function startFreeradius(
  group: ServerGroup,
  databaseUrl: string,
): Promise<Record<string, string>> {
  if (!(await isReadable(SCHEMA))) {
    throw new Error(`${SCHEMA} is not readable: run as root, or join the group freerad`);
  }
  await loadSchema(databaseUrl, await readFile(SCHEMA, 'utf8'));
  const dir = await group.folder('freeradius');
  const secret = randomBytes(12).toString('base64url');
  const [authPort, acctPort, coaPort] = (await freePorts(3)) as [number, number, number];
  await writeRadiusConfiguration(dir, {
    ...{ dir, secret, authPort, acctPort, coaPort, databaseUrl },
    ...{ system: SYSTEM, lib: LIB, dictionary: '/usr/share/freeradius/dictionary' },
    ...{ listen: '127.0.0.1', clients: '127.0.0.1' },
  });
  await group.start({
    name: 'freeradius',
    command: await programPath('freeradius'),
    args: ['-f', '-d', dir, '-l', 'stdout'],
    ready: () => answersStatus(authPort, secret),
    readyTimeoutMs: 20_000,
  });
  return radiusEnvironment({ dir, secret, authPort, acctPort, coaPort, databaseUrl });
}

/** What the tests are told. @param of.dir folder on this machine that coa-detail is written to */
export function radiusEnvironment(
  of: Pick<RadiusSettings, 'dir' | 'secret' | 'authPort' | 'acctPort' | 'coaPort' | 'databaseUrl'>,
): Record<string, string> {
  return {
    FREERADIUS_AUTH_PORT: String(of.authPort),
    FREERADIUS_ACCT_PORT: String(of.acctPort),
    FREERADIUS_COA_PORT: String(of.coaPort),
    FREERADIUS_SECRET: of.secret,
    FREERADIUS_DATABASE_URL: of.databaseUrl,
    FREERADIUS_COA_LOG: join(of.dir, 'coa-detail'),
  };
}

/** Puts FreeRADIUS's tables into an empty database. */
export async function loadSchema(databaseUrl: string, schema: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query(schema);
  } finally {
    await client.end();
  }
}
