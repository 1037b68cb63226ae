import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import { NEWEST_BLOB_VERSION } from '../../pipeline/fold/slot-state.ts';
import type { FeedsQuery } from '../../pipeline/views/feeds.ts';
import type { FeedsView } from '../../schemas/feed-views.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { ROLES } from '../../schemas/roles.ts';
import type { Role } from '../../schemas/roles.ts';
import { apiOptions } from '../api-rig.contract.ts';
import { FakeDirectory } from '../directory.contract.ts';
import type { FEED_SCHEMAS } from '../feed-schemas.ts';
import { feedsView } from '../feed-factory.contract.ts';
import { createApi } from '../server.ts';
import { subscriberView } from '../view-factory.contract.ts';

async function rig() {
  const directory = new FakeDirectory(['listed']);
  const asked: FeedsQuery[] = [];
  const options = apiOptions({
    subscriber: (id) => Promise.resolve(id === 'metered' ? subscriberView(id) : null),
    feeds: (query) => {
      asked.push(query);
      return Promise.resolve(feedsView());
    },
  });
  const { app } = await createApi({ ...options, directory });
  const ask = async (
    method: 'GET' | 'PUT' | 'POST',
    url: string,
    body?: unknown,
    role: Role = 'operator',
  ) => {
    const { key } = await options.keys.create('ann', [role]);
    const answer = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
  };
  return { directory, asked, ask };
}

const CLOSE = { type: 'close-session', nasId: 'n1', sessionId: 'x' };
const ADJUST = {
  type: 'adjust',
  at: '2026-07-10T12:00:00+02:00',
  downBytes: '-9007199254740991',
  upBytes: '0',
  reason: 'lab traffic',
};

describe('access', () => {
  const READERS: Role[] = ['viewer', 'analyst', 'product', 'operator', 'billing', 'admin'];
  const CHANGERS: Role[] = ['operator', 'admin'];

  it.each<[Role[], 'GET' | 'PUT' | 'POST', string, unknown]>([
    [READERS, 'GET', '/v1/feeds', undefined],
    [READERS, 'GET', '/v1/feeds/profiles', undefined],
    [CHANGERS, 'PUT', '/v1/feeds/f1', { countFrom: null }],
    [READERS.filter((role) => role !== 'product'), 'GET', '/v1/nas/profiles', undefined],
    [CHANGERS, 'PUT', '/v1/nas/profiles/n1', {}],
    [CHANGERS, 'POST', '/v1/subscribers/metered/commands', { type: 're-evaluate' }],
    [['admin'], 'POST', '/v1/state/fold-version', { version: 3 }],
  ])('have %j: %s %s', async (roles, method, url, body) => {
    const { ask } = await rig();
    for (const role of ROLES) {
      const { status } = await ask(method, url, body, role);
      expect(status < 300, role).toBe(roles.includes(role));
      if (status >= 300) expect(status, role).toBe(403);
    }
  });
});

describe('/v1/feeds', () => {
  it('answers the view, whole', async () => {
    const { ask } = await rig();
    expect((await ask('GET', '/v1/feeds')).body).toEqual(feedsView());
    expectTypeOf<z.infer<typeof FEED_SCHEMAS.Feeds>>().toEqualTypeOf<FeedsView>();
    expectTypeOf<z.infer<typeof FEED_SCHEMAS.NasProfile>>().toEqualTypeOf<NasProfile>();
  });

  it('asks for the time and NAS that it is asked for', async () => {
    const { ask, asked } = await rig();
    await ask('GET', '/v1/feeds?from=2026-07-10T12:00:00Z&to=2026-07-10T15:00:00%2B02:00&nas=n%2F1');
    expect(asked).toEqual([
      { fromMs: Date.UTC(2026, 6, 10, 12), toMs: Date.UTC(2026, 6, 10, 13), nasId: 'n/1' },
    ]);
  });

  it.each([
    ['a day', 'from=2026-07-10'],
    ['no date', 'to=yesterday'],
    ['a leap second', 'from=2016-12-31T23:59:60Z'],
    ['no NAS', 'nas='],
    ['two NAS', 'nas=a&nas=b'],
    ['something unknown', 'limit=3'],
  ])('refuses %s', async (_, query) => {
    const { ask, asked } = await rig();
    expect(await ask('GET', `/v1/feeds?${query}`)).toMatchObject({
      status: 400,
      body: { code: 'invalid-input' },
    });
    expect(asked).toEqual([]);
  });
});

