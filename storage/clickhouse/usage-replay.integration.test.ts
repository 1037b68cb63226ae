import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usageReplayContract } from '../usage-replay.contract.ts';
import { connectClickHouse } from './connection.ts';
import { openEmbeddedClickHouse } from './embedded.ts';

usageReplayContract('chDB in the process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-chdb-'));
  const analytics = await openEmbeddedClickHouse(folder);
  const close = analytics.close.bind(analytics);
  analytics.close = async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  };
  return analytics;
});

usageReplayContract('ClickHouse by URL', () => {
  const url = process.env['CLICKHOUSE_URL'];
  if (url === undefined) throw new Error('CLICKHOUSE_URL is missing: dev/services.ts starts the servers');
  return connectClickHouse(url);
});
