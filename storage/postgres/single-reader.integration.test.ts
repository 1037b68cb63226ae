import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectPostgres } from './pool.ts';
import { realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { becomeSingleReader } from './single-reader.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await realDatabase('reader');
});
afterAll(() => database.close());

it('lets one process read, and the next one after it', async () => {
  const other = await connectPostgres(
    process.env['DATABASE_URL'] ?? '',
    { warn: () => undefined },
    { max: 1 },
  );
  const release = await becomeSingleReader(database.pool);
  await expect(becomeSingleReader(other)).rejects.toMatchObject({ code: 'conflict' });
  release();
  await expect
    .poll(() =>
      becomeSingleReader(other).then(
        (end) => (end(), 'reads'),
        () => 'waits',
      ),
    )
    .toBe('reads');
  await other.end();
});
