import { timingSafeEqual } from 'node:crypto';
import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import { hashApiKey, newApiKey, newApiKeyId } from '../api-key.ts';
import type { Role } from '../../schemas/roles.ts';
import type { ApiKey, ApiKeys } from '../people-ports.ts';
import { postgresError } from './postgres-error.ts';

/** API keys in Postgres, hashed. */
export class PostgresApiKeys implements ApiKeys {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** The key is given out here and never again. @throws AppError 'invalid-input' without a role */
  async create(name: string, roles: readonly Role[]): Promise<{ id: string; key: string }> {
    const id = newApiKeyId();
    const key = newApiKey();
    if (roles.length === 0) throw new AppError('invalid-input', 'an API key needs at least one role');
    await this.#query('insert into api_key (id, name, key_hash, roles) values ($1, $2, $3, $4)', [
      id,
      name,
      hashApiKey(key),
      [...new Set(roles)],
    ]);
    return { id, key };
  }

  async find(key: string): Promise<ApiKey | null> {
    const hash = hashApiKey(key);
    if (hash === null) return null;
    const rows = await this.#query<ApiKey & { key_hash: Buffer }>(
      'select id, name, roles, key_hash from api_key where key_hash = $1 and revoked_at is null',
      [hash],
    );
    const [row] = rows;
    if (row === undefined || !timingSafeEqual(row.key_hash, hash)) return null;
    return { id: row.id, name: row.name, roles: row.roles };
  }

  /** Keys that work. */
  async count(): Promise<number> {
    const rows = await this.#query<{ n: number }>(
      'select count(*) as n from api_key where revoked_at is null',
      [],
    );
    return rows[0]?.n ?? 0;
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}
