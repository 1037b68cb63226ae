import { AppError } from '../../schemas/errors.ts';
import { hashApiKey, newApiKey, newApiKeyId } from '../api-key.ts';
import type { Role } from '../../schemas/roles.ts';
import type { ApiKey, ApiKeys } from '../people-ports.ts';

/** API keys of one process's life, for tests. */
export class MemoryApiKeys implements ApiKeys {
  readonly #byHash = new Map<string, ApiKey>();

  create(name: string, roles: readonly Role[]): Promise<{ id: string; key: string }> {
    if (roles.length === 0)
      return Promise.reject(new AppError('invalid-input', 'an API key needs at least one role'));
    const id = newApiKeyId();
    const key = newApiKey();
    this.#byHash.set(hashOf(key), { id, name, roles: [...new Set(roles)] });
    return Promise.resolve({ id, key });
  }

  find(key: string): Promise<ApiKey | null> {
    const found = this.#byHash.get(hashOf(key));
    return Promise.resolve(found === undefined ? null : { ...found, roles: [...found.roles] });
  }

  count(): Promise<number> {
    return Promise.resolve(this.#byHash.size);
  }
}

function hashOf(key: string): string {
  return hashApiKey(key)?.toString('hex') ?? '';
}
