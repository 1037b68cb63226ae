import { readFileSync, writeFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import { deadLetterViews } from '../pipeline/dead-letter/letter-rig.contract.ts';
import { policyRig } from '../pipeline/policies/policy-rig.contract.ts';
import { createTelemetry } from '../pipeline/telemetry.ts';
import { AppError } from '../schemas/errors.ts';
import type { HealthView, OverviewView, SubscriberView } from '../schemas/views.ts';
import { MemoryApiKeys } from '../storage/memory/api-keys.ts';
import { MemoryDeadLetters } from '../storage/memory/dead-letters.ts';
import { ROLES } from '../schemas/roles.ts';
import type { Role } from '../schemas/roles.ts';
import { FakeDirectory } from './directory.contract.ts';
import { feedsView } from './feed-factory.contract.ts';
import { createApi } from './server.ts';
import type { ApiOptions, ApiViews } from './server.ts';
import { timelineViews } from './timeline-factory.contract.ts';
import { overviewView, subscriberView } from './view-factory.contract.ts';
import type { VIEW_SCHEMAS } from './view-schemas.ts';
import { wholeApiOptions } from './whole-api.contract.ts';

const DOCUMENT = new URL('../schemas/openapi.json', import.meta.url);

const WELL: HealthView = { ok: true, problems: [] };

const VIEWS: ApiViews = {
  overview: () => Promise.resolve(overviewView()),
  subscriber: (id) => Promise.resolve(id === 'nobody' ? null : subscriberView(id)),
  health: () => Promise.resolve(WELL),
  ready: () => Promise.resolve(WELL),
  feeds: () => Promise.resolve(feedsView()),
  deadLetters: deadLetterViews(new MemoryDeadLetters()),
  policies: policyRig().life,
  timelines: timelineViews(),
};

async function rig(changes: Partial<Omit<ApiOptions, 'views'>> & { views?: Partial<ApiViews> } = {}) {
  const lines: string[] = [];
  const { log } = createTelemetry({
    level: 'debug',
    processMetrics: false,
    write: (line) => lines.push(line),
  });
  const keys = new MemoryApiKeys();
  const api = await createApi({
    keys,
    log,
    directory: new FakeDirectory(),
    intake: { turnsAway: () => false, take: () => Promise.reject(new Error('accounting.test.ts has one')) },
    ...changes,
    views: { ...VIEWS, ...changes.views },
  });
  const headers = async (...roles: Role[]): Promise<Record<string, string>> => {
    const { key } = await keys.create('test', roles);
    return { authorization: `Bearer ${key}` };
  };
  return { app: api.app, lines, keys, headers };
}

/** Registers one POST route that takes {count}. */
function withPost(app: FastifyInstance): void {
  const body = {
    type: 'object',
    properties: { count: { type: 'integer' } },
    required: ['count'],
    additionalProperties: false,
  };
  app.post(
    '/v1/things',
    { config: { roles: ['operator'] }, schema: { body } },
    async (request) => request.body,
  );
}

describe('access', () => {
  it('is refused at registration to a route that does not say who may use it', async () => {
    const routes = (app: FastifyInstance): void => {
      app.get('/v1/forgotten', async () => 'secrets');
    };
    await expect(rig({ routes })).rejects.toThrow('route GET /v1/forgotten does not declare config.roles');
  });

  it.each([
    ['no header', {}],
    ['another scheme', { authorization: 'Basic d2VpcjpodXNo' }],
    ['no form of a key', { authorization: 'Bearer 1234' }],
    ['an unknown key', { authorization: `Bearer weir_${'A'.repeat(43)}` }],
  ])('is refused with %s', async (_, headers) => {
    const { app } = await rig();
    for (const url of ['/v1/overview', '/v1/subscribers/s1']) {
      const answer = await app.inject({ url, headers });
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toContain('Bearer');
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({ status: 401, code: 'unauthorised', type: 'about:blank' });
    }
  });

  it.each(ROLES.map((role) => [role] as const))('is by role: %s', async (role) => {
    const { app, headers } = await rig();
    const withKey = await headers(role);
    const expected = (roles: Role[]): number => (role === 'admin' || roles.includes(role) ? 200 : 403);
    const overview = await app.inject({ url: '/v1/overview', headers: withKey });
    expect(overview.statusCode).toBe(expected(['viewer', 'analyst', 'product', 'operator', 'billing']));
    const subscriber = await app.inject({ url: '/v1/subscribers/s1', headers: withKey });
    expect(subscriber.statusCode).toBe(expected(['viewer', 'analyst', 'operator', 'billing']));
  });

  it('needs no key for health, the page and the document', async () => {
    const { app } = await rig();
    for (const url of ['/healthz', '/readyz', '/', '/v1/openapi.json']) {
      expect((await app.inject(url)).statusCode, url).toBe(200);
    }
  });

  it('is limited for those who keep failing, and not for a good key from the same address', async () => {
    const { app, headers } = await rig({ failureLimit: 3 });
    const bad = { authorization: `Bearer weir_${'B'.repeat(43)}` };
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++)
      statuses.push((await app.inject({ url: '/v1/overview', headers: bad })).statusCode);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    const limited = await app.inject({ url: '/v1/overview', headers: bad });
    expect(limited.json()).toMatchObject({ code: 'rate-limited' });
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect((await app.inject({ url: '/v1/overview', headers: await headers('viewer') })).statusCode).toBe(
      200,
    );
  });

  it('is logged without the key when refused', async () => {
    const { app, lines } = await rig();
    const key = `weir_${'C'.repeat(43)}`;
    await app.inject({ url: '/v1/subscribers/s1', headers: { authorization: `Bearer ${key}` } });
    const log = lines.join('');
    expect(log).toContain('request refused');
    expect(log).not.toContain(key);
    expect(log).not.toContain('s1');
  });

  it('does not believe X-Forwarded-For unless a proxy is trusted', async () => {
    const bad = (n: number) => ({ authorization: 'Bearer x', 'x-forwarded-for': `198.51.100.${n}` });
    const statusesOf = async (app: FastifyInstance): Promise<number[]> => {
      const statuses: number[] = [];
      for (let i = 0; i < 3; i++) {
        const headers = { ...bad(i), authorization: `Bearer weir_${'D'.repeat(43)}` };
        statuses.push((await app.inject({ url: '/v1/overview', headers })).statusCode);
      }
      return statuses;
    };
    const open = await rig({ failureLimit: 2 });
    expect(await statusesOf(open.app)).toEqual([401, 401, 429]);
    const behind = await rig({ failureLimit: 2, trustedProxies: ['127.0.0.1'] });
    expect(await statusesOf(behind.app)).toEqual([401, 401, 401]);
  });
});

