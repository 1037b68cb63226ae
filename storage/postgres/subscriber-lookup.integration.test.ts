import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProfile } from '../profile-factory.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresSubscriberLookup } from './subscriber-lookup.ts';

const OPENERS: [string, () => Promise<TestDatabase>][] = [
  ['a server', () => realDatabase('lookup')],
  ['the embedded Postgres', embeddedDatabase],
];

describe.each(OPENERS)('PostgresSubscriberLookup on %s', (_, open) => {
  let database: TestDatabase;
  let lookup: PostgresSubscriberLookup;

  beforeAll(async () => {
    database = await open();
    lookup = new PostgresSubscriberLookup(database.pool);
    const profiles = [
      aProfile('sub-1', { userName: 'ann' }),
      aProfile('sub-2', { userName: 'Ann' }),
      aProfile('sub-3', { userName: 'shared' }),
      aProfile('sub-4', { userName: 'shared' }),
      aProfile('sub-5', { userName: 'ünal "x"' }),
      ...Array.from({ length: 2_000 }, (__, i) => aProfile(`other-${i}`)),
    ];
    await database.pool.query(
      `insert into subscriber (subscriber_id, profile)
       select item ->> 'subscriberId', item from jsonb_array_elements($1::jsonb) as item`,
      [JSON.stringify(profiles)],
    );
    await database.pool.query('analyze subscriber');
  });
  afterAll(() => database.close());

  it('gives the id of each name that one profile has, by its very spelling', async () => {
    const found = await lookup.subscriberIdsOf(['ann', 'Ann', 'ANN', 'shared', 'ünal "x"', 'nobody', '']);
    expect(found).toEqual(
      new Map([
        ['ann', 'sub-1'],
        ['Ann', 'sub-2'],
        ['ünal "x"', 'sub-5'],
      ]),
    );
    expect(await lookup.subscriberIdsOf([])).toEqual(new Map());
  });

  it('says that the database refuses a NUL rather than that nobody has the name', async () => {
    await expect(lookup.subscriberIdsOf(['a\0b'])).rejects.toMatchObject({ name: 'AppError' });
  });

  it('reads by the index', async () => {
    const { rows } = await database.pool.query<{ 'QUERY PLAN': string }>(
      `explain select min(subscriber_id) from subscriber where profile ->> 'userName' = any(array['ann', 'bob'])
       group by profile ->> 'userName'`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('subscriber_user_name');
  });
});
