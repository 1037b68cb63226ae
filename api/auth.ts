import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
} from 'fastify';
import type { Logger } from 'pino';
import type { Role } from '../schemas/roles.ts';
import type { ApiKey, ApiKeys } from '../storage/people-ports.ts';
import { Problem } from './problem.ts';

/** Who may use a route: any of these roles, or everybody, without a key. Admin may use all. */
export type RouteAccess = readonly Role[] | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    roles?: RouteAccess;
  }
  interface FastifyRequest {
    /** the key that the request came with; null on public routes */
    apiKey: ApiKey | null;
  }
}

export interface AuthOptions {
  keys: Pick<ApiKeys, 'find'>;
  log: Pick<Logger, 'warn'>;
  /** failed tries a minute and address, after which they are answered 429 */
  failuresPerMinute: number;
  /** requests a minute of a key that has no limit of its own */
  requestsPerMinute: number;
  /** is told of each key that was good */
  used: (key: ApiKey) => void;
}

/**
 * Denies by default: a route that does not declare `config.roles` fails its registration, and every other request needs
 * a key with one of the roles. To be called after @fastify/rate-limit is registered and before any route.
 *
 * Keys are looked at after the general rate limit (preParsing comes after onRequest), so that lookups are limited too.
 * A good key works while its address is limited for bad ones: whoever shares an address with a guesser keeps working,
 * and 256 random bits are not guessed. It has a limit of its own, wherever it comes from; a route with a limit of its own
 * has that one for keys without.
 */
export function requireKeys(app: FastifyInstance, options: AuthOptions): void {
  const countFailure = app.createRateLimit({ max: options.failuresPerMinute, timeWindow: '1 minute' });
  const countKey = limitKeys(app, options.requestsPerMinute);
  app.decorateRequest('apiKey', null);
  app.addHook('onRoute', declared);
  app.addHook('preParsing', async (request, reply) => {
    const access = request.routeOptions.config.roles;
    // No route, hence no declared roles: the not-found handler answers, and it tells nothing.
    if (access === 'public' || (access === undefined && request.is404)) return;
    request.apiKey = await authenticate(request, reply, options, countFailure);
    options.used(request.apiKey);
    await countKey(request, reply);
    // Without declared roles nobody but admin gets in; registration has already refused such a route.
    if (mayUse(request.apiKey, access ?? [])) return;
    throw new Problem(
      403,
      'forbidden',
      `this needs a key with one of the roles ${[...new Set([...(access ?? []), 'admin'])].join(', ')}`,
    );
  });
}

/** @returns what throws a Problem 429 once a key has used its minute up */
function limitKeys(
  app: FastifyInstance,
  usual: number,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const count = app.createRateLimit({
    timeWindow: '1 minute',
    keyGenerator: ({ apiKey, routeOptions: { config, url } }) =>
      // Of a route with a limit of its own the count is too: what a feed sends does not use up what its key may ask.
      apiKey?.rateLimit === null && limitOf(config) !== null
        ? `${apiKey.id} ${url ?? ''}`
        : (apiKey?.id ?? ''),
    max: ({ apiKey, routeOptions: { config } }) => apiKey?.rateLimit ?? limitOf(config) ?? usual,
  });
  return async (request, reply) => {
    const limit = await count(request);
    if (limit.isAllowed || !limit.isExceeded) return;
    void reply.header('retry-after', String(limit.ttlInSeconds));
    throw new Problem(429, 'rate-limited', `this key may ask ${limit.max} times a minute; wait`);
  };
}

/** Requests a minute that a route takes; null = as many as any. */
function limitOf({ rateLimit }: FastifyContextConfig): number | null {
  return typeof rateLimit === 'object' && typeof rateLimit.max === 'number' ? rateLimit.max : null;
}

function declared(route: RouteOptions): void {
  if (route.config?.roles !== undefined) return;
  throw new Error(`route ${String(route.method)} ${route.url} does not declare config.roles`);
}

/** True where a key has one of these roles; admin has all. */
export function mayUse(key: ApiKey | null, access: readonly Role[]): boolean {
  return key !== null && key.roles.some((role) => role === 'admin' || access.includes(role));
}

async function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  { keys, log }: AuthOptions,
  countFailure: ReturnType<FastifyInstance['createRateLimit']>,
): Promise<ApiKey> {
  const text = bearer(request.headers.authorization);
  const key = text === null ? null : await keys.find(text);
  if (key !== null) return key;
  const why = text === null ? 'no key' : 'unknown key';
  const limit = await countFailure(request);
  if (!limit.isAllowed && limit.isExceeded) {
    void reply.header('retry-after', String(limit.ttlInSeconds));
    throw new Problem(429, 'rate-limited', 'too many requests without a valid key; wait a minute');
  }
  log.warn({ address: request.ip, route: request.routeOptions.url, why }, 'request refused');
  throw new Problem(401, 'unauthorised', `${why}: send Authorization: Bearer weir_...`);
}

/** The token of an Authorization header (RFC 6750); null where there is none. */
function bearer(header: string | undefined): string | null {
  const match = /^Bearer +([A-Za-z0-9._~+/=-]{1,200})$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
