import type { FastifyInstance } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROLES } from '../schemas/roles.ts';
import type { Role } from '../schemas/roles.ts';
import type { MemoryApiKeys } from '../storage/memory/api-keys.ts';
import { createApi } from './server.ts';
import { wholeApiOptions } from './whole-api.contract.ts';

/** Everybody who reads what names no person. */
const READERS: Role[] = ['viewer', 'analyst', 'product', 'operator', 'billing'];
/** The same without product: persons are named. */
const OF_PERSONS: Role[] = ['viewer', 'analyst', 'operator', 'billing'];
const READERS_OF_POLICIES: Role[] = ['viewer', 'analyst', 'product', 'operator'];
const SUPPORT: Role[] = ['operator', 'billing'];
const PUBLIC = 'public';

/**
 * Who may use each route besides admin; a route that is not here fails. By method and path of the document. Add a line for
 * each route that you make.
 */
const ACCESS: Record<string, Role[] | typeof PUBLIC> = {
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'POST /v1/accounting': ['feed'],
  'GET /v1/overview': READERS,
  // subscribers
  'GET /v1/subscribers': OF_PERSONS,
  'GET /v1/subscribers/{id}': OF_PERSONS,
  'PUT /v1/subscribers/{id}': SUPPORT,
  'POST /v1/subscribers/{id}/commands': ['operator'],
  'GET /v1/subscribers/{id}/explain': OF_PERSONS,
  'GET /v1/subscribers/{id}/timeline': OF_PERSONS,
  'POST /v1/subscribers/{id}/assignments': ['billing'],
  'POST /v1/subscribers/{id}/termination': ['billing'],
  'POST /v1/subscribers/{id}/preview': OF_PERSONS,
  'POST /v1/subscribers/{id}/holds': SUPPORT,
  'DELETE /v1/subscribers/{id}/holds/{holdId}': SUPPORT,
  'GET /v1/subscribers/{id}/top-ups': OF_PERSONS,
  'POST /v1/subscribers/{id}/top-ups': SUPPORT,
  'DELETE /v1/subscribers/{id}/top-ups/{topUpId}': SUPPORT,
  'POST /v1/subscribers/{id}/add-ons': ['billing'],
  'DELETE /v1/subscribers/{id}/add-ons/{addOnAssignmentId}': ['billing'],
  'GET /v1/subscribers/{id}/cycles': OF_PERSONS,
  'GET /v1/subscribers/{id}/export': [],
  'POST /v1/subscribers/{id}/erasure': [],
  // plans
  'GET /v1/plans': READERS,
  'GET /v1/plans/{planId}': READERS,
  'PATCH /v1/plans/{planId}': ['product'],
  'GET /v1/plans/{planId}/versions': READERS,
  'POST /v1/plans/{planId}/versions': ['product'],
  'GET /v1/plans/{planId}/versions/{version}': READERS,
  'GET /v1/add-ons/{addOnId}/versions': READERS,
  'POST /v1/add-ons/{addOnId}/versions': ['product'],
  // accounts, pools, cycles
  'GET /v1/accounts': OF_PERSONS,
  'GET /v1/accounts/{accountId}': OF_PERSONS,
  'PUT /v1/accounts/{accountId}': ['billing'],
  'PATCH /v1/accounts/{accountId}': ['billing'],
  'POST /v1/accounts/{accountId}/cycle-changes': ['billing'],
  'GET /v1/pools': OF_PERSONS,
  'GET /v1/pools/{poolId}': OF_PERSONS,
  'PUT /v1/pools/{poolId}': SUPPORT,
  'PUT /v1/pools/{poolId}/members/{subscriberId}': SUPPORT,
  'DELETE /v1/pools/{poolId}/members/{subscriberId}': SUPPORT,
  'POST /v1/pools/{poolId}/top-ups': SUPPORT,
  'DELETE /v1/pools/{poolId}/top-ups/{topUpId}': SUPPORT,
  'GET /v1/cycles': OF_PERSONS,
  // billing
  'GET /v1/billing-items': ['analyst', 'billing'],
  'POST /v1/billing-items': ['billing'],
  'POST /v1/billing-items/{key}/resend': ['billing'],
  'POST /v1/billing-items/resend': ['billing'],
  'GET /v1/reconciliations': ['billing'],
  'POST /v1/reconciliations': ['billing'],
  'GET /v1/reconciliations/{id}': ['billing'],
  // imports
  'GET /v1/imports': SUPPORT,
  'POST /v1/imports': SUPPORT,
  'GET /v1/imports/{importId}': SUPPORT,
  'DELETE /v1/imports/{importId}': SUPPORT,
  'GET /v1/imports/{importId}/faults': SUPPORT,
  'POST /v1/imports/{importId}/resume': SUPPORT,
  // operation
  'GET /v1/audit': ['operator'],
  'GET /v1/jobs': ['operator'],
  'GET /v1/jobs/{name}/runs': ['operator'],
  'POST /v1/jobs/{name}/runs': ['operator'],
  'PATCH /v1/jobs/{name}': ['operator'],
  'GET /v1/keys': [],
  'POST /v1/keys': [],
  'DELETE /v1/keys/{id}': [],
  'POST /v1/state/fold-version': [],
  // feeds
  'GET /v1/feeds': READERS,
  'GET /v1/feeds/profiles': READERS,
  'PUT /v1/feeds/{feedId}': ['operator'],
  'GET /v1/nas/profiles': OF_PERSONS,
  'PUT /v1/nas/profiles/{nasId}': ['operator'],
  'GET /v1/dead-letters': ['analyst', 'operator'],
  'GET /v1/dead-letters/summary': ['analyst', 'operator'],
  'GET /v1/dead-letters/{id}': ['analyst', 'operator'],
  'POST /v1/dead-letters/replay': ['operator'],
  // policies
  'GET /v1/policies': READERS_OF_POLICIES,
  'POST /v1/policies': ['product'],
  'POST /v1/policies/validate': ['analyst', 'product'],
  'GET /v1/policies/{id}': READERS_OF_POLICIES,
  'DELETE /v1/policies/{id}': ['product'],
  'POST /v1/policies/{id}/publish': ['product'],
  'POST /v1/policies/{id}/rollback': ['product'],
  'GET /v1/policies/{id}/shadow-report': READERS_OF_POLICIES,
  'GET /v1/policies/{id}/versions/{version}': READERS_OF_POLICIES,
  'GET /v1/provider-settings': READERS_OF_POLICIES,
  'PUT /v1/provider-settings': ['product'],
};