describe('/v1/feeds/:feedId', () => {
  it.each([
    ['f1', '/v1/feeds/f1'],
    ['a/b c', '/v1/feeds/a%2Fb%20c'],
    ['', '/v1/feeds/'],
  ])('says from when on feed %j counts', async (feedId, url) => {
    const { ask, directory } = await rig();
    const { status, body } = await ask('PUT', url, { countFrom: '2026-07-10T12:00:00+02:00' });
    expect({ status, body }).toEqual({
      status: 200,
      body: { feedId, countFrom: '2026-07-10T10:00:00.000Z' },
    });
    expect(await directory.feeds()).toEqual([{ feedId, countFromMs: Date.UTC(2026, 6, 10, 10) }]);
    expect((await ask('GET', '/v1/feeds/profiles')).body).toEqual({ profiles: [body] });
    expect((await ask('PUT', url, { countFrom: null })).body).toEqual({ feedId, countFrom: null });
  });

  it.each([
    ['nothing', {}],
    ['a number', { countFrom: 1_783_000_000_000 }],
    ['a day', { countFrom: '2026-07-10' }],
    ['something unknown', { countFrom: null, feedId: 'x' }],
  ])('refuses %s', async (_, body) => {
    const { ask, directory } = await rig();
    expect(await ask('PUT', '/v1/feeds/f1', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid-input' },
    });
    expect(await directory.feeds()).toEqual([]);
  });
});

