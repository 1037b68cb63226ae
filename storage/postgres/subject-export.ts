import type pg from 'pg';
import type { SubjectExport } from '../tariff-ports.ts';
import { inTransaction } from './pool.ts';
import { storable } from './storable.ts';

/** Rows of one kind that a person is told of: 27 years of daily actions. */
const MOST_ROWS = 10_000;

/** $1 = subscriber id, $2 = how many. */
const WHO = 'select subscriber_no from subscriber where subscriber_id = $1';
const ofNumber = (table: string, order: string): string =>
  `select to_json(x) as row from ${table} x where subscriber_no = (${WHO}) order by ${order} limit $2`;
const where = (table: string, condition: string, order: string): string =>
  `select to_json(x) as row from ${table} x where ${condition} order by ${order} limit $2`;
const ofId = (table: string, order: string): string => where(table, 'subscriber_id = $1', order);

/** By what people call them, in the order of the answer. Of what grows the newest come first. */
export const ROWS: readonly (readonly [of: string, text: string])[] = [
  ['subscriber', ofId('subscriber', 'subscriber_no')],
  [
    'account',
    where(
      'account',
      'account_id = (select account_id from subscriber where subscriber_id = $1)',
      'account_id',
    ),
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
  ['audit', where('audit', 'subject = $1', 'id desc')],
  ['import-line', where('import_line', `content ->> 'subscriberId' = $1`, 'import_id, line')],
  ['kept-answer', where('idempotency', `body -> 'value' ->> 'subscriberId' = $1`, 'created_at desc')],
  [
    'dead-letter',
    `select json_build_object('topic', topic, 'partition', partition, 'offset', "offset", 'appended_at', appended_at,
       'reason', reason, 'detail', detail, 'record', encode(value, 'escape')) as row
     from dead_letter where key = convert_to($1, 'UTF8') order by appended_at desc limit $2`,
  ],
];

/**
 * Copies of what is stored of a person; of a kind that has more than `mostRows` the first, and a row of kind 'cut' that says so. They are read before the first is given out: a transaction that waited for whoever
 * reads them would hold the one connection of an embedded database.
 */
export class PostgresSubjectExport implements SubjectExport {
  readonly #pool: pg.Pool;
  readonly #mostRows: number;

  constructor(pool: pg.Pool, mostRows: number = MOST_ROWS) {
    this.#pool = pool;
    this.#mostRows = mostRows;
  }

  async *rows(subscriberId: string, by: string): AsyncGenerator<{ of: string; row: unknown }> {
    const found = await inTransaction(this.#pool, (client) =>
      readAll(client, subscriberId, by, this.#mostRows),
    );
    yield* found;
  }
}

async function readAll(
  client: pg.PoolClient,
  subscriberId: string,
  by: string,
  mostRows: number,
): Promise<{ of: string; row: unknown }[]> {
  await client.query('set transaction isolation level repeatable read');
  const found: { of: string; row: unknown }[] = [];
  for (const [of, text] of ROWS) {
    const { rows } = await client.query<{ row: unknown }>(text, [storable(subscriberId), mostRows + 1]);
    // Whom nobody knows has no rows of another kind that could be theirs.
    if (of === 'subscriber' && rows.length === 0) return [];
    for (const { row } of rows.slice(0, mostRows)) found.push({ of, row });
    if (rows.length > mostRows) found.push({ of: 'cut', row: { of, rows: mostRows } });
  }
  await client.query(
    "insert into audit (who, action, subject, content) values ($1, 'subscriber-export', $2, $3)",
    [storable(by), storable(subscriberId), JSON.stringify({ rows: found.length })],
  );
  return found;
}
