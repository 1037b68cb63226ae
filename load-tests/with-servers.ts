import { prepareServices } from '../dev/services.ts';
import type { ServiceName } from '../dev/services.ts';
import { whenToldToStop } from '../dev/processes/stop-request.ts';

/** What is wanted of dev/services.ts; all of it may be given in the environment instead. */
const NEEDED = ['KAFKA_BROKERS', 'REDIS_URL', 'DATABASE_URL', 'CLICKHOUSE_URL'];

/** Runs with the servers of the environment, or with servers of its own that end with it. */
export async function withServers<T>(
  work: (env: Record<string, string | undefined>) => Promise<T>,
): Promise<T> {
  return withSome(NEEDED, ['kafka', 'redis', 'postgres', 'clickhouse'], work);
}

/** As `withServers`, with Postgres alone. */
export async function withPostgres<T>(work: (databaseUrl: string) => Promise<T>): Promise<T> {
  return withSome(['DATABASE_URL'], ['postgres'], (env) => work(env['DATABASE_URL'] ?? ''));
}

async function withSome<T>(
  needed: readonly string[],
  wanted: readonly ServiceName[],
  work: (env: Record<string, string | undefined>) => Promise<T>,
): Promise<T> {
  const given = needed.filter((name) => (process.env[name] ?? '') !== '');
  if (given.length === needed.length) return work(process.env);
  if (given.length > 0) {
    const missing = needed.filter((name) => !given.includes(name));
    throw new Error(`${given.join(', ')} set, but not ${missing.join(', ')}: give all of them, or none`);
  }
  const services = prepareServices();
  const stopped = whenToldToStop().then((reason) => {
    throw new Error(`stopped: ${reason}`);
  });
  try {
    const run = services.start(wanted).then(() => work(services.env));
    return await Promise.race([run, stopped]);
  } finally {
    await services.stop();
  }
}
