import type pg from 'pg';
import { changeInOrder } from './control-outbox.ts';

/** $1 most, $2 currency of accounts whose plans say none. Returns how many were taken apart. */
const ABSORB = `
  with given as materialized (
    select subscriber_id, profile from subscriber where account_id is null order by subscriber_no limit $1)
  select count(*)::float8 as absorbed, weir_absorb_profiles(
    coalesce(jsonb_agg(profile || jsonb_build_object('subscriberId', subscriber_id)), '[]'), $2) from given`;

/**
 * $1 most, $2 currency. Accounts whose currency nobody said get this one, or keep theirs for good where something was charged or
 * is priced in it. By range: other than by `<>` an index serves.
 */
const FOLLOW_CURRENCY = `
  with other as materialized (
    select account_id, exists (select from billing_item i where i.account_id = a.account_id)
      or exists (select from subscriber s join assignment x using (subscriber_no) join plan_version v using (plan_id)
        where s.account_id = a.account_id and v.terms ->> 'currency' <> $2)
      or exists (select from subscriber s join add_on_assignment x using (subscriber_no) join add_on_version v using (add_on_id)
        where s.account_id = a.account_id and v.content ->> 'currency' <> $2) as stays
    from account a where currency_assumed and (currency < $2 or currency > $2) limit $1 for no key update)
  update account a set currency = case when stays then currency else $2 end, currency_assumed = not stays,
    revision = revision + 1, updated_at = clock_timestamp()
  from other where a.account_id = other.account_id`;

const REFRESH_DATED = `
  select weir_refresh_dated(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000)) as told`;

/** What jobs do to profiles in Postgres. */
export class PostgresProfileKeeping {
  readonly #pool: pg.Pool;
  readonly #defaultCurrency: string;
  readonly #guard: (client: pg.PoolClient) => Promise<void>;

  /**
   * @param defaultCurrency of accounts whose plans say none
   * @param guard throws where whoever works may not do so any more; asked in each transaction
   */
  constructor(
    pool: pg.Pool,
    defaultCurrency: string,
    guard: (client: pg.PoolClient) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#pool = pool;
    this.#defaultCurrency = defaultCurrency;
    this.#guard = guard;
  }

  /** Tells profiles of user names that begin or end in (fromMs, toMs]. Returns how many changed. Idempotent. */
  refreshDated(fromMs: number, toMs: number): Promise<number> {
    return changeInOrder(this.#pool, async (client) => {
      await this.#guard(client);
      const { rows } = await client.query<{ told: number }>(REFRESH_DATED, [fromMs, toMs]);
      return rows[0]?.told ?? 0;
    });
  }

  /**
   * Takes profiles apart that only the program before has written, then gives accounts whose currency nobody said the
   * configured one: at most `limit`. Returns how many; 0 = there are no more.
   */
  absorb(limit: number): Promise<number> {
    return changeInOrder(this.#pool, async (client) => {
      await this.#guard(client);
      const values = [limit, this.#defaultCurrency];
      const { rows } = await client.query<{ absorbed: number }>(ABSORB, values);
      const absorbed = rows[0]?.absorbed ?? 0;
      return absorbed > 0 ? absorbed : ((await client.query(FOLLOW_CURRENCY, values)).rowCount ?? 0);
    });
  }
}
