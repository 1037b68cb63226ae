import type { InjectOptions } from 'fastify';
import type { Role } from '../schemas/roles.ts';
import { apiOptions } from './api-rig.contract.ts';
import { createApi } from './server.ts';
import { recordingTariffs } from './tariff-fake.contract.ts';
import type { TariffSources } from './tariff-sources.ts';

type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/**
 * An API over tariffs, and a way to ask it as somebody of a role.
 *
 * @param options of all else that it serves
 */
export async function tariffApi<T extends TariffSources>(tariffs: T, options = apiOptions()) {
  const { app } = await createApi({ ...options, tariffs, rateLimit: 1_000_000, keyRateLimit: 1_000_000 });
  const keys = new Map<Role, string>();
  const keyOf = async (role: Role): Promise<string> => {
    const known = keys.get(role) ?? (await options.keys.create(`ann-${role}`, [role])).key;
    keys.set(role, known);
    return known;
  };
  const ask = async (
    method: Method,
    url: string,
    body?: unknown,
    { role = 'admin', ...headers }: { role?: Role } & Record<string, string> = {},
  ) => {
    const authorization = `Bearer ${await keyOf(role as Role)}`;
    const request: InjectOptions = { method, url, headers: { ...headers, authorization } };
    const answer = await app.inject(
      body === undefined
        ? request
        : {
            ...request,
            headers: { ...request.headers, 'content-type': 'application/json' },
            payload: JSON.stringify(body),
          },
    );
    const type = String(answer.headers['content-type']);
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      body: (type.includes('json') && !type.includes('ndjson') ? answer.json() : {}) as Record<
        string,
        unknown
      >,
    };
  };
  return { app, keys: options.keys, ask, tariffs };
}

/** The same over sources that write down what they are asked. */
export function recordingApi() {
  return tariffApi(recordingTariffs());
}
