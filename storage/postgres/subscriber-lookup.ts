import type pg from 'pg';
import type { SubscriberLookup } from '../people-ports.ts';
import { postgresError } from './postgres-error.ts';

/** Names that belong to exactly one profile; index subscriber_user_name (migration 020). */
const BY_USER_NAME = `
select profile ->> 'userName' as user_name, min(subscriber_id) as subscriber_id
from subscriber where profile ->> 'userName' = any($1::text[])
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
