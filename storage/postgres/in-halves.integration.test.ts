import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { inHalves } from './in-halves.ts';
import { inTransaction } from './pool.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await embeddedDatabase({ migrated: false });
});
afterAll(() => database.close());

/** Does 5, 9, 3 and 7, of which one cannot be done. */
function halved(run: (client: pg.PoolClient, batch: readonly number[]) => Promise<unknown>) {
  const batches: number[][] = [];
  const failed = inTransaction(database.pool, (client) =>
    inHalves(
      client,
      [5, 9, 3, 7],
      async (batch) => {
        batches.push([...batch]);
        await run(client, batch);
      },
      (all) => Promise.resolve([...all].sort((a, b) => a - b)),
    ),
  );
  return { batches, failed };
}

describe('work in halves', () => {
  it('leaves the order to who can do all of it at once', async () => {
    const { batches, failed } = halved(() => Promise.resolve());
    expect([await failed, batches]).toEqual([[], [[5, 9, 3, 7]]]);
  });

  it('locks in one order once it goes by halves, and goes on in the same transaction', async () => {
    const { batches, failed } = halved((client, batch) =>
      client.query(batch.includes(9) ? 'select 1 / 0' : 'select 1'),
    );
    expect(await failed).toMatchObject([{ unit: 9, error: { message: 'division by zero' } }]);
    expect(batches).toEqual([[5, 9, 3, 7], [3, 5], [7, 9], [7], [9]]);
  });
});
