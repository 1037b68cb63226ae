import { describe, expect, it } from 'vitest';
import { AppError, isAppError } from '../../schemas/errors.ts';
import { MemoryDeadLetters } from '../../storage/memory/dead-letters.ts';
import { APPENDED, confluent, encoded, EVERYTHING, letter, SCHEMAS } from './letter-rig.contract.ts';
import type { LetterSources } from './look-at-letters.ts';
import { listLetters, selectLetters, showLetter, summariseLetters } from './look-at-letters.ts';
import type { ReplayRequest } from './replay-letters.ts';
import { replayLetters } from './replay-letters.ts';

const NOW = Date.UTC(2026, 6, 11);

/** `count` letters of offsets 0 and on, newer by a second each. */
function rig(count: number, changes: (offset: number) => Partial<Parameters<typeof letter>[2]> = () => ({})) {
  const letters = new MemoryDeadLetters(() => NOW);
  letters.put(
    Array.from({ length: count }, (_, offset) =>
      letter('beyond-horizon', encoded({ nas_id: `nas-${offset % 10}` }), {
        offset,
        appendTimeMs: APPENDED + offset * 1000,
        ...changes(offset),
      }),
    ),
  );
  const sources: LetterSources = { letters, schemasOf: () => Promise.resolve(SCHEMAS) };
  return { letters, sources };
}

function request(changes: Partial<ReplayRequest>): ReplayRequest {
  return { selection: { ids: [] }, set: {}, by: 'ann', dryRun: false, ...changes };
}

describe('looking', () => {
  it('goes page by page, the newest first, with the NAS that the bytes tell', async () => {
    const { sources } = rig(5);
    const first = await listLetters(sources, { filter: EVERYTHING, limit: 3, before: null });
    expect(first.letters.map(({ id, nasId }) => [id, nasId])).toEqual([
      ['3:4', 'nas-4'],
      ['3:3', 'nas-3'],
      ['3:2', 'nas-2'],
    ]);
    expect(first.letters[0]).toMatchObject({
      appendedAt: '2026-07-10T12:00:04.000Z',
      record: { subscriber_id: 'sub-1' },
      problem: '',
      replayedAt: null,
    });
    const second = await listLetters(sources, { filter: EVERYTHING, limit: 3, before: first.next });
    expect(second).toMatchObject({ letters: [{ id: '3:1' }, { id: '3:0' }], next: null });
  });

  it('by NAS finds those whose NAS is in the bytes only, and goes on where it stopped', async () => {
    const { sources } = rig(6000, (offset) => (offset === 0 ? { nasId: 'rare', value: null } : {}));
    const filter = { ...EVERYTHING, nasId: 'rare' };
    const first = await selectLetters(sources, { filter, limit: 10, before: null });
    expect(first).toMatchObject({ letters: [], next: '3:1000' });
    const second = await selectLetters(sources, { filter, limit: 10, before: first.next });
    expect(second).toMatchObject({ letters: [{ id: '3:0' }], next: null });
  });

  it('shows bytes as hex, cut', async () => {
    const { sources } = rig(1, () => ({ value: new Uint8Array(10_000), reason: 'undecodable' }));
    const view = await showLetter(sources, '3:0');
    expect(view).toMatchObject({ topic: 'accounting', key: '7375622d31', valueBytes: 10_000 });
    expect(view?.value).toBe('00'.repeat(4096));
    expect(await showLetter(sources, '3:77')).toBeNull();
  });

  it('goes on while the schema registry is away', async () => {
    const { letters } = rig(1, () => ({ value: confluent(7) }));
    const away = new AppError('registry-unavailable', 'away', { retriable: true });
    const sources: LetterSources = {
      letters,
      schemasOf: (asked) =>
        asked.length === 0 ? Promise.resolve({ ...SCHEMAS, byId: new Map() }) : Promise.reject(away),
    };
    const { letters: shown } = await listLetters(sources, { filter: EVERYTHING, limit: 9, before: null });
    expect(shown).toMatchObject([{ nasId: 'nas-1', problem: 'schema id 7 is not known' }]);
    // A replay does not: it might refuse what tomorrow's registry knows.
    const replay = replayLetters(sources, request({ selection: { ids: ['3:0'] } }));
    await expect(replay).rejects.toBe(away);
    expect(letters.controls).toEqual([]);
  });

  it('counts by reason, the most frequent first', async () => {
    const { sources } = rig(3, (offset) => (offset === 1 ? { reason: 'empty' } : {}));
    expect(await summariseLetters(sources)).toEqual({
      reasons: [
        { reason: 'beyond-horizon', letters: 2 },
        { reason: 'empty', letters: 1 },
      ],
    });
  });
});

