import { afterAll, beforeAll, expect, it } from 'vitest';
import { anIntent } from '../action-factory.contract.ts';
import { allLedgerActions } from './action-reader.ts';
import { realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresActionLedger } from './ledger.ts';

const COUNT = 2_345;
let database: TestDatabase;

beforeAll(async () => {
  database = await realDatabase('action_reader');
  const slot = { group: 'g', topic: 't', partition: 0 };
  const intents = Array.from({ length: COUNT }, (_, n) =>
    anIntent({ id: `a${String(n)}`, subscriberId: `s${String(n % 7)}` }),
  );
  await new PostgresActionLedger(database.pool).insert(slot, 1, { intents });
});
afterAll(() => database.close());

async function idsOf(subscriberId: string | null): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of allLedgerActions(database.pool, subscriberId))
    ids.push(...page.map(({ id }) => id));
  return ids;
}

it('reads every action once, over several pages, in the order of insertion', async () => {
  const expected = Array.from({ length: COUNT }, (_, n) => `a${String(n)}`);
  expect(await idsOf(null)).toEqual(expected);
  expect(await idsOf('s3')).toEqual(expected.filter((_, n) => n % 7 === 3));
});
