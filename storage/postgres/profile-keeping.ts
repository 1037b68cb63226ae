import type pg from 'pg';
import { changeInOrder } from './control-outbox.ts';

/** $1 most, $2 currency of accounts whose plans say none. Returns how many were taken apart. */
const ABSORB = `
  with given as materialized (
    select subscriber_id, profile from subscriber where account_id is null order by subscriber_no limit $1)
  select count(*)::float8 as absorbed, weir_absorb_profiles(
    coalesce(jsonb_agg(profile || jsonb_build_object('subscriberId', subscriber_id)), '[]'), $2) from given`;

const REFRESH_DATED = `
  select weir_refresh_dated(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000)) as told`;

/** What jobs do to profiles in Postgres. */
export class PostgresProfileKeeping {
  readonly #pool: pg.Pool;
  readonly #defaultCurrency: string;

  /** @param defaultCurrency of accounts whose plans say none */
  constructor(pool: pg.Pool, defaultCurrency: string) {
    this.#pool = pool;
    this.#defaultCurrency = defaultCurrency;
  }

  /** Tells profiles of user names that begin or end in (fromMs, toMs]. Returns how many changed. Idempotent. */
  refreshDated(fromMs: number, toMs: number): Promise<number> {
    return changeInOrder(this.#pool, async (client) => {
      const { rows } = await client.query<{ told: number }>(REFRESH_DATED, [fromMs, toMs]);
      return rows[0]?.told ?? 0;
    });
  }

  /** Takes profiles apart that only the program before has written, at most `limit`. Returns how many. */
  absorb(limit: number): Promise<number> {
    return changeInOrder(this.#pool, async (client) => {
      const { rows } = await client.query<{ absorbed: number }>(ABSORB, [limit, this.#defaultCurrency]);
      return rows[0]?.absorbed ?? 0;
    });
  }
}
