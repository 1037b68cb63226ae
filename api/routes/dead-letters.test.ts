import { describe, expect, it } from 'vitest';
import { deadLetterViews, encoded, letter } from '../../pipeline/dead-letter/letter-rig.contract.ts';
import type { DeadLetterListView, DeadLetterReplayView } from '../../schemas/dead-letter-views.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Role } from '../../schemas/roles.ts';
import { ROLES } from '../../schemas/roles.ts';
import { MemoryDeadLetters } from '../../storage/memory/dead-letters.ts';
import { apiOptions } from '../api-rig.contract.ts';
import { createApi } from '../server.ts';
import type { DeadLetterViews } from './dead-letters.ts';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 6, 10, 12);

/** An API with letters at noon, 13:00, 14:00 of partitions 0, 1, 2; the last one without bytes. */
async function rig(changes: Partial<DeadLetterViews> = {}) {
  const letters = new MemoryDeadLetters(() => NOON);
  letters.put([
    letter('beyond-horizon', encoded({ nas_id: 'nas-0' }), { partition: 0, offset: 10, appendTimeMs: NOON }),
    letter('missing-field', encoded({ nas_id: 'nas-1', subscriber_id: '' }), {
      partition: 1,
      offset: 11,
      appendTimeMs: NOON + HOUR,
    }),
    letter('empty', null, { partition: 2, offset: 12, appendTimeMs: NOON + 2 * HOUR, key: null }),
  ]);
  const options = apiOptions({ deadLetters: { ...deadLetterViews(letters), ...changes } });
  const { app } = await createApi(options);
  const ask = async (role: Role, url: string, payload?: object) => {
    const { key } = await options.keys.create('ann', [role]);
    const headers = { authorization: `Bearer ${key}` };
    return payload === undefined
      ? app.inject({ url, headers })
      : app.inject({ method: 'POST', url, headers, payload });
  };
  return { letters, ask, get: (url: string) => ask('operator', url) };
}

const REPLAY = '/v1/dead-letters/replay';