describe('answers', () => {
  it('are the views, whole', async () => {
    const { app, headers } = await rig();
    const withKey = await headers('viewer');
    expect((await app.inject({ url: '/v1/overview', headers: withKey })).json()).toEqual(overviewView());
    const subscriber = await app.inject({ url: '/v1/subscribers/s%2F1', headers: withKey });
    expect(subscriber.json()).toEqual(subscriberView('s/1'));
  });

  it('have the types of schemas/views.ts', () => {
    expectTypeOf<z.infer<typeof VIEW_SCHEMAS.Overview>>().toEqualTypeOf<OverviewView>();
    // Both ways assignable (one way is checked where it is declared): intersections are not identical to what they spell.
    expectTypeOf<SubscriberView>().toExtend<z.infer<typeof VIEW_SCHEMAS.Subscriber>>();
    expectTypeOf<z.infer<typeof VIEW_SCHEMAS.Health>>().toEqualTypeOf<HealthView>();
  });

  it('leave out what no schema declares', async () => {
    const views = { health: () => Promise.resolve({ ...WELL, password: 'hush' }) };
    const { app } = await rig({ views });
    expect((await app.inject('/healthz')).body).not.toContain('hush');
  });

  it('say 503 and why when offsets do not move', async () => {
    const stuck = { ok: false, problems: ['partition 3 has not moved for 120 s'] };
    const { app } = await rig({
      views: { health: () => Promise.resolve(stuck), ready: () => Promise.resolve(stuck) },
    });
    for (const url of ['/healthz', '/readyz']) {
      const answer = await app.inject(url);
      expect(answer.statusCode).toBe(503);
      expect(answer.json()).toEqual(stuck);
    }
  });

  it('carry the headers that keep a browser careful', async () => {
    const { app } = await rig();
    const { headers } = await app.inject('/');
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('errors', () => {
  it.each([
    ['an unknown path', 'GET', '/v1/nothing', 404, 'not-found'],
    ['an unknown subscriber', 'GET', '/v1/subscribers/nobody', 404, 'not-found'],
    ['a wrong method', 'DELETE', '/v1/subscribers/s1', 405, 'method-not-allowed'],
    ['a wrong method at the root', 'POST', '/', 405, 'method-not-allowed'],
    ['a too long id', 'GET', `/v1/subscribers/${'x'.repeat(257)}`, 400, 'invalid-input'],
    ['a broken escape', 'GET', '/v1/subscribers/%zz', 400, 'bad-request'],
  ] as const)('are problem documents: %s', async (_, method, url, status, code) => {
    const { app, headers } = await rig();
    const answer = await app.inject({ method, url, headers: await headers('admin') });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ status, code, type: 'about:blank' });
  });

  it('say which methods there are', async () => {
    const { app } = await rig();
    const answer = await app.inject({ method: 'PUT', url: '/v1/overview', payload: 'x'.repeat(100_000) });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  it.each([
    ['a number as text', { count: '12' }],
    ['a fraction', { count: 1.5 }],
    ['an unknown field', { count: 1, extra: true }],
    ['a missing field', {}],
  ])('are given for what other servers coerce or drop: %s', async (_, payload) => {
    const { app, headers } = await rig({ routes: withPost });
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/things',
      payload,
      headers: await headers('operator'),
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid-input' });
  });

  it('are given for a body beyond the limit, of a form nobody reads, or broken', async () => {
    const { app, headers } = await rig({ routes: withPost });
    const withKey = await headers('operator');
    const post = (payload: string, type: string) =>
      app.inject({
        method: 'POST',
        url: '/v1/things',
        payload,
        headers: { ...withKey, 'content-type': type },
      });
    expect(
      (await post(JSON.stringify({ count: 'x'.repeat(70_000) }), 'application/json')).json(),
    ).toMatchObject({
      status: 413,
      code: 'too-large',
    });
    expect((await post('<count/>', 'application/xml')).json()).toMatchObject({
      status: 415,
      code: 'bad-request',
    });
    expect((await post('{', 'application/json')).json()).toMatchObject({ status: 400, code: 'bad-request' });
  });

  it('come before a body is read when there is no key', async () => {
    const { app } = await rig({ routes: withPost });
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/things',
      payload: { count: 'x'.repeat(70_000) },
    });
    expect(answer.statusCode).toBe(401);
  });

  it('are 429 beyond the rate', async () => {
    const { app } = await rig({ rateLimit: 2 });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await app.inject('/')).statusCode);
    expect(statuses).toEqual([200, 200, 429]);
    const answer = await app.inject('/');
    expect(answer.json()).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(answer.headers['retry-after']).toBeDefined();
  });

  it.each([
    [
      'a server away',
      new AppError('unreachable', 'redis://:hush@redis is away', { retriable: true }),
      503,
      'unreachable',
    ],
    ['corrupt state', new AppError('store-corrupt', 'hush'), 500, 'internal'],
    ['a defect', new TypeError('hush is undefined'), 500, 'internal'],
  ])('tell no inside: %s', async (_, failure, status, code) => {
    const { app, headers, lines } = await rig({ views: { overview: () => Promise.reject(failure) } });
    const answer = await app.inject({ url: '/v1/overview', headers: await headers('viewer') });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code });
    expect(answer.body).not.toContain('hush');
    expect(lines.join('')).toContain('request failed');
  });
});

describe('the OpenAPI document', () => {
  it('is schemas/openapi.json (WEIR_UPDATE_DOCS=1 writes it anew)', async () => {
    const { app } = await createApi(wholeApiOptions());
    const served = `${JSON.stringify((await app.inject('/v1/openapi.json')).json(), null, 2)}\n`;
    if (process.env['WEIR_UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, served);
    expect(JSON.parse(readFileSync(DOCUMENT, 'utf8'))).toEqual(JSON.parse(served));
  });

  it('names the roles of every route and resolves its references', async () => {
    const { app } = await createApi(wholeApiOptions());
    const text = (await app.inject('/v1/openapi.json')).body;
    const document = JSON.parse(text) as {
      paths: Record<string, { get: { description?: string } }>;
      components: { schemas: object };
    };
    expect(document.paths['/v1/overview']?.get.description).toContain('admin');
    for (const [, name] of text.matchAll(/#\/components\/schemas\/([A-Za-z-]+)/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name);
    }
  });
});
