import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServerGroup } from '../processes/server-group.ts';
import type { ServerGroup } from '../processes/server-group.ts';
import { waitUntil } from '../processes/wait-until.ts';
import { answersPing, startRedis } from './server.ts';

let group: ServerGroup;
beforeAll(async () => {
  group = await openServerGroup();
});
afterAll(() => group.stop());

it('restarts on its data at its port after a kill -9', async () => {
  const first = await startRedis(group);
  const client = new Redis(first['REDIS_URL'] ?? '');
  await client.set('kept', 'yes');
  client.disconnect();
  process.kill(Number(await readFile(join(group.dir, 'redis.pid'), 'utf8')), 'SIGKILL');
  const gone = () =>
    answersPing(first['REDIS_URL'] ?? '').then(
      () => false,
      () => true,
    );
  await waitUntil('Redis is gone', gone, { timeoutMs: 5_000 });

  const second = await startRedis(group);
  expect(second).toEqual(first);
  const again = new Redis(second['REDIS_URL'] ?? '');
  expect(await again.get('kept')).toBe('yes');
  again.disconnect();
});