describe('GET /v1/dead-letters', () => {
  it('is by role', async () => {
    const { ask } = await rig();
    for (const role of ROLES) {
      const looks = ['analyst', 'operator', 'admin'].includes(role) ? 200 : 403;
      for (const path of ['', '/summary', '/0:10'])
        expect((await ask(role, `/v1/dead-letters${path}`)).statusCode, role).toBe(looks);
      const replays = ['operator', 'admin'].includes(role) ? 200 : 403;
      const body = { ids: ['9:9'] };
      expect((await ask(role, REPLAY, body)).statusCode, role).toBe(replays);
    }
  });

  it('lists the newest first, page by page', async () => {
    const { get } = await rig();
    const first = (await get('/v1/dead-letters?limit=2')).json<DeadLetterListView>();
    expect(first).toEqual({
      letters: [
        {
          id: '2:12',
          appendedAt: '2026-07-10T14:00:00.000Z',
          reason: 'empty',
          detail: 'what was wrong',
          nasId: null,
          replayedAt: null,
          record: null,
          problem: 'the record had no value',
        },
        expect.objectContaining({
          id: '1:11',
          nasId: 'nas-1',
          problem: 'subscriber_id is empty',
          record: expect.objectContaining({ subscriber_id: '', user_name: null, output_octets: '20' }),
        }),
      ],
      next: '1:11',
    });
    const second = (await get(`/v1/dead-letters?limit=2&before=${first.next}`)).json<DeadLetterListView>();
    expect(second).toMatchObject({ letters: [{ id: '0:10' }], next: null });
  });

  it.each([
    ['reason=empty', ['2:12']],
    ['partition=1', ['1:11']],
    ['nas=nas-0', ['0:10']],
    ['nas=nas-9', []],
    ['from=2026-07-10T13:00:00Z', ['2:12', '1:11']],
    ['to=2026-07-10T15:00:00%2B02:00', ['0:10']],
    ['from=2026-07-10T13:00:00Z&to=2026-07-10T14:00:00Z', ['1:11']],
    ['replayed=false', ['2:12', '1:11', '0:10']],
    ['replayed=true', []],
  ])('filters by %s', async (query, ids) => {
    const { get } = await rig();
    const { letters } = (await get(`/v1/dead-letters?${query}`)).json<DeadLetterListView>();
    expect(letters.map(({ id }) => id)).toEqual(ids);
  });

  it.each([
    'reason=boredom',
    'partition=-1',
    'nas=',
    'from=yesterday',
    'from=2026-07-10T13:00:00',
    'from=2016-12-31T23:59:60Z',
    'replayed=maybe',
    'limit=0',
    'limit=1e3',
    'before=7',
    'colour=red',
  ])('refuses ?%s', async (query) => {
    const { get } = await rig();
    const answer = await get(`/v1/dead-letters?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid-input' });
  });

  it('gives no more than 200 a page', async () => {
    const asked: number[] = [];
    const list: DeadLetterViews['list'] = ({ limit }) => {
      asked.push(limit);
      return Promise.resolve({ letters: [], next: null });
    };
    const { get } = await rig({ list });
    for (const query of ['', '?limit=200', '?limit=999']) await get(`/v1/dead-letters${query}`);
    expect(asked).toEqual([50, 200, 200]);
  });
});

describe('GET /v1/dead-letters/:id and /summary', () => {
  it('show one with its bytes', async () => {
    const { get } = await rig();
    const answer = (await get('/v1/dead-letters/0:10')).json<Record<string, unknown>>();
    expect(answer).toMatchObject({ id: '0:10', topic: 'accounting', key: '7375622d31', problem: '' });
    expect(answer['value']).toBe(Buffer.from(encoded({ nas_id: 'nas-0' })).toString('hex'));
    expect((await get('/v1/dead-letters/2%3A12')).json()).toMatchObject({
      key: null,
      value: null,
      valueBytes: 0,
    });
  });

  it('know no such letter, or no such form of id', async () => {
    const { get } = await rig();
    const unknown = await get('/v1/dead-letters/5:5');
    expect(unknown.statusCode).toBe(404);
    expect(unknown.json()).toMatchObject({ detail: 'there is no dead letter 5:5' });
    for (const id of ['5', 'a:b', '-1:2', '1:2:3'])
      expect((await get(`/v1/dead-letters/${id}`)).statusCode, id).toBe(400);
  });

  it('count by reason', async () => {
    const { get } = await rig();
    expect((await get('/v1/dead-letters/summary')).json()).toEqual({
      reasons: [
        { reason: 'beyond-horizon', letters: 1 },
        { reason: 'empty', letters: 1 },
        { reason: 'missing-field', letters: 1 },
      ],
    });
  });
});

describe('POST /v1/dead-letters/replay', () => {
  it('replays once, by the name of the key, and says what is refused', async () => {
    const { ask, letters } = await rig();
    const ids = ['0:10', '1:11', '7:7'];
    const first = (await ask('operator', REPLAY, { ids })).json<DeadLetterReplayView>();
    expect(first).toMatchObject({ replayed: 1, ids: ['0:10'], next: null, dryRun: false });
    expect(first.refused.map(({ id }) => id)).toEqual(['7:7', '1:11']);
    expect(letters.controls).toMatchObject([{ by: 'ann', event: { nasId: 'nas-0' } }]);
    const again = (await ask('operator', REPLAY, { ids: ['0:10'] })).json<DeadLetterReplayView>();
    expect(again.refused).toEqual([{ id: '0:10', why: 'already replayed at 2026-07-10T12:00:00.000Z' }]);
    expect(letters.controls).toHaveLength(1);
  });

  it('puts edits over the records', async () => {
    const { ask, letters } = await rig();
    const body = { ids: ['1:11'], set: { subscriber_id: 'sub-9' } };
    expect((await ask('operator', REPLAY, body)).json()).toMatchObject({ replayed: 1, refused: [] });
    expect(letters.controls).toMatchObject([{ event: { subscriberId: 'sub-9', nasId: 'nas-1' } }]);
  });

  it('replays by filter, leaving out what was replayed', async () => {
    const { ask, letters } = await rig();
    const filter = { reason: 'beyond-horizon', partition: 0, from: '2026-07-10T00:00:00Z' };
    const dry = await ask('operator', REPLAY, { filter, dryRun: true });
    expect(dry.json()).toMatchObject({ replayed: 1, dryRun: true });
    expect(letters.controls).toEqual([]);
    expect((await ask('operator', REPLAY, { filter })).json()).toMatchObject({ replayed: 1 });
    expect((await ask('operator', REPLAY, { filter })).json()).toMatchObject({ replayed: 0, refused: [] });
  });

  it.each([
    ['nothing', {}, 'either ids, or a filter'],
    ['both', { ids: ['0:10'], filter: {} }, 'either ids, or a filter'],
    ['ids and before', { ids: ['0:10'], before: '0:1' }, 'either ids, or a filter'],
    ['no ids', { ids: [] }, 'fewer than 1'],
    ['too many ids', { ids: Array.from({ length: 1001 }, (_, i) => `0:${i}`) }, 'more than 1000'],
    ['no form of an id', { ids: ['x'] }, 'pattern'],
    ['an unknown field', { ids: ['0:10'], force: true }, 'additional properties'],
    ['another field to set', { ids: ['0:10'], set: { colour: 'red' } }, 'there is no field "colour"'],
    ['a number to set', { ids: ['0:10'], set: { input_octets: 1 } }, 'must be string'],
    ['replayed ones', { filter: { replayed: true } }, 'additional properties'],
  ])('refuses %s', async (_name, body, detail) => {
    const { ask, letters } = await rig();
    const answer = await ask('operator', REPLAY, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ detail: string }>().detail).toContain(detail);
    expect(letters.controls).toEqual([]);
  });

  it('is 503 while the schema registry is away', async () => {
    const away = new AppError('registry-unavailable', 'away', { retriable: true });
    const { ask } = await rig({ replay: () => Promise.reject(away) });
    expect((await ask('operator', REPLAY, { ids: ['0:10'] })).statusCode).toBe(503);
  });
});
