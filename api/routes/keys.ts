import type { FastifyInstance } from 'fastify';
import type { Role } from '../../schemas/roles.ts';
import { ROLES } from '../../schemas/roles.ts';
import type { AdminSources } from '../admin-sources.ts';
import { answers } from '../answers.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { instantText, keyView } from '../key-view.ts';
import { NAME } from '../names.ts';
import { Problem } from '../problem.ts';

const ADMIN = { roles: ['admin'] } as const;
const TAGS = ['keys'];
/** Control characters, what turns or hides text, and halves of characters; by number, as in NAME_PATTERN. */
const HIDDEN =
  '\\u0000-\\u001F\\u007F-\\u009F\\u00AD\\u061C\\u180E\\u200B-\\u200F\\u2028-\\u202E\\u2060-\\u206F\\uFEFF\\uFFF9-\\uFFFB\\uD800-\\uDFFF';
/** Names show in logs, lists and the audit. */
const NAME_OF_KEY = {
  type: 'string',
  minLength: 1,
  maxLength: 100,
  pattern: `^[^${HIDDEN}]*[^${HIDDEN}\\s][^${HIDDEN}]*$`,
};

const NEW_KEY = {
  type: 'object',
  properties: {
    name: { ...NAME_OF_KEY, description: 'whose it is' },
    roles: { type: 'array', items: { type: 'string', enum: ROLES }, minItems: 1, maxItems: ROLES.length },
    expires: { ...INSTANT, description: 'it works until then; without it, until it is revoked' },
    rateLimit: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'requests a minute' },
  },
  required: ['name', 'roles'],
  additionalProperties: false,
} as const;

interface AskedKey {
  name: string;
  roles: Role[];
  expires?: string;
  rateLimit?: number;
}

/** `/v1/keys`: who may use the API. */
export function keyRoutes(
  app: FastifyInstance,
  keys: AdminSources['keys'],
  nowMs: () => number = Date.now,
): void {
  app.get(
    '/v1/keys',
    {
      config: ADMIN,
      schema: {
        summary: 'API keys, also those that work no more; the keys themselves are stored nowhere',
        tags: TAGS,
        response: answers({ 200: ['Keys', 'The last made first'] }),
      },
    },
    async () => ({ keys: (await keys.list()).map(keyView) }),
  );
  app.post<{ Body: AskedKey }>(
    '/v1/keys',
    {
      config: ADMIN,
      schema: {
        summary: 'Make a key',
        tags: TAGS,
        body: NEW_KEY,
        response: answers({ 201: ['NewKey', 'The key, told here and never again'] }),
      },
    },
    async ({ body, apiKey }, reply) => {
      const { roles, expires, rateLimit } = body;
      const name = body.name.trim();
      const expiresMs = expires === undefined ? null : instantMs(expires, 'expires');
      if (expiresMs !== null && expiresMs <= nowMs())
        throw new Problem(400, 'invalid-input', 'expires is over already');
      const made = await keys.create(name, roles, {
        by: apiKey?.name ?? 'unknown',
        ...(expiresMs === null ? {} : { expiresMs }),
        ...(rateLimit === undefined ? {} : { rateLimit }),
      });
      // Nobody but who asked may keep it.
      void reply.header('cache-control', 'no-store');
      const told = { name, roles: [...new Set(roles)], rateLimit: rateLimit ?? null };
      return reply.code(201).send({ ...made, ...told, expires: instantText(expiresMs) });
    },
  );
  app.delete<{ Params: { id: string } }>(
    '/v1/keys/:id',
    {
      config: ADMIN,
      schema: {
        summary: 'Revoke a key: it works no more, at once and for ever',
        tags: TAGS,
        params: { type: 'object', properties: { id: NAME }, required: ['id'], additionalProperties: false },
        response: answers({ 200: ['RevokedKey', 'Revoked'] }),
      },
    },
    async ({ params: { id }, apiKey }) => {
      // Whoever locks themselves out has to go to the database.
      if (apiKey?.id === id) throw new Problem(409, 'conflict', 'this is the key that asks: use another one');
      if (await keys.revoke(id, apiKey?.name ?? 'unknown')) return { id };
      throw new Problem(404, 'not-found', `there is no key ${id} that works`);
    },
  );
}