/** Routes that the document does not have. */
const HIDDEN: readonly string[] = [];

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

let app: FastifyInstance;
let keys: MemoryApiKeys;

beforeAll(async () => {
  const options = wholeApiOptions();
  keys = options.keys;
  ({ app } = await createApi(options));
}, 120_000);

/** All that the document has, as `GET /v1/overview`. */
function routesOf(): string[] {
  const { paths = {} } = app.swagger() as { paths?: Record<string, Record<string, unknown>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => method in methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

/** The status of a request with nothing in it; what it is refused for besides the key does not matter. */
async function statusOf(route: string, authorization?: string): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  const url = path.replace(/\{[^}]*\}/g, 'x');
  const headers = authorization === undefined ? {} : { authorization };
  return (await app.inject({ method: method as 'GET', url, headers })).statusCode;
}

describe('every route', () => {
  it('is in the table, and the table names no other', () => {
    expect(routesOf().sort()).toEqual([...Object.keys(ACCESS), ...HIDDEN].sort());
  });

  it('is closed to who has no key, or is public', async () => {
    for (const [route, access] of Object.entries(ACCESS)) {
      const status = await statusOf(route);
      if (access === PUBLIC) expect(status, route).toBe(200);
      else expect(status, route).toBe(401);
    }
  });

  it.each(ROLES.map((role) => [role] as const))('is open to those of the table: %s', async (role) => {
    const authorization = `Bearer ${(await keys.create(role, [role])).key}`;
    for (const [route, access] of Object.entries(ACCESS)) {
      const status = await statusOf(route, authorization);
      const open = access === PUBLIC || role === 'admin' || access.includes(role);
      expect(status === 403, `${route}: ${status}`).toBe(!open);
      expect(status, route).not.toBe(401);
    }
  });
});
