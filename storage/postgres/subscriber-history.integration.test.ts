import { afterAll, beforeAll, describe } from 'vitest';
import { subscriberHistoryContract } from '../subscriber-history.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresActionLedger } from './ledger.ts';
import { PostgresSubscriberHistory } from './subscriber-history.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };

describe.each([
  ['Postgres', () => realDatabase('subscriber_history')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  subscriberHistoryContract(name, async () => {
    const { pool } = database;
    // The audit refuses deletion row by row; truncate has no such trigger.
    await pool.query(
      'truncate action, shadow_decision, usage_adjustment, audit, policy_change, policy, policy_version cascade',
    );
    const ledger = new PostgresActionLedger(pool);
    let position = 0;
    const insert: PostgresActionLedger['insert'] = (slot, _, batch) =>
      ledger.insert(slot, (position += 1), batch);
    return {
      history: new PostgresSubscriberHistory(pool),
      putIntents: async (intents) => void (await insert(SLOT, 0, { intents })),
      putShadows: async (shadows) => void (await insert(SLOT, 0, { shadows })),
      putAdjustments: async (rows) => {
        await insert(SLOT, 0, { adjustments: rows.map(({ adjustment }) => adjustment) });
        for (const { atMs, adjustment } of rows) {
          const update =
            'update usage_adjustment set created_at = to_timestamp($1::float8 / 1000) where id = $2';
          await pool.query(update, [atMs, adjustment.id]);
        }
      },
      putAudit: async (rows) => {
        for (const { atMs, who, action, subject } of rows) {
          await pool.query(
            `insert into audit (at, who, action, subject, content)
             values (to_timestamp($1::float8 / 1000), $2, $3, $4, '{}')`,
            [atMs, who, action, subject],
          );
        }
      },
      putPolicies: async (versions, changes) => {
        for (const version of versions) {
          await pool.query('insert into policy_version (policy_id, version, content) values ($1, $2, $3)', [
            version.policyId,
            version.version,
            JSON.stringify(version),
          ]);
        }
        for (const { policyId, kind, base, candidate, atMs, by, source, comment } of changes) {
          await pool.query(
            `insert into policy_change (policy_id, kind, base, candidate, at, author, source, comment)
             values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), $6, $7, $8)`,
            [policyId, kind, base, candidate, atMs, by, source, comment],
          );
        }
      },
    };
  });
});
