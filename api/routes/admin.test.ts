import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import { jobViews } from '../../pipeline/schedule/job-views.ts';
import type {
  AuditEntryView,
  JobRunsView,
  JobsView,
  KeysView,
  NewKeyView,
} from '../../schemas/admin-views.ts';
import { ROLES } from '../../schemas/roles.ts';
import type { Role } from '../../schemas/roles.ts';
import { MemoryJobStore } from '../../storage/memory/job-store.ts';
import type { AuditEntry, AuditFilter } from '../../storage/tariff-ports.ts';
import type { ADMIN_SCHEMAS } from '../admin-schemas.ts';
import { apiOptions } from '../api-rig.contract.ts';
import { createApi } from '../server.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
const MINUTE = 60_000;
const DAY = 86_400_000;

async function rig() {
  const options = apiOptions();
  const store = new MemoryJobStore(() => NOON);
  const leader = await store.lead('test');
  if (leader === null) throw new Error('nobody else is there to lead');
  await leader.register([{ name: 'trim', cron: '0 * * * *' }], NOON);
  const asked: { filter: AuditFilter; limit: number; after: string | null }[] = [];
  const entry: AuditEntry = {
    ...{ id: '7', atMs: NOON, who: 'ann', action: 'job-run', subject: 'trim', content: { a: [1] } },
  };
  const { app } = await createApi({
    ...options,
    admin: {
      jobs: jobViews(store),
      keys: options.keys,
      audit: {
        audit: (filter, limit, after) => {
          asked.push({ filter, limit, after });
          return Promise.resolve({ items: [entry], next: '7' });
        },
      },
    },
  });
  const ask = async (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    body?: unknown,
    role: Role = 'admin',
  ) => {
    const { id, key } = await options.keys.create('ann', [role]);
    const answer = await app.inject({
      ...{ method, url },
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return {
      id,
      status: answer.statusCode,
      headers: answer.headers,
      body: answer.json<Record<string, unknown>>(),
    };
  };
  return { ask, store, leader, asked, keys: options.keys, app };
}

describe('access', () => {
  it.each<[Role[], 'GET' | 'POST' | 'DELETE', string, unknown]>([
    [['operator', 'admin'], 'GET', '/v1/jobs', undefined],
    [['operator', 'admin'], 'GET', '/v1/jobs/trim/runs', undefined],
    [['operator', 'admin'], 'POST', '/v1/jobs/trim/runs', undefined],
    [['operator', 'admin'], 'GET', '/v1/audit', undefined],
    [['admin'], 'GET', '/v1/keys', undefined],
    [['admin'], 'POST', '/v1/keys', { name: 'x', roles: ['viewer'] }],
    [['admin'], 'DELETE', '/v1/keys/nobody', undefined],
  ])('have %j: %s %s', async (roles, method, url, body) => {
    const { ask } = await rig();
    for (const role of ROLES) {
      const { status } = await ask(method, url, body, role);
      expect(status === 403, role).toBe(!roles.includes(role));
      expect(status, role).not.toBe(401);
    }
  });
});

describe('/v1/jobs', () => {
  it('tells when each ran, what it did, and when it is due next', async () => {
    const { ask, leader } = await rig();
    const first = await leader.begin('trim', NOON + 60 * MINUTE, null);
    if (first === null) throw new Error('it runs already');
    await leader.progress(first, { entries: 12 });
    await leader.end(first, 'failed', 'no room');
    const second = await leader.begin('trim', null, 'bob');
    if (second === null) throw new Error('it runs already');
    const { body } = await ask('GET', '/v1/jobs');
    const started = '2026-01-01T12:00:00.000Z';
    const lastRun = {
      ...{ id: 1, due: '2026-01-01T13:00:00.000Z', by: null, started, ended: started, durationMs: 0 },
      ...{ outcome: 'failed', error: 'no room', result: { entries: 12 } },
    };
    const running = {
      ...{ id: 2, due: null, by: 'bob', started, ended: null, durationMs: null },
      ...{ outcome: null, error: null, result: null },
    };
    expect(body).toEqual({
      jobs: [
        {
          ...{ name: 'trim', cron: '0 * * * *', nextDue: '2026-01-01T14:00:00.000Z', paused: false },
          ...{ requestedBy: null, running, lastRun },
        },
      ],
    });
    expect((await ask('GET', '/v1/jobs/trim/runs')).body).toEqual({ runs: [running, lastRun] });
  });

  it('runs one by hand: once, and not while it runs', async () => {
    const { ask, leader } = await rig();
    expect(await ask('POST', '/v1/jobs/trim/runs')).toMatchObject({
      status: 202,
      body: { name: 'trim', by: 'ann' },
    });
    expect((await ask('GET', '/v1/jobs')).body).toMatchObject({ jobs: [{ requestedBy: 'ann' }] });
    await leader.begin('trim', null, 'ann');
    expect(await ask('POST', '/v1/jobs/trim/runs')).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
  });

  it('is told nothing of a run', async () => {
    const { ask } = await rig();
    expect((await ask('POST', '/v1/jobs/trim/runs', {})).status).toBe(202);
    expect((await ask('POST', '/v1/jobs/trim/runs', { now: true })).status).toBe(400);
  });

  it('is paused, and goes on at its times', async () => {
    const { ask } = await rig();
    const paused = await ask('PATCH', '/v1/jobs/trim', { paused: true });
    expect(paused).toMatchObject({ status: 200, body: { name: 'trim', paused: true, by: 'ann' } });
    expect((await ask('GET', '/v1/jobs')).body).toMatchObject({ jobs: [{ paused: true, nextDue: null }] });
    expect((await ask('PATCH', '/v1/jobs/trim', { paused: false })).status).toBe(200);
    expect((await ask('GET', '/v1/jobs')).body).toMatchObject({ jobs: [{ paused: false }] });
    for (const body of [{}, { paused: 'yes' }, { paused: true, cron: '* * * * *' }])
      expect((await ask('PATCH', '/v1/jobs/trim', body)).status).toBe(400);
  });

  it('does not know others', async () => {
    const { ask } = await rig();
    expect((await ask('PATCH', '/v1/jobs/nothing', { paused: true })).status).toBe(404);
    expect((await ask('POST', '/v1/jobs/nothing/runs')).status).toBe(404);
    expect((await ask('GET', '/v1/jobs/nothing/runs')).status).toBe(404);
  });
});

describe('/v1/keys', () => {
  it('makes a key that works, and tells it once', async () => {
    const { ask, keys } = await rig();
    const expires = new Date(Date.now() + DAY).toISOString();
    const made = await ask('POST', '/v1/keys', {
      name: ' console ',
      roles: ['viewer'],
      expires,
      rateLimit: 60,
    });
    expect(made.status).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { key, id, prefix } = made.body as unknown as NewKeyView;
    expect(made.body).toEqual({
      id,
      key,
      prefix,
      name: 'console',
      roles: ['viewer'],
      expires,
      rateLimit: 60,
    });
    expect(await keys.find(key)).toMatchObject({ id, rateLimit: 60 });
    const listed = await ask('GET', '/v1/keys');
    expect(JSON.stringify(listed.body)).not.toContain(key);
    const { keys: shown } = listed.body as unknown as KeysView;
    expect(shown.find((one) => one.id === id)).toMatchObject({
      prefix,
      createdBy: 'ann',
      expires,
      revoked: null,
    });
  });

  it('revokes one, once, and never the one that asks', async () => {
    const { ask, keys } = await rig();
    const { id, key } = await keys.create('old', ['viewer']);
    expect(await ask('DELETE', `/v1/keys/${id}`)).toMatchObject({ status: 200, body: { id } });
    expect(await keys.find(key)).toBeNull();
    expect((await ask('DELETE', `/v1/keys/${id}`)).status).toBe(404);
    expect((await ask('DELETE', '/v1/keys/nobody')).status).toBe(404);
  });

  it('does not revoke the key that asks', async () => {
    const { app, keys } = await rig();
    const { id, key } = await keys.create('own', ['admin']);
    const headers = { authorization: `Bearer ${key}` };
    const answer = await app.inject({ method: 'DELETE', url: `/v1/keys/${id}`, headers });
    expect(answer.statusCode).toBe(409);
    expect(await keys.find(key)).not.toBeNull();
  });

  it.each([
    ['no roles', { name: 'x', roles: [] }],
    ['an unknown role', { name: 'x', roles: ['root'] }],
    ['no name', { name: '  ', roles: ['viewer'] }],
    ['a name of two lines', { name: 'a\nb', roles: ['viewer'] }],
    ['an expiry that is over', { name: 'x', roles: ['viewer'], expires: '2020-01-01T00:00:00Z' }],
    ['no requests at all', { name: 'x', roles: ['viewer'], rateLimit: 0 }],
    ['a field that it does not know', { name: 'x', roles: ['viewer'], admin: true }],
  ])('refuses %s', async (_, body) => {
    const { ask } = await rig();
    expect(await ask('POST', '/v1/keys', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid-input' },
    });
  });
});

describe('/v1/audit', () => {
  it('is asked by who, what and when, and goes on where it ended', async () => {
    const { ask, asked } = await rig();
    const query =
      'subject=trim&who=ann&action=job-run&from=2026-01-01T00:00:00%2B01:00&to=2026-02-01T00:00:00Z';
    const { body } = await ask('GET', `/v1/audit?${query}&limit=7`);
    const at = '2026-01-01T12:00:00.000Z';
    const entry = { id: '7', at, who: 'ann', action: 'job-run', subject: 'trim', content: { a: [1] } };
    expect(body).toEqual({ items: [entry], next: 'Nw' });
    await ask('GET', '/v1/audit?after=Nw');
    const filter = {
      ...{ subject: 'trim', who: 'ann', action: 'job-run' },
      ...{ fromMs: Date.UTC(2025, 11, 31, 23), toMs: Date.UTC(2026, 1) },
    };
    const none = { subject: null, who: null, action: null, fromMs: null, toMs: null };
    expect(asked).toEqual([
      { filter, limit: 7, after: null },
      { filter: none, limit: 100, after: '7' },
    ]);
  });

  it.each(['who=', 'from=yesterday', 'limit=0', 'limit=501', 'after=!', 'sort=id'])(
    'refuses %s',
    async (query) => {
      const { ask } = await rig();
      expect((await ask('GET', `/v1/audit?${query}`)).status).toBe(400);
    },
  );
});

it('says in its schemas what it answers', () => {
  type Told<Name extends keyof typeof ADMIN_SCHEMAS> = z.infer<(typeof ADMIN_SCHEMAS)[Name]>;
  expectTypeOf<Told<'Jobs'>>().toEqualTypeOf<JobsView>();
  expectTypeOf<Told<'JobRuns'>>().toEqualTypeOf<JobRunsView>();
  expectTypeOf<Told<'Keys'>>().toEqualTypeOf<KeysView>();
  expectTypeOf<Told<'NewKey'>>().toEqualTypeOf<NewKeyView>();
  expectTypeOf<Told<'AuditEntries'>['items']>().toEqualTypeOf<AuditEntryView[]>();
});
