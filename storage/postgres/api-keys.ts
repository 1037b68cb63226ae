import { timingSafeEqual } from 'node:crypto';
import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import type { Role } from '../../schemas/roles.ts';
import { hashApiKey, newApiKey, newApiKeyId, prefixOf } from '../api-key.ts';
import type { ApiKey, ApiKeyLimits, ApiKeys, ListedApiKey } from '../people-ports.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

const INSERT = `
  with made as (
    insert into api_key (id, name, key_hash, roles, prefix, expires_at, rate_limit, created_by)
    values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), $7, $8) returning id, name, roles, created_by
  )
  insert into audit (who, action, subject, content)
  select created_by, 'key-create', id, json_build_object('name', name, 'roles', roles) from made`;

/** $1 id, $2 who. */
const REVOKE = `
  with revoked as (
    update api_key set revoked_at = clock_timestamp() where id = $1 and revoked_at is null returning id, name
  )
  insert into audit (who, action, subject, content)
  select $2, 'key-revoke', id, json_build_object('name', name) from revoked returning id`;

const WORKS = `revoked_at is null and (expires_at is null or expires_at > clock_timestamp())`;

const LIST = `
  select id, name, roles, rate_limit as "rateLimit", prefix, created_by as "createdBy",
    (extract(epoch from created_at) * 1000)::float8 as "createdMs",
    (extract(epoch from expires_at) * 1000)::float8 as "expiresMs",
    (extract(epoch from last_used_at) * 1000)::float8 as "lastUsedMs",
    (extract(epoch from revoked_at) * 1000)::float8 as "revokedMs"
  from api_key order by created_at desc, id`;

/** API keys in Postgres, hashed. */
export class PostgresApiKeys implements ApiKeys {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async create(
    name: string,
    roles: readonly Role[],
    { expiresMs, rateLimit, by }: ApiKeyLimits = {},
  ): ReturnType<ApiKeys['create']> {
    const id = newApiKeyId();
    const key = newApiKey();
    const prefix = prefixOf(key);
    if (roles.length === 0) throw new AppError('invalid-input', 'an API key needs at least one role');
    const limits = [expiresMs ?? null, rateLimit ?? null, by ?? null];
    await this.#query(INSERT, [id, name, hashApiKey(key), [...new Set(roles)], prefix, ...limits]);
    return { id, key, prefix };
  }

  async find(key: string): Promise<ApiKey | null> {
    const hash = hashApiKey(key);
    if (hash === null) return null;
    const rows = await this.#query<ApiKey & { key_hash: Buffer }>(
      `select id, name, roles, rate_limit as "rateLimit", key_hash from api_key where key_hash = $1 and ${WORKS}`,
      [hash],
    );
    const [row] = rows;
    if (row === undefined || !timingSafeEqual(row.key_hash, hash)) return null;
    return { id: row.id, name: row.name, roles: row.roles, rateLimit: row.rateLimit };
  }

  async count(): Promise<number> {
    const rows = await this.#query<{ n: number }>(`select count(*) as n from api_key where ${WORKS}`, []);
    return rows[0]?.n ?? 0;
  }

  list(): Promise<ListedApiKey[]> {
    return this.#query<ListedApiKey>(LIST, []);
  }

  async revoke(id: string, by?: string): Promise<boolean> {
    const revoked = await this.#query(REVOKE, [storable(id), by ?? null]);
    return revoked.length === 1;
  }

  async touch(ids: readonly string[]): Promise<void> {
    await this.#query('update api_key set last_used_at = clock_timestamp() where id = any ($1)', [[...ids]]);
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}
