import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Control } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import type { ControlOutbox, PendingControl, RelayLeadership } from '../people-ports.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';

/** Source of every control that the relay gives a number. */
const SOURCE = 'relay';
const CHANNEL = 'weir_control';
/** Fixed numbers that nobody else in the database takes; the second number of each lock is the schema. */
const LEADER_LOCK = 0x77656973;
const CHANGE_LOCK = 0x77656974;

/**
 * Runs a change that writes rows of `control_outbox`, and wakes the relay when it commits.
 *
 * Changes run one after the other: the lock is taken before the transaction gets its number, so that relay order
 * (by transaction number) is commit order. Without it a transaction that began earlier and wrote a row later would be
 * relayed first, and the log would end with the older content.
 *
 * @throws AppError as `inTransaction`
 */
export async function changeInOrder<T>(pool: pg.Pool, fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(
    pool,
    async (client) => {
      const result = await fn(client);
      await client.query('select pg_notify($1, $2)', [CHANNEL, '']);
      return result;
    },
    `begin; select pg_advisory_xact_lock(${CHANGE_LOCK}, hashtext(current_schema()))`,
  );
}

/** The relay's side of `control_outbox` in Postgres. */
export class PostgresControlOutbox implements ControlOutbox {
  readonly #pool: pg.Pool;
  readonly #onPending: () => void;
  #leading = false;

  /** @param onPending called while leading when a change was committed; a wake-up, not a promise: poll as well */
  constructor(pool: pg.Pool, onPending: () => void = () => undefined) {
    this.#pool = pool;
    this.#onPending = onPending;
  }

  /** One connection of the pool is kept until release: the lock lives and dies with it. */
  async lead(): Promise<RelayLeadership | null> {
    // The embedded Postgres has one session for all connections, where the lock would be granted twice.
    if (this.#leading) return null;
    this.#leading = true;
    let client: pg.PoolClient | undefined;
    try {
      client = await this.#pool.connect();
      const locked = await client.query<{ locked: boolean }>(
        'select pg_try_advisory_lock($1, hashtext(current_schema())) as locked',
        [LEADER_LOCK],
      );
      if (locked.rows[0]?.locked === true) {
        const leadership = await Leadership.begin(client, this.#onPending, () => (this.#leading = false));
        return leadership;
      }
      client.release();
    } catch (error) {
      client?.release(true);
      this.#leading = false;
      throw postgresError(error);
    }
    this.#leading = false;
    return null;
  }
}

interface Cursor {
  xid: string;
  rowId: string;
  n: number;
}

class Leadership implements RelayLeadership {
  readonly #client: pg.PoolClient;
  readonly #token: string;
  readonly #onPending: () => void;
  readonly #onRelease: () => void;
  #cursor: Cursor;
  #released = false;

  private constructor(
    client: pg.PoolClient,
    token: string,
    cursor: Cursor,
    onPending: () => void,
    onRelease: () => void,
  ) {
    this.#client = client;
    this.#token = token;
    this.#cursor = cursor;
    this.#onPending = onPending;
    this.#onRelease = onRelease;
    client.on('notification', onPending);
  }

  static async begin(
    client: pg.PoolClient,
    onPending: () => void,
    onRelease: () => void,
  ): Promise<Leadership> {
    // A leader that vanished without a word must not hold the lock for the two hours of the system's default.
    await client.query(`select set_config('tcp_keepalives_idle', '10', false),
      set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false)`);
    await client.query(`listen ${CHANNEL}`);
    const token = randomBytes(16).toString('hex');
    await client.query(`insert into relay_cursor (name) values ($1) on conflict (name) do nothing`, [SOURCE]);
    await rebase(client);
    const result = await client.query<{ xid: string; row_id: string; n: number }>(
      `update relay_cursor set leader = $2, updated_at = clock_timestamp() where name = $1
       returning xid::text, row_id::text, n`,
      [SOURCE, token],
    );
    const [row] = result.rows;
    if (row === undefined) throw new AppError('store-corrupt', 'the relay has no cursor row');
    return new Leadership(client, token, { xid: row.xid, rowId: row.row_id, n: row.n }, onPending, onRelease);
  }

  async next(limit: number, after?: PendingControl): Promise<PendingControl[]> {
    const from: Cursor = after === undefined ? this.#cursor : { ...after.cursor, n: after.id.n };
    // Below the oldest running transaction nothing can appear any more: what is read is complete, and its order final.
    const rows = await this.#query<{ xid: string; id: string; control: Control }>(
      `select xid::text, id::text, control from control_outbox
       where (xid, id) > ($1::xid8, $2::bigint) and xid < pg_snapshot_xmin(pg_current_snapshot())
       order by control_outbox.xid, control_outbox.id limit $3`,
      [from.xid, from.rowId, limit],
    );
    return rows.map((row, i) => ({
      id: { source: SOURCE, n: from.n + i + 1 },
      control: row.control,
      cursor: { xid: row.xid, rowId: row.id },
    }));
  }

  async advance(last: PendingControl): Promise<void> {
    const { xid, rowId } = last.cursor;
    // Relayed rows go with the cursor: the log is where controls live.
    const rows = await this.#query<{ moved: number }>(
      `with moved as (
         update relay_cursor set xid = $3::xid8, row_id = $4, n = $5, updated_at = clock_timestamp()
         where name = $1 and leader = $2 and n = $6 returning 1
       ), relayed as (
         delete from control_outbox where (xid, id) <= ($3::xid8, $4::bigint) and exists (select from moved)
       )
       select count(*) as moved from moved`,
      [SOURCE, this.#token, xid, rowId, last.id.n, this.#cursor.n],
    );
    if (rows[0]?.moved !== 1) throw new AppError('conflict', 'another process relays controls now');
    this.#cursor = { xid, rowId, n: last.id.n };
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#client.off('notification', this.#onPending);
    try {
      await this.#client.query('select pg_advisory_unlock($1, hashtext(current_schema()))', [LEADER_LOCK]);
    } catch {
      // The connection is gone, and the lock with it.
    } finally {
      // Closed, not pooled: it listens, and has settings of its own.
      this.#client.release(true);
      this.#onRelease();
    }
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#client.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

/**
 * Transaction numbers start low in a new cluster: after a dump is restored there, the cursor and the rows that wait lie
 * in the future, and new rows would lie behind the cursor for ever. Rows that wait get this transaction's number, in
 * row order; n goes on.
 */
async function rebase(client: pg.PoolClient): Promise<void> {
  const ahead = await client.query<{ ahead: boolean }>(
    `select greatest(c.xid, (select xid from control_outbox order by xid desc limit 1)) >= pg_snapshot_xmax(pg_current_snapshot()) as ahead
     from relay_cursor c where name = $1`,
    [SOURCE],
  );
  if (ahead.rows[0]?.ahead !== true) return;
  await client.query(
    `with reset as (update relay_cursor set xid = '0', row_id = 0 where name = $1)
     update control_outbox set xid = pg_current_xact_id()`,
    [SOURCE],
  );
}
