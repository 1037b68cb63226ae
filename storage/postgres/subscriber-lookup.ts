import type pg from 'pg';
import type { SubscriberLookup } from '../people-ports.ts';
import { postgresError } from './postgres-error.ts';

/**
 * Names that belong to exactly one subscriber: of its credentials those that no change has ended, and the name in the profile of
 * who is not taken apart into rows yet (indexes of migrations 020 and 034).
 */
const BY_USER_NAME = `
select user_name, min(subscriber_id) as subscriber_id from (
  select c.user_name, s.subscriber_id from credential c join subscriber s using (subscriber_no)
  where c.user_name collate "C" = any($1::text[]) and coalesce(c.to_at, 'infinity') > coalesce(s.as_of, '-infinity')
    and (c.to_at is null or s.as_of is not null) and c.from_at <= coalesce(s.as_of, 'infinity')
  union
  select profile ->> 'userName', subscriber_id from subscriber where profile ->> 'userName' = any($1::text[])) named
group by 1 having count(*) = 1`;

/** Subscriber ids by user name, from the directory's table. One indexed read a call. */
export class PostgresSubscriberLookup implements SubscriberLookup {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** @throws AppError 'unreachable' or 'timeout' (retriable); 'store-rejected' for names with a NUL */
  async subscriberIdsOf(userNames: readonly string[]): Promise<Map<string, string>> {
    if (userNames.length === 0) return new Map();
    try {
      const { rows } = await this.#pool.query<{ user_name: string; subscriber_id: string }>(BY_USER_NAME, [
        userNames,
      ]);
      return new Map(rows.map((row) => [row.user_name, row.subscriber_id]));
    } catch (error) {
      throw postgresError(error);
    }
  }
}
