import type pg from 'pg';
import type { AuditEntry, AuditFilter, Page, TariffReads } from '../tariff-ports.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** $1 below this id or null, $2 subject, $3 who, $4 action, $5 and $6 from and to (ms), all or null, $7 limit. */
const LIST = `
  select id::text, (extract(epoch from at) * 1000)::float8 as "atMs", who, action, subject, content from audit
  where ($1::bigint is null or id < $1) and ($2::text is null or subject = $2) and ($3::text is null or who = $3)
    and ($4::text is null or action = $4) and ($5::float8 is null or at >= to_timestamp($5 / 1000))
    and ($6::float8 is null or at < to_timestamp($6 / 1000))
  order by audit.id desc limit $7`;

/** Who changed what, in Postgres. By subject it has an index; other filters read back from the end. */
export class PostgresAuditLog implements Pick<TariffReads, 'audit'> {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async audit(filter: AuditFilter, limit: number, after: string | null): Promise<Page<AuditEntry>> {
    // No entry has such an id, so none is behind it.
    if (after !== null && !/^[0-9]{1,18}$/.test(after)) return { items: [], next: null };
    const { subject, who, action, fromMs, toMs } = filter;
    const names = [subject, who, action].map((name) => (name === null ? null : storable(name)));
    try {
      const { rows } = await this.#pool.query<AuditEntry>(LIST, [after, ...names, fromMs, toMs, limit + 1]);
      const items = rows.slice(0, limit);
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
    } catch (error) {
      throw postgresError(error);
    }
  }
}