describe('replaying', () => {
  it('by id makes each control once, and says why not', async () => {
    const { sources, letters } = rig(3, (offset) => (offset === 2 ? { value: null, reason: 'empty' } : {}));
    const first = await replayLetters(sources, request({ selection: { ids: ['3:0', '3:0', '3:2', '9:9'] } }));
    expect(first).toEqual({
      replayed: 1,
      ids: ['3:0'],
      refused: [
        { id: '9:9', why: 'there is no such letter' },
        { id: '3:2', why: 'the record had no value: there is nothing to replay' },
      ],
      next: null,
      dryRun: false,
    });
    const again = await replayLetters(sources, request({ selection: { ids: ['3:0', '3:1'] } }));
    expect(again).toMatchObject({
      ids: ['3:1'],
      refused: [{ id: '3:0', why: 'already replayed at 2026-07-11T00:00:00.000Z' }],
    });
    expect(letters.controls.map(({ letter: { offset } }) => offset)).toEqual([0, 1]);
  });

  it('refuses what somebody else replayed meanwhile', async () => {
    const { sources, letters } = rig(1);
    const slow: LetterSources = {
      letters,
      schemasOf: async () => {
        await replayLetters(sources, request({ selection: { ids: ['3:0'] }, by: 'bob' }));
        return SCHEMAS;
      },
    };
    const answer = await replayLetters(slow, request({ selection: { ids: ['3:0'] } }));
    expect(answer).toMatchObject({
      replayed: 0,
      refused: [{ why: expect.stringContaining('already replayed') }],
    });
    expect(letters.controls).toMatchObject([{ by: 'bob' }]);
  });

  it('by filter takes 1,000 a call and says where to go on', async () => {
    const { sources, letters } = rig(1500);
    const filter = { ...EVERYTHING, replayed: false };
    const first = await replayLetters(sources, request({ selection: { filter, before: null } }));
    expect(first).toMatchObject({ replayed: 1000, next: '3:500' });
    const second = await replayLetters(sources, request({ selection: { filter, before: first.next } }));
    expect(second).toMatchObject({ replayed: 500, next: null });
    expect(new Set(letters.controls.map(({ letter: { offset } }) => offset)).size).toBe(1500);
  });

  it('by NAS takes only its letters', async () => {
    const { sources, letters } = rig(300);
    const filter = { ...EVERYTHING, nasId: 'nas-3' };
    expect(await replayLetters(sources, request({ selection: { filter, before: null } }))).toMatchObject({
      replayed: 30,
      refused: [],
      next: null,
    });
    expect(letters.controls.every(({ event }) => event.nasId === 'nas-3')).toBe(true);
  });

  it('puts edits over every record', async () => {
    const { sources, letters } = rig(2);
    await replayLetters(sources, request({ selection: { ids: ['3:0', '3:1'] }, set: { nas_id: 'nas-new' } }));
    expect(letters.controls).toMatchObject([
      { event: { nasId: 'nas-new' } },
      { event: { nasId: 'nas-new' } },
    ]);
  });

  it('in a dry run changes nothing', async () => {
    const { sources, letters } = rig(2, (offset) => (offset === 1 ? { value: null } : {}));
    const selection = { ids: ['3:0', '3:1'] };
    expect(await replayLetters(sources, request({ selection, dryRun: true }))).toMatchObject({
      replayed: 1,
      ids: ['3:0'],
      refused: [{ id: '3:1' }],
      dryRun: true,
    });
    expect(letters.controls).toEqual([]);
    expect(await replayLetters(sources, request({ selection }))).toMatchObject({ replayed: 1 });
  });

  it('refuses edits that no record takes, and too many ids', async () => {
    const { sources } = rig(1);
    const code = (changes: Partial<ReplayRequest>) =>
      replayLetters(sources, request(changes)).catch((error: unknown) => isAppError(error, 'invalid-input'));
    expect(await code({ selection: { ids: ['3:0'] }, set: { colour: 'red' } })).toBe(true);
    const ids = Array.from({ length: 1001 }, (_, offset) => `3:${offset}`);
    expect(await code({ selection: { ids } })).toBe(true);
  });
});
