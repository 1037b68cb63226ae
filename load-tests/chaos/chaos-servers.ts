import type { ChildProcess } from 'node:child_process';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startClickhouse } from '../../dev/clickhouse/server.ts';
import { ensurePackages } from '../../dev/debian-packages.ts';
import { kafkaRequirements, startKafka } from '../../dev/kafka/server.ts';
import { postgresRequirements, startPostgres } from '../../dev/postgres/server.ts';
import { openServerGroup } from '../../dev/processes/server-group.ts';
import type { ServerGroup } from '../../dev/processes/server-group.ts';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { redisRequirements, startRedis } from '../../dev/redis/server.ts';
import type { FlowServers } from '../../tests/flow/servers.ts';

/** A server that can be killed and comes back on its data at its address. */
export type KillableServer = 'kafka' | 'redis' | 'postgres' | 'clickhouse';

/** Immediate shutdown: kill -9 of the postmaster alone would leave its children behind. */
const SIGNALS: Partial<Record<KillableServer, NodeJS.Signals>> = { postgres: 'SIGQUIT' };
const MANIFEST = 'appendonly.aof.manifest';

/** Real servers of this run's own, since it breaks them. Native ones always: they are killed by their process ids. */
export class ChaosServers {
  readonly addresses: FlowServers;
  /** scratch folder; removed with the servers */
  readonly dir: string;
  readonly #group: ServerGroup;

  private constructor(group: ServerGroup, addresses: FlowServers) {
    this.#group = group;
    this.dir = group.dir;
    this.addresses = addresses;
  }

  /** Starts them. @throws Error where one does not come up; nothing is left running then */
  static async start(): Promise<ChaosServers> {
    await ensurePackages([...kafkaRequirements, ...redisRequirements, ...postgresRequirements]);
    const group = await openServerGroup();
    const starting = [startKafka(group), startRedis(group), startClickhouse(group), databaseOf(group)];
    try {
      // All of them have ended their start before anything is stopped.
      const settled = await Promise.allSettled(starting);
      const env: Record<string, string> = {};
      for (const outcome of settled) {
        if (outcome.status === 'rejected') throw outcome.reason;
        Object.assign(env, outcome.value);
      }
      const address = (name: string): string => env[name] ?? '';
      return new ChaosServers(group, {
        brokers: address('KAFKA_BROKERS'),
        redisUrl: address('REDIS_URL'),
        databaseUrl: address('DATABASE_URL'),
        clickhouseUrl: address('CLICKHOUSE_URL'),
      });
    } catch (error) {
      await group.stop();
      throw error;
    }
  }

  /** Ends a child of ours, which was spawned detached, with the servers: also when this process is killed. */
  adopt(child: ChildProcess): void {
    this.#group.adopt(child, 'SIGKILL');
  }

  /** kill -9, and waits until it is gone. */
  async kill(server: KillableServer): Promise<void> {
    const pid = Number(await readFile(join(this.dir, `${server}.pid`), 'utf8'));
    process.kill(pid, SIGNALS[server] ?? 'SIGKILL');
    await waitUntil(`${server} is gone`, () => Promise.resolve(!isAlive(pid)), { timeoutMs: 10_000 });
  }

  /** Starts it on what it has left; resolves when it answers. */
  async restart(server: KillableServer): Promise<void> {
    const group = this.#group;
    const starts = {
      kafka: startKafka,
      redis: startRedis,
      postgres: startPostgres,
      clickhouse: startClickhouse,
    };
    await starts[server](group);
  }

  /**
   * Copies Redis' append-only files while it runs, as a backup would. A rewrite replaces files under the copy's feet, so
   * none may begin meanwhile. @returns the copy's name
   */
  async copyRedis(): Promise<string> {
    const redis = new Redis(this.addresses.redisUrl);
    try {
      await redis.config('SET', 'auto-aof-rewrite-percentage', '0');
      const quiet = async (): Promise<boolean> =>
        /aof_rewrite_in_progress:0/.test(await redis.info('persistence'));
      await waitUntil('Redis rewrites no file', quiet, { timeoutMs: 30_000 });
      const copy = join(this.dir, `redis-copy-${String(Date.now())}`);
      const from = join(this.dir, 'redis', 'appendonlydir');
      // The manifest first: files that it names only grow.
      await cp(join(from, MANIFEST), join(copy, MANIFEST));
      await cp(from, copy, { recursive: true, filter: (path) => !path.endsWith(MANIFEST) });
      await redis.config('SET', 'auto-aof-rewrite-percentage', '100');
      return copy;
    } finally {
      redis.disconnect();
    }
  }

  /** Brings Redis, which must be dead, back to a copy; start it afterwards. */
  async restoreRedis(copy: string): Promise<void> {
    const files = join(this.dir, 'redis', 'appendonlydir');
    await rm(files, { recursive: true });
    await cp(copy, files, { recursive: true });
    await rm(copy, { recursive: true });
  }

  /** Ends all of them and removes their data. */
  stop(): Promise<void> {
    return this.#group.stop();
  }
}

async function databaseOf(group: ServerGroup): Promise<Record<string, string>> {
  const postgres = await startPostgres(group);
  return { DATABASE_URL: await postgres.createDatabase('weir') };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}
