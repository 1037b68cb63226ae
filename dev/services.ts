import { pathToFileURL } from 'node:url';
import { composeAnswers, startWithCompose } from './compose-services.ts';
import { startClickhouse } from './clickhouse/server.ts';
import { ensurePackages, findProgram } from './debian-packages.ts';
import type { Requirement } from './debian-packages.ts';
import { freeradiusRequirements, startFreeradius } from './freeradius/server.ts';
import { kafkaRequirements, startKafka } from './kafka/server.ts';
import { postgresRequirements, startPostgres } from './postgres/server.ts';
import { openServerGroup } from './processes/server-group.ts';
import type { ServerGroup } from './processes/server-group.ts';
import { whenToldToStop } from './processes/stop-request.ts';
import { redisRequirements, startRedis } from './redis/server.ts';

/** A real server that tests need. `freeradius` brings `postgres`. */
export type ServiceName = 'kafka' | 'redis' | 'postgres' | 'freeradius' | 'clickhouse';

/** Servers that run. */
export interface Services {
  /** Addresses by the names that the product and the tests read from the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends all of them and removes their data. Repeating it is harmless. */
  stop(): Promise<void>;
}

const ALL: readonly ServiceName[] = ['kafka', 'redis', 'postgres', 'freeradius', 'clickhouse'];

const REQUIREMENTS: Readonly<Record<ServiceName, readonly Requirement[]>> = {
  kafka: kafkaRequirements,
  redis: redisRequirements,
  postgres: postgresRequirements,
  freeradius: [...postgresRequirements, ...freeradiusRequirements],
  clickhouse: [],
};

/** Makes test data that Node cannot (records compressed with zstd). */
const KCAT: Requirement = { package: 'kcat', present: async () => (await findProgram('kcat')) !== undefined };

/**
 * Starts real servers on random loopback ports with data in a scratch folder: by Docker Compose where an engine
 * answers, else natively, installing Debian packages where this process may. WEIR_SERVICES=native or =compose
 * decides by hand. ClickHouse is always chDB in a process of its own.
 *
 * A kill -9 of this process ends the servers too (processes/guard.sh).
 *
 * @throws Error in plain words when packages are missing or a server does not come up; nothing is left running
 */
export async function startServices(wanted: readonly ServiceName[] = ALL): Promise<Services> {
  const services = prepareServices();
  try {
    await services.start(wanted);
  } catch (error) {
    await services.stop();
    throw error;
  }
  return services;
}

/** startServices in two steps, so that a Ctrl-C that comes while servers start can stop them. */
export function prepareServices(): Services & { start(wanted?: readonly ServiceName[]): Promise<void> } {
  const env: Record<string, string> = {};
  let group: ServerGroup | undefined;
  let stopping: Promise<void> | undefined;
  return {
    env,
    start: async (wanted = ALL) => {
      group = await openServerGroup();
      const clickhouse = wanted.includes('clickhouse') ? startClickhouse(group) : Promise.resolve({});
      const others = wanted.filter((name) => name !== 'clickhouse');
      const started = await settleAll([clickhouse, startOthers(group, others)]);
      Object.assign(env, ...started);
    },
    stop: () => {
      stopping ??= group?.stop() ?? Promise.resolve();
      return stopping;
    },
  };
}

async function startOthers(
  group: ServerGroup,
  wanted: readonly ServiceName[],
): Promise<Record<string, string>> {
  if (wanted.length === 0) return {};
  const choice = process.env['WEIR_SERVICES'] ?? '';
  if (choice === 'compose' || (choice !== 'native' && (await composeAnswers()))) {
    return startWithCompose(group, wanted);
  }
  return startNatively(group, wanted);
}

async function startNatively(
  group: ServerGroup,
  wanted: readonly ServiceName[],
): Promise<Record<string, string>> {
  const requirements = wanted.flatMap((name) => REQUIREMENTS[name]);
  await ensurePackages(wanted.includes('kafka') ? [...requirements, KCAT] : requirements);
  const has = (name: ServiceName) => wanted.includes(name);
  const parts: Promise<Record<string, string>>[] = [];
  if (has('kafka')) parts.push(startKafka(group));
  if (has('redis')) parts.push(startRedis(group));
  if (has('postgres') || has('freeradius')) parts.push(startDatabases(group, has('freeradius')));
  return Object.assign({}, ...(await settleAll(parts))) as Record<string, string>;
}

async function startDatabases(group: ServerGroup, withRadius: boolean): Promise<Record<string, string>> {
  const postgres = await startPostgres(group);
  const env = { DATABASE_URL: await postgres.createDatabase('weir') };
  if (!withRadius) return env;
  return { ...env, ...(await startFreeradius(group, await postgres.createDatabase('radius'))) };
}

/** Waits for all before it throws the first failure: nothing may still be starting when stop() begins. */
async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

async function main(): Promise<void> {
  const services = prepareServices();
  const toldToStop = whenToldToStop();
  try {
    const startedAt = performance.now();
    const starting = services.start();
    // A stop request makes the start fail, and that failure is then of no interest.
    const interrupted = toldToStop.then((reason) => ({ reason }));
    if ((await Promise.race([starting, interrupted])) === undefined) {
      for (const [name, value] of Object.entries(services.env))
        process.stdout.write(`export ${name}=${value}\n`);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stderr.write(`servers are up after ${seconds} s; Ctrl-C stops them\n`);
      await toldToStop;
    } else {
      starting.catch(() => undefined);
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  } finally {
    await services.stop();
  }
  process.exit();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
