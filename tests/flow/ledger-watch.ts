import type pg from 'pg';

/**
 * Writes down, in the database itself, which actions a worker brings to the ledger and at which position of their
 * slot. What the ledger has already leaves no other trace there.
 */
export class LedgerWatch {
  readonly #pool: pg.Pool;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** To be called once the tables are there. */
  static async begin(pool: pg.Pool): Promise<LedgerWatch> {
    await pool.query(`
      create table watched_action (n bigserial primary key, xid xid8 default pg_current_xact_id(), action_id text);
      create table watched_mark (xid xid8 default pg_current_xact_id(), partition int, position bigint);
      create function watch_action() returns trigger language plpgsql as
        $$ begin insert into watched_action (action_id) values (new.id); return new; end $$;
      create function watch_mark() returns trigger language plpgsql as
        $$ begin insert into watched_mark (partition, position) values (new.partition, new.position); return new; end $$;
      create trigger watch before insert on action for each row execute function watch_action();
      create trigger watch before insert on slot_mark for each row execute function watch_mark()`);
    return new LedgerWatch(pool);
  }

  /** Ordinal of the newest entry. */
  async now(): Promise<number> {
    const { rows } = await this.#pool.query<{ n: number }>(
      'select coalesce(max(n), 0)::int as n from watched_action',
    );
    return rows[0]?.n ?? 0;
  }

  /**
   * Actions that were brought again after `since`, and at which position of which partition. One transaction of the
   * ledger holds both. First arrivals are left out: the owner from before the loss may have had one under way.
   */
  async repeats(since: number): Promise<{ partition: number; position: number }[]> {
    const { rows } = await this.#pool.query<{ partition: number; position: number }>(
      `select mark.partition, mark.position::int as position
       from (select *, row_number() over (partition by action_id order by n) as times from watched_action) action
       join watched_mark mark using (xid)
       where action.times > 1 and action.n > $1`,
      [since],
    );
    return rows;
  }
}
