import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeRadiusConfiguration } from './freeradius/configuration.ts';
import { loadSchema, radiusEnvironment } from './freeradius/server.ts';
import { answersStatus } from './freeradius/status-request.ts';
import { answersMetadata } from './kafka/server.ts';
import { answersQuery, createDatabase } from './postgres/server.ts';
import { freePorts } from './processes/ports.ts';
import type { ServerGroup } from './processes/server-group.ts';
import { waitUntil } from './processes/wait-until.ts';
import { answersPing } from './redis/server.ts';

const FILE = fileURLToPath(new URL('compose.services.yaml', import.meta.url));
const READY_MS = 60_000;
const SECOND_MS = 1_000;
/** Where the image keeps what Debian's package keeps in /etc/freeradius/3.0. */
const IMAGE_RADDB = '/etc/freeradius';

/** True when a Docker engine answers and its client has Compose. */
export async function composeAnswers(): Promise<boolean> {
  return (await succeeds(['info'])) && (await succeeds(['compose', 'version']));
}

/**
 * Starts the wanted servers as containers of a Compose project of their own, which goes with the group's end.
 *
 * @returns the same environment as native servers give, without WEIR_TEST_*: there is no folder to reach into
 */
export async function startWithCompose(
  group: ServerGroup,
  wanted: readonly string[],
): Promise<Record<string, string>> {
  const has = (name: string) => wanted.includes(name);
  const [kafka, redis, postgres, authPort, acctPort, coaPort] = (await freePorts(6)) as [
    ...[number, number, number, number, number, number],
  ];
  const dir = await group.folder('freeradius');
  // The container's FreeRADIUS writes coa-detail here as a user that this machine does not know.
  await chmod(dir, 0o777);
  const password = randomBytes(18).toString('base64url');
  const variables = {
    ...{ KAFKA_PORT: String(kafka), REDIS_PORT: String(redis), POSTGRES_PORT: String(postgres) },
    ...{ POSTGRES_PASSWORD: password, FREERADIUS_DIR: dir, FREERADIUS_AUTH_PORT: String(authPort) },
    ...{ FREERADIUS_ACCT_PORT: String(acctPort), FREERADIUS_COA_PORT: String(coaPort) },
  };
  const project = `weir-${randomBytes(4).toString('hex')}`;
  const compose = (...args: string[]) =>
    group.run('docker', ['compose', '-p', project, '-f', FILE, ...args], {
      env: { ...process.env, ...variables },
    });
  group.atEnd(`docker compose -p ${project} down -v -t 1`);

  const env: Record<string, string> = {};
  const plain = ['kafka', 'redis'].filter(has);
  const withDatabase = has('postgres') || has('freeradius');
  await compose('up', '-d', ...plain, ...(withDatabase ? ['postgres'] : []));
  if (has('redis')) {
    env['REDIS_URL'] = `redis://127.0.0.1:${String(redis)}`;
    await ready('redis', () => answersPing(`redis://127.0.0.1:${String(redis)}`));
  }
  if (has('kafka')) {
    env['KAFKA_BROKERS'] = `127.0.0.1:${String(kafka)}`;
    await ready('kafka', () => answersMetadata(`127.0.0.1:${String(kafka)}`));
  }
  if (!withDatabase) return env;
  const admin = { host: '127.0.0.1', port: postgres, user: 'postgres', password, database: 'postgres' };
  await ready('postgres', () => answersQuery(admin));
  env['DATABASE_URL'] = await createDatabase(admin, 'weir');
  if (!has('freeradius')) return env;

  const databaseUrl = await createDatabase(admin, 'radius');
  const schema = `${IMAGE_RADDB}/mods-config/sql/main/postgresql/schema.sql`;
  await loadSchema(
    databaseUrl,
    await compose('run', '--rm', '--no-deps', '--entrypoint', 'cat', 'freeradius', schema),
  );
  const secret = randomBytes(12).toString('base64url');
  const inside = new URL(databaseUrl);
  inside.host = 'postgres:5432';
  await writeRadiusConfiguration(dir, {
    ...{ dir: '/etc/weir-radius', system: IMAGE_RADDB, lib: '/usr/lib/freeradius' },
    dictionary: '/usr/share/freeradius/dictionary',
    // Docker's gateway is the client here; only loopback reaches it.
    ...{ listen: '*', clients: '0.0.0.0/0', secret, authPort: 1812, acctPort: 1813, coaPort: 3799 },
    databaseUrl: inside.href,
  });
  await compose('up', '-d', 'freeradius');
  await ready('freeradius', () => answersStatus(authPort, secret));
  return { ...env, ...radiusEnvironment({ dir, secret, authPort, acctPort, coaPort, databaseUrl }) };
}

function ready(name: string, condition: () => Promise<boolean>): Promise<void> {
  return waitUntil(`${name} (Compose) is ready`, condition, { timeoutMs: READY_MS });
}

/** Bounded: a client whose engine hangs must not hold up a test run. */
async function succeeds(args: readonly string[]): Promise<boolean> {
  const child = spawn('docker', args, { stdio: 'ignore', timeout: 10 * SECOND_MS });
  try {
    await once(child, 'exit');
    return child.exitCode === 0;
  } catch {
    // No docker client at all: that is an answer.
    return false;
  }
}
