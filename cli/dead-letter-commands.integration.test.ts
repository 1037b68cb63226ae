import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { APPENDED, deadLetterViews, encoded, letter } from '../pipeline/dead-letter/letter-rig.contract.ts';
import type { DeadLetterListView, DeadLetterReplayView } from '../schemas/dead-letter-views.ts';
import { AppError } from '../schemas/errors.ts';
import { MemoryDeadLetters } from '../storage/memory/dead-letters.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api;
let port: string;
let letters: MemoryDeadLetters;
/** replay calls that are answered before one fails */
let goodReplays: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  letters = new MemoryDeadLetters(() => Date.UTC(2026, 6, 11));
  goodReplays = Infinity;
  const views = deadLetterViews(letters);
  const options = apiOptions({
    deadLetters: {
      ...views,
      replay: async (request) => {
        if (goodReplays-- > 0) return views.replay(request);
        throw new AppError('timeout', 'the database is slow', { retriable: true });
      },
    },
  });
  api = await createApi(options);
  port = new URL(await api.listen('127.0.0.1', 0)).port;
  const { key } = await options.keys.create('ann', ['operator']);
  await writeFile(join(folder, 'admin-key'), `${key}\n`);
});

afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function weir(...args: string[]) {
  return runWeir(['dead-letters', ...args], { WEIR_DATA_DIR: folder, WEIR_API_PORT: port });
}

/** Letters 3:0 and on, a second apart; each fourth has no bytes. */
function put(count: number): void {
  letters.put(
    Array.from({ length: count }, (_, offset) =>
      letter(offset % 4 === 3 ? 'empty' : 'beyond-horizon', offset % 4 === 3 ? null : encoded(), {
        offset,
        appendTimeMs: APPENDED + offset * 1000,
        detail: 'too\u001b[31m late',
      }),
    ),
  );
}

describe('weir dead-letters list', () => {
  it('is a table, page by page', async () => {
    put(5);
    const { code, out, err } = await weir('list', '--limit', '3');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'letter  appended                  reason          nas    subscriber  replayed  what was wrong',
      '3:4     2026-07-10T12:00:04.000Z  beyond-horizon  nas-1  sub-1       -         too?[31m late',
      '3:3     2026-07-10T12:00:03.000Z  empty           -      -           -         too?[31m late',
      '3:2     2026-07-10T12:00:02.000Z  beyond-horizon  nas-1  sub-1       -         too?[31m late',
      'more: --before 3:2',
      '',
    ]);
    expect((await weir('list', '--before', '3:2')).out).not.toContain('more');
  });

  it.each([
    [['--reason', 'empty'], ['3:3']],
    [
      ['--nas', 'nas-1', '--from', '2026-07-10T14:00:02+02:00'],
      ['3:4', '3:2'],
    ],
    [['--to', '2026-07-10T12:00:01Z'], ['3:0']],
    [['--partition', '4'], []],
    [['--replayed'], ['3:1']],
    [
      ['--no-replayed', '--reason', 'beyond-horizon'],
      ['3:4', '3:2', '3:0'],
    ],
  ])('filters by %j', async (args, ids) => {
    put(5);
    await weir('replay', '3:1');
    const { out } = await weir('list', '--json', ...args);
    expect((JSON.parse(out) as DeadLetterListView).letters.map(({ id }) => id)).toEqual(ids);
  });

  it('counts by reason', async () => {
    put(5);
    expect((await weir('list', '--summary')).out).toBe('beyond-horizon  4\nempty           1\n');
  });

  it('says that there are none', async () => {
    expect(await weir('list')).toEqual({ code: 0, out: 'none here\n', err: '' });
    expect((await weir('list', '--summary')).out).toBe('none\n');
  });
});

