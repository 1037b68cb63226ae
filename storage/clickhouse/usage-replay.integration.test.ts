import { usageReplayContract } from '../usage-replay.contract.ts';
import { connectClickHouse } from './connection.ts';
import { scratchClickHouse } from './scratch.contract.ts';

usageReplayContract('chDB in the process', scratchClickHouse);

usageReplayContract('ClickHouse by URL', () => {
  const url = process.env['CLICKHOUSE_URL'];
  if (url === undefined) throw new Error('CLICKHOUSE_URL is missing: dev/services.ts starts the servers');
  return connectClickHouse(url);
});
