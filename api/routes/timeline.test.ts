import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TimelineQuery } from '../../pipeline/views/timeline.ts';
import type { TimelineView } from '../../schemas/timeline-views.ts';
import type { Role } from '../../schemas/roles.ts';
import { apiOptions } from '../api-rig.contract.ts';
import { createApi } from '../server.ts';
import type { Api } from '../server.ts';
import { explainView, timelineView, timelineViews } from '../timeline-factory.contract.ts';

const NOON = Date.UTC(2025, 0, 12, 12);
const DAY = 24 * 3_600_000;
let api: Api;
let asked: unknown[];
/** what is shown instead */
let leak: TimelineView | null = null;
let keys: Record<'viewer' | 'product', string>;

// One for all: an API takes a while to be made.
beforeAll(async () => {
  const views = timelineViews();
  const options = apiOptions({
    timelines: {
      ...views,
      timeline: (id, query: TimelineQuery) => {
        asked.push(query);
        return leak === null ? views.timeline(id, query) : Promise.resolve(leak);
      },
      explain: (id, atMs) => {
        asked.push(atMs);
        return views.explain(id, atMs);
      },
    },
  });
  api = await createApi(options);
  const keyOf = async (role: Role) => (await options.keys.create(role, [role])).key;
  keys = { viewer: await keyOf('viewer'), product: await keyOf('product') };
});

beforeEach(() => {
  asked = [];
});

afterAll(() => api.close());

function get(url: string, role: 'viewer' | 'product' = 'viewer') {
  return api.app.inject({ url, headers: { authorization: `Bearer ${keys[role]}` } });
}

describe('GET /v1/subscribers/:id/timeline', () => {
  it('answers every kind of entry as it is', async () => {
    const answer = await get('/v1/subscribers/s%2F1/timeline');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual(timelineView('s/1'));
  });

  it('lets nothing out that its schema does not have', async () => {
    const view = timelineView('s1');
    const more = view.entries.map((entry) => ({ ...entry, userName: 'alice' }));
    leak = { ...view, entries: more };
    const answer = await get('/v1/subscribers/s1/timeline');
    leak = null;
    expect(answer.json()).toEqual(view);
  });

  it('asks for the last week, or for what it is told, and never for more than 500 entries', async () => {
    await get('/v1/subscribers/s1/timeline');
    await get(
      '/v1/subscribers/s1/timeline?from=2025-01-01T00:00:00%2B01:00&to=2025-01-02T00:00:00Z&limit=999&before=7.2',
    );
    expect(asked).toEqual([
      { fromMs: NOON - 7 * DAY, toMs: NOON, limit: 100, before: null },
      { fromMs: Date.UTC(2024, 11, 31, 23), toMs: Date.UTC(2025, 0, 2), limit: 500, before: '7.2' },
    ]);
  });

  it.each([
    'from=yesterday',
    'to=2025-13-01T00:00:00Z',
    'limit=0',
    'before=x',
    'from=2026-01-01T00:00:00Z',
    'kind=usage',
  ])('refuses %s', async (query) => {
    const answer = await get(`/v1/subscribers/s1/timeline?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid-input' });
    expect(asked).toEqual([]);
  });

  it('does not know everybody, and does not tell everybody', async () => {
    expect((await get('/v1/subscribers/nobody/timeline')).statusCode).toBe(404);
    expect((await get('/v1/subscribers/s1/timeline', 'product')).statusCode).toBe(403);
  });
});

describe('GET /v1/subscribers/:id/explain', () => {
  it('answers all of it as it is', async () => {
    expect((await get('/v1/subscribers/s1/explain')).json()).toEqual(explainView('s1'));
    await get('/v1/subscribers/s1/explain?at=2025-01-12T12:00:00Z');
    expect(asked).toEqual([null, NOON]);
  });

  it('does not know everybody, nor every time, and does not tell everybody', async () => {
    expect((await get('/v1/subscribers/nobody/explain')).statusCode).toBe(404);
    expect((await get('/v1/subscribers/s1/explain?at=noon')).statusCode).toBe(400);
    expect((await get('/v1/subscribers/s1/explain', 'product')).statusCode).toBe(403);
  });
});