describe('weir dead-letters show', () => {
  it('shows fields and bytes', async () => {
    put(1);
    const { code, out } = await weir('show', '3:0');
    expect(code).toBe(0);
    for (const line of [
      'letter       3:0 of accounting, appended 2026-07-10T12:00:00.000Z',
      'refused      beyond-horizon: too?[31m late',
      'today        its bytes are a record in order',
      'replayed     no',
      '  event_time          2026-07-10T11:59:59.000Z',
      '  user_name           (absent)',
      'key          7375622d31',
    ])
      expect(out.split('\n')).toContain(line);
    expect(out).toMatch(/^value {8}\d+ bytes\n {2}c301 /m);
    expect(JSON.parse((await weir('show', '3:0', '--json')).out)).toMatchObject({
      id: '3:0',
      nasId: 'nas-1',
    });
  });

  it('knows no such letter', async () => {
    expect(await weir('show', '9:9')).toEqual({
      code: 1,
      out: '',
      err: 'weir: there is no dead letter 9:9\n',
    });
    expect((await weir('show', 'nine')).code).toBe(2);
  });
});

describe('weir dead-letters replay', () => {
  it('replays once, and ends with 1 when a letter is refused', async () => {
    put(4);
    expect(await weir('replay', '3:0', '3:1')).toEqual({
      code: 0,
      out: '2 letters replayed: on the way to the meter\n',
      err: '',
    });
    const again = await weir('replay', '3:0', '3:2', '3:3', '9:9');
    expect(again.code).toBe(1);
    expect(again.out.split('\n')).toEqual([
      '1 letter replayed: on the way to the meter',
      '3 letters refused',
      '  9:9: there is no such letter',
      '  3:0: already replayed at 2026-07-11T00:00:00.000Z',
      '  3:3: the record had no value: there is nothing to replay',
      '',
    ]);
    expect(letters.controls.map(({ letter: { offset } }) => offset)).toEqual([0, 1, 2]);
  });

  it('goes through more than one call of the API', async () => {
    put(3000);
    const { code, out } = await weir('replay', '--reason', 'beyond-horizon', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out) as DeadLetterReplayView).toMatchObject({ replayed: 2250, refused: [] });
    expect(new Set(letters.controls.map(({ letter: { offset } }) => offset)).size).toBe(2250);
  });

  it('says what was done when a later call fails', async () => {
    put(3000);
    goodReplays = 1;
    const { code, err } = await weir('replay', '--reason', 'beyond-horizon');
    expect(code).toBe(1);
    expect(err).toContain('1000 letters were replayed before');
    goodReplays = Infinity;
    expect((await weir('replay', '--reason', 'beyond-horizon')).out).toContain('1250 letters replayed');
  });

  it('in a dry run changes nothing', async () => {
    put(2);
    const { code, out } = await weir('replay', '--all', '--dry-run');
    expect({ code, out }).toEqual({ code: 0, out: '2 letters would be replayed\n' });
    expect(letters.controls).toEqual([]);
  });

  it('puts fields right', async () => {
    put(1);
    await weir('replay', '3:0', '--set', 'nas_id=nas-2', '--set', 'user_name=a=b', '--set', 'event_time=');
    expect(letters.controls).toMatchObject([
      { by: 'ann', event: { nasId: 'nas-2', userName: 'a=b', eventTimeMs: null } },
    ]);
  });

  it('names no more refused letters than a screen holds', async () => {
    put(100);
    const { code, out } = await weir('replay', '--reason', 'empty');
    expect(code).toBe(1);
    expect(out.split('\n')).toHaveLength(24);
    expect(out).toContain('and 5 more (--json)');
  });

  it('says that nothing matches', async () => {
    put(1);
    const { code, err } = await weir('replay', '--nas', 'nas-9');
    expect(code).toBe(1);
    expect(err).toContain('no dead letter matches');
  });

  it.each([
    [[], 'nothing is selected'],
    [['--set', 'nas_id=x'], 'nothing is selected'],
    [['3:0', '--all'], 'name either letters'],
    [['3:0', '--reason', 'empty'], 'name either letters'],
    [['--all', '--nas', 'nas-1'], 'name either letters'],
    [['3:0', '--set', 'colour=red'], 'there is no field "colour"'],
    [['three'], 'pattern'],
    [['--all', '--set', 'nas_id'], 'It must be field=value'],
    [['--reason', 'boredom'], 'Allowed choices are empty'],
    [['--from', '2026-07-10'], 'an instant with its zone'],
    [['--partition', '-1'], 'It must be a whole number'],
  ])('is wrong use: %j', async (args, message) => {
    put(1);
    const { code, err } = await weir('replay', ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(letters.controls).toEqual([]);
  });
});
