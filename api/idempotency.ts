import { createHash } from 'node:crypto';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  preValidationHookHandler,
} from 'fastify';
import type { ChangeContext } from '../storage/tariff-ports.ts';
import { Problem } from './problem.ts';

/** Header schema of requests that may be sent again. */
export const IDEMPOTENCY_KEY = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: '^[\\x20-\\x7e]+$',
  description:
    'a repeat within 48 hours with the same key and body is answered as the first one, and done once',
} as const;

/** What a change remembers of its request; undefined where it came without a key. Keys are each API key's own. */
export function idempotencyOf(
  request: FastifyRequest,
): NonNullable<ChangeContext['idempotency']> | undefined {
  const key = request.headers['idempotency-key'];
  const { apiKey, method, routeOptions } = request;
  if (typeof key !== 'string' || apiKey === null) return undefined;
  const route = `${method} ${routeOptions.url ?? ''}`;
  return { keyId: apiKey.id, key, route, requestHash: hashOf(request) };
}

/**
 * Refuses the key where a POST does nothing with it: whoever sends one relies on it, and would do twice what must be done once.
 * Call before routes are registered.
 */
export function refuseVainKeys(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (![route.method].flat().includes('POST') || route.schema?.hide === true || takesKey(route.schema))
      return;
    const refuse: preValidationHookHandler = ({ headers }, _, done) => {
      if (headers['idempotency-key'] === undefined) done();
      else done(new Problem(400, 'invalid-input', 'this request takes no Idempotency-Key: leave it out'));
    };
    // After authentication: strangers are told nothing of routes.
    route.preValidation = [...[route.preValidation ?? []].flat(), refuse];
  });
}

function takesKey(schema: FastifySchema | undefined): boolean {
  const headers = schema?.headers as { properties?: Record<string, unknown> } | undefined;
  return headers?.properties?.['idempotency-key'] !== undefined;
}

/** Says that an answer is one that was given before. */
export function markReplayed(reply: FastifyReply, replayed: boolean): void {
  if (replayed) void reply.header('idempotency-replayed', 'true');
}

/** Of what is asked of whom: path, query and body as they were read, names of a body in any order. */
function hashOf({ method, url, body }: FastifyRequest): Uint8Array {
  const asked = JSON.stringify([method, url, sorted(body)]);
  return createHash('sha256').update(asked).digest();
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return fields.map(([name, item]) => [name, sorted(item)]);
}