describe('/v1/nas/profiles', () => {
  it('stores what is said and takes the rest from the default', async () => {
    const { ask, directory } = await rig();
    const said = {
      unit: 'kilobytes',
      gigawords: false,
      interimSeconds: 0,
      redundancyGroup: 'ring-1',
      classes: [{ match: 'gold', serviceClass: 'premium' }],
    };
    const stored = { ...defaultNasProfile('n1'), ...said };
    expect(await ask('PUT', '/v1/nas/profiles/n1', said)).toEqual({ status: 200, body: stored });
    await ask('PUT', '/v1/nas/profiles/*', {});
    expect(await directory.nasProfiles()).toEqual([stored, defaultNasProfile('*')]);
    expect((await ask('GET', '/v1/nas/profiles')).body).toEqual({
      profiles: [stored, defaultNasProfile('*')],
    });
  });

  it.each<[string, object, RegExp]>([
    ['an unknown field', { speed: 3 }, /additional properties/],
    ['another NAS', { nasId: 'n2' }, /additional properties/],
    ['an unknown unit', { unit: 'bits' }, /unit must be equal to one of/],
    ['a number as text', { interimSeconds: '60' }, /interimSeconds must be integer/],
    ['a negative number', { startToleranceSeconds: -1 }, /startToleranceSeconds must be >= 0/],
    ['an empty group', { redundancyGroup: '' }, /redundancyGroup/],
    ['a class of nothing', { classes: [{ match: '', serviceClass: 'a' }] }, /classes\/0\/match/],
    ['a text that no database holds', { redundancyGroup: 'a\u0000' }, /redundancyGroup/],
    ['half a character', { redundancyGroup: 'a\ud800' }, /redundancyGroup/],
  ])('refuses %s', async (_, body, message) => {
    const { ask, directory } = await rig();
    const answer = await ask('PUT', '/v1/nas/profiles/n1', body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-input' } });
    expect(answer.body['detail']).toMatch(message);
    expect(await directory.nasProfiles()).toEqual([]);
  });

  it.each(['%00', 'a'.repeat(257), ''])('refuses the NAS %j', async (nasId) => {
    const { ask } = await rig();
    expect((await ask('PUT', `/v1/nas/profiles/${nasId}`, {})).status).toBeGreaterThanOrEqual(400);
  });
});

describe('/v1/subscribers/:id/commands', () => {
  const URL = '/v1/subscribers/metered/commands';

  it.each<[string, object, object]>([
    ['close-session', CLOSE, CLOSE],
    [
      'adjust',
      ADJUST,
      {
        type: 'adjust',
        atMs: Date.UTC(2026, 6, 10, 10),
        downBytes: -Number.MAX_SAFE_INTEGER,
        upBytes: 0,
        reason: 'lab traffic',
      },
    ],
    ['re-evaluate', { type: 're-evaluate' }, { type: 're-evaluate' }],
  ])('takes %s in the name of the key', async (change, body, command) => {
    const { ask, directory } = await rig();
    expect(await ask('POST', URL, body)).toEqual({ status: 202, body: { of: 'metered', change, by: 'ann' } });
    expect(directory.commands).toEqual([{ ...command, subscriberId: 'metered', by: 'ann' }]);
  });

  it('takes them for a subscriber that is only listed, but closes no session there', async () => {
    const { ask } = await rig();
    expect((await ask('POST', '/v1/subscribers/listed/commands', ADJUST)).status).toBe(202);
    expect((await ask('POST', '/v1/subscribers/listed/commands', CLOSE)).status).toBe(404);
  });

  it.each<[string, string, object, number, RegExp]>([
    ['an unknown subscriber', '/v1/subscribers/nobody/commands', ADJUST, 404, /nothing is known/],
    ['a session that is not open', URL, { ...CLOSE, sessionId: 'y' }, 404, /no such open session/],
    ['a session of another NAS', URL, { ...CLOSE, nasId: 'n2' }, 404, /no such open session/],
    ['no type', URL, {}, 400, /type/],
    ['an unknown type', URL, { type: 'delete' }, 400, /type/],
    ['a field of another command', URL, { ...CLOSE, reason: 'x' }, 400, /additional properties/],
    ['somebody else’s name', URL, { type: 're-evaluate', by: 'bob' }, 400, /additional properties/],
    ['a missing field', URL, { type: 'close-session', nasId: 'n1' }, 400, /sessionId/],
    ['octets as a number', URL, { ...ADJUST, downBytes: 5 }, 400, /downBytes must be string/],
    ['octets with a fraction', URL, { ...ADJUST, downBytes: '1.5' }, 400, /downBytes must match/],
    ['octets beyond 2^53', URL, { ...ADJUST, upBytes: '9007199254740992' }, 400, /upBytes is beyond/],
    ['nothing to adjust', URL, { ...ADJUST, downBytes: '-0' }, 400, /by nothing/],
    ['no reason', URL, { ...ADJUST, reason: '' }, 400, /reason/],
    ['a time that nobody kept records at', URL, { ...ADJUST, at: '1600-01-01T00:00:00Z' }, 400, /atMs/],
  ])('refuses %s', async (_, url, body, status, message) => {
    const { ask, directory } = await rig();
    const answer = await ask('POST', url, body);
    expect(answer.status).toBe(status);
    expect(answer.body['detail']).toMatch(message);
    expect(directory.commands).toEqual([]);
  });
});

describe('/v1/state/fold-version', () => {
  it('brings the version to the log', async () => {
    const { ask, directory } = await rig();
    const version = NEWEST_BLOB_VERSION;
    const taken = { of: String(version), change: 'fold-version', by: 'ann' };
    expect(await ask('POST', '/v1/state/fold-version', { version }, 'admin')).toEqual({
      status: 202,
      body: taken,
    });
    expect(directory.foldVersions).toEqual([version]);
  });

  it.each([
    {},
    { version: 0 },
    { version: NEWEST_BLOB_VERSION + 1 },
    { version: 256 },
    { version: '3' },
    { version: 1.5 },
  ])('refuses %j', async (body) => {
    const { ask, directory } = await rig();
    expect((await ask('POST', '/v1/state/fold-version', body, 'admin')).status).toBe(400);
    expect(directory.foldVersions).toEqual([]);
  });
});
