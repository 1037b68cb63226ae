import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findProgram, programPath } from '../debian-packages.ts';
import type { Requirement } from '../debian-packages.ts';
import { portsOf } from '../processes/ports.ts';
import type { ServerGroup } from '../processes/server-group.ts';

/** redis-server, 6 or later. */
export const redisRequirements: readonly Requirement[] = [
  { package: 'redis-server', present: async () => (await findProgram('redis-server')) !== undefined },
];

/**
 * One Redis as production must run it: append-only file synced every second, never evicting. Called again in the
 * same group after a kill, it restarts on its data at its port.
 *
 * @returns REDIS_URL and WEIR_TEST_REDIS_DIR (redis.conf, appendonlydir; the process id is in redis.pid beside it)
 * @throws Error with the end of its log when it does not answer within 20 s
 */
export async function startRedis(group: ServerGroup): Promise<Record<string, string>> {
  const dir = await group.folder('redis');
  const [port] = await portsOf(dir, 1);
  const config = join(dir, 'redis.conf');
  await writeFile(
    config,
    [
      'bind 127.0.0.1',
      `port ${String(port)}`,
      `dir ${dir}`,
      'daemonize no',
      'save ""',
      'appendonly yes',
      'appendfsync everysec',
      'maxmemory-policy noeviction',
      '',
    ].join('\n'),
  );
  const url = `redis://127.0.0.1:${String(port)}`;
  await group.start({
    name: 'redis',
    command: await programPath('redis-server'),
    args: [config],
    ready: () => answersPing(url),
    readyTimeoutMs: 20_000,
  });
  return { REDIS_URL: url, WEIR_TEST_REDIS_DIR: dir };
}

/** Whether it answers PING. @throws Error while it does not take connections yet */
export async function answersPing(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  // ioredis also emits what the awaited call throws; without a listener it prints it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } finally {
    client.disconnect();
  }
}
