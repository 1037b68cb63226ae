import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedClickHouse } from './embedded.ts';

/** chDB on a folder of its own that goes with it, for tests. Not migrated. */
export async function scratchClickHouse(): ReturnType<typeof openEmbeddedClickHouse> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-chdb-'));
  const analytics = await openEmbeddedClickHouse(folder);
  const close = analytics.close.bind(analytics);
  analytics.close = async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  };
  return analytics;
}
