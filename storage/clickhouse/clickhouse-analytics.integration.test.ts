import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { analyticsHistoryContract } from '../analytics-history.contract.ts';
import { analyticsReadsContract } from '../analytics-reads.contract.ts';
import { analyticsContract } from '../analytics.contract.ts';
import type { AnalyticsUnderTest } from '../analytics.contract.ts';
import type { Analytics } from '../analytics-ports.ts';
import { connectClickHouse } from './connection.ts';
import { embeddedClient, openEmbeddedClickHouse } from './embedded.ts';
import { scratchClickHouse } from './scratch.contract.ts';

analyticsContract('chDB in the process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-chdb-'));
  const analytics = await openEmbeddedClickHouse(folder);
  const reader = await embeddedClient(folder);
  return underTest(analytics, reader, () => rm(folder, { recursive: true, force: true }));
});

for (const contract of [analyticsReadsContract, analyticsHistoryContract])
  contract('chDB in the process', scratchClickHouse);

analyticsContract('ClickHouse by URL', async () => {
  return underTest(await connectClickHouse(url()), createClient({ url: url() }), () => Promise.resolve());
});

for (const contract of [analyticsReadsContract, analyticsHistoryContract])
  contract('ClickHouse by URL', () => connectClickHouse(url()));

function url(): string {
  const given = process.env['CLICKHOUSE_URL'];
  if (given === undefined) throw new Error('CLICKHOUSE_URL is missing: dev/services.ts starts the servers');
  return given;
}

/** Reads what the port does not, through the views that analysts use. */
function underTest(
  analytics: Analytics,
  reader: ClickHouseClient,
  cleanUp: () => Promise<void>,
): AnalyticsUnderTest {
  const rowsOf = async <Row>(select: string, subscriber: string): Promise<Row[]> => {
    const query = `${select} WHERE subscriber_id = {subscriber:String}`;
    const result = await reader.query({ query, query_params: { subscriber }, format: 'JSONCompactEachRow' });
    return await result.json<Row>();
  };
  return {
    analytics,
    sessionsOf: async (id) => {
      const columns =
        'session_id, toString(toUnixTimestamp64Milli(started_at)), toString(toUnixTimestamp64Milli(ended_at)), ' +
        'toString(down_bytes), toString(up_bytes)';
      const rows = await rowsOf<[string, string, string, string, string]>(
        `SELECT ${columns} FROM sessions`,
        id,
      );
      return rows.map(([sessionId, start, end, down, up]) => ({
        sessionId,
        startMs: Number(start),
        endMs: Number(end),
        downBytes: Number(down),
        upBytes: Number(up),
      }));
    },
    actionsOf: async (id) => {
      const select = 'SELECT action_id, state, attempts, detail FROM actions';
      const rows = await rowsOf<[string, string, number, string]>(select, id);
      return rows.map(([actionId, state, attempts, detail]) => ({ id: actionId, state, attempts, detail }));
    },
    close: async () => {
      await reader.close();
      await analytics.close();
      await cleanUp();
    },
  };
}
