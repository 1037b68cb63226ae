import type pg from 'pg';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProfilePage, ProfilePages } from '../profile-pages.ts';
import { postgresError } from './postgres-error.ts';

interface Row {
  subscriber_id: string;
  profile: string;
  zone: string;
  anchor_day: string;
}

/** All profiles through one cursor: they are sorted once, whatever collation the database has, and never all in memory. */
export class PostgresProfilePages implements ProfilePages {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async count(): Promise<number> {
    try {
      const answer = await this.#pool.query<{ count: string }>('select count(*) as count from subscriber');
      return Number(answer.rows[0]?.count ?? 0);
    } catch (error) {
      throw postgresError(error);
    }
  }

  async plans(): Promise<PlanVersion[]> {
    try {
      const answer = await this.#pool.query<{ content: PlanVersion }>(
        'select distinct on (plan_id) content from plan_version order by plan_id, version desc',
      );
      return answer.rows.map(({ content }) => content);
    } catch (error) {
      throw postgresError(error);
    }
  }

  async *pages(size: number): AsyncGenerator<ProfilePage> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw postgresError(error);
    }
    try {
      await client.query('begin read only');
      await client.query(
        `declare profiles no scroll cursor for
         select subscriber_id, profile::text, profile ->> 'zone' as zone, profile ->> 'anchorDay' as anchor_day
         from subscriber order by subscriber_id collate "C"`,
      );
      for (;;) {
        const { rows } = await client.query<Row>(`fetch ${String(size)} from profiles`);
        const last = rows.at(-1);
        if (last === undefined) return;
        yield pageOf(rows, last.subscriber_id);
      }
    } catch (error) {
      throw postgresError(error);
    } finally {
      // With the transaction the cursor goes; a connection that is broken is not used again.
      await client.query('rollback').then(
        () => client.release(),
        () => client.release(true),
      );
    }
  }
}

function pageOf(rows: readonly Row[], lastId: string): ProfilePage {
  const rules = new Map<string, { zone: string; anchorDay: number }>();
  for (const { zone, anchor_day } of rows)
    rules.set(`${anchor_day} ${zone}`, { zone, anchorDay: Number(anchor_day) });
  const json = `[${rows.map(({ profile }) => profile).join(',')}]`;
  return { json, count: rows.length, lastId, rules: [...rules.values()] };
}
