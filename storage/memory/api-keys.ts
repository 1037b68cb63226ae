import { AppError } from '../../schemas/errors.ts';
import type { Role } from '../../schemas/roles.ts';
import { hashApiKey, newApiKey, newApiKeyId, prefixOf } from '../api-key.ts';
import type { ApiKey, ApiKeyLimits, ApiKeys, ListedApiKey } from '../people-ports.ts';

/** API keys of one process's life, for tests. */
export class MemoryApiKeys implements ApiKeys {
  readonly #byHash = new Map<string, ListedApiKey>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  create(
    name: string,
    roles: readonly Role[],
    { expiresMs, rateLimit, by }: ApiKeyLimits = {},
  ): ReturnType<ApiKeys['create']> {
    if (roles.length === 0)
      return Promise.reject(new AppError('invalid-input', 'an API key needs at least one role'));
    if (rateLimit !== undefined && rateLimit < 1)
      return Promise.reject(new AppError('invalid-input', 'a key must be good for one request a minute'));
    const [id, key] = [newApiKeyId(), newApiKey()];
    const prefix = prefixOf(key);
    this.#byHash.set(hashOf(key), {
      id,
      name,
      roles: [...new Set(roles)],
      rateLimit: rateLimit ?? null,
      prefix,
      createdMs: this.#nowMs(),
      createdBy: by ?? null,
      expiresMs: expiresMs ?? null,
      lastUsedMs: null,
      revokedMs: null,
    });
    return Promise.resolve({ id, key, prefix });
  }

  find(key: string): Promise<ApiKey | null> {
    const found = this.#byHash.get(hashOf(key));
    if (found === undefined || !this.#works(found)) return Promise.resolve(null);
    const { id, name, roles, rateLimit } = found;
    return Promise.resolve({ id, name, roles: [...roles], rateLimit });
  }

  count(): Promise<number> {
    return Promise.resolve([...this.#byHash.values()].filter((key) => this.#works(key)).length);
  }

  list(): Promise<ListedApiKey[]> {
    const keys = [...this.#byHash.values()].reverse();
    return Promise.resolve(structuredClone(keys.sort((a, b) => b.createdMs - a.createdMs)));
  }

  revoke(id: string): Promise<boolean> {
    const key = [...this.#byHash.values()].find((one) => one.id === id && one.revokedMs === null);
    if (key !== undefined) key.revokedMs = this.#nowMs();
    return Promise.resolve(key !== undefined);
  }

  touch(ids: readonly string[]): Promise<void> {
    for (const key of this.#byHash.values()) if (ids.includes(key.id)) key.lastUsedMs = this.#nowMs();
    return Promise.resolve();
  }

  #works({ revokedMs, expiresMs }: ListedApiKey): boolean {
    return revokedMs === null && (expiresMs === null || expiresMs > this.#nowMs());
  }
}

function hashOf(key: string): string {
  return hashApiKey(key)?.toString('hex') ?? '';
}
