import type pg from 'pg';
import type { SubjectExport } from '../tariff-ports.ts';
import { inTransaction } from './pool.ts';
import { storable } from './storable.ts';

/** Rows of one kind that a person is told of: 30 years of daily actions. */
const MOST_ROWS = 10_000;

/** $1 = subscriber id. */
const WHO = 'select subscriber_no from subscriber where subscriber_id = $1';
const ofNumber = (table: string, order: string): string =>
  `select to_json(x) as row from ${table} x where subscriber_no = (${WHO}) order by ${order} limit ${MOST_ROWS}`;
const ofId = (table: string, order: string): string =>
  `select to_json(x) as row from ${table} x where subscriber_id = $1 order by ${order} limit ${MOST_ROWS}`;

/** By what people call them, in the order of the answer. Of what grows the newest come first. */
const ROWS: readonly (readonly [of: string, text: string])[] = [
  ['subscriber', 'select to_json(x) as row from subscriber x where subscriber_id = $1'],
  [
    'account',
    'select to_json(x) as row from account x where account_id = (select account_id from subscriber where subscriber_id = $1)',
  ],
  ['credential', ofNumber('credential', 'from_at, user_name')],
  ['assignment', ofNumber('assignment', 'from_at')],
  ['add-on', ofNumber('add_on_assignment', 'from_at, add_on_id')],
  ['top-up', ofNumber('top_up', 'from_at, top_up_id')],
  ['hold', ofNumber('hold', 'from_at, hold_id')],
  ['pool-membership', ofNumber('pool_member', 'from_at')],
  ['cycle', ofNumber('cycle', 'start_at desc')],
  ['billing-item', ofId('billing_item', 'seq desc')],
  ['closed-cycle', ofId('closed_cycle', 'cycle_start desc')],
  ['usage-adjustment', ofId('usage_adjustment', 'seq desc')],
  ['action', ofId('action', 'seq desc')],
  ['shadow-decision', ofId('shadow_decision', 'seq desc')],
  ['audit', `select to_json(x) as row from audit x where subject = $1 order by id desc limit ${MOST_ROWS}`],
];

/**
 * Copies of what is stored of a person. They are read before the first is given out: a transaction that waited for whoever
 * reads them would hold the one connection of an embedded database.
 */
export class PostgresSubjectExport implements SubjectExport {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async *rows(subscriberId: string, by: string): AsyncGenerator<{ of: string; row: unknown }> {
    const found = await inTransaction(this.#pool, (client) => readAll(client, subscriberId, by));
    yield* found;
  }
}

async function readAll(
  client: pg.PoolClient,
  subscriberId: string,
  by: string,
): Promise<{ of: string; row: unknown }[]> {
  await client.query('set transaction isolation level repeatable read');
  const found: { of: string; row: unknown }[] = [];
  for (const [of, text] of ROWS) {
    const { rows } = await client.query<{ row: unknown }>(text, [storable(subscriberId)]);
    // Whom nobody knows has no rows of another kind that could be theirs.
    if (of === 'subscriber' && rows.length === 0) return [];
    for (const { row } of rows) found.push({ of, row });
  }
  await client.query(
    "insert into audit (who, action, subject, content) values ($1, 'subscriber-export', $2, $3)",
    [storable(by), storable(subscriberId), JSON.stringify({ rows: found.length })],
  );
  return found;
}
