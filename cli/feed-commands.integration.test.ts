import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { FakeDirectory } from '../api/directory.contract.ts';
import { feedsView } from '../api/feed-factory.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import type { FeedsQuery } from '../pipeline/views/feeds.ts';
import { defaultNasProfile } from '../schemas/profile.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api;
let directory: FakeDirectory;
let asked: FeedsQuery[];
let env: Record<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  directory = new FakeDirectory();
  asked = [];
  const options = apiOptions({
    feeds: (query) => {
      asked.push(query);
      return Promise.resolve(query.nasId === 'silent' ? { ...feedsView(), nas: [], hours: [] } : feedsView());
    },
  });
  api = await createApi({ ...options, directory });
  const url = new URL(await api.listen('127.0.0.1', 0));
  const { key } = await options.keys.create('admin', ['admin']);
  await writeFile(join(folder, 'admin-key'), `${key}\n`);
  env = { WEIR_DATA_DIR: folder, WEIR_API_PORT: url.port };
});

afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function weir(...args: string[]) {
  return runWeir(args, env);
}

describe('weir feeds', () => {
  it('is a line a NAS, with what is wrong with it', async () => {
    const { code, out } = await weir('feeds');
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replace(/ {2,}/g, ' | '))).toEqual([
      'feeds from 2025-01-01T00:00:00.000Z to 2025-01-01T01:00:00.000Z',
      'nas | records | duplicates | dead letters | missing stops | skew | greatest | interim | sessions | last hour',
      'bras-1 | 1000 | 1.3 % | 3 | 2 | 1.4 s | -61.0 s | 600 s | 731 | 2025-01-01T00:00:00.000Z | NOT BILLABLE',
      '',
    ]);
  });

  it('is a line an hour where that is asked for', async () => {
    const { out } = await weir('feeds', '--by-hour');
    expect(out).toContain('997 metered, 3 dead-lettered, 2 missing-stop  NOT BILLABLE');
  });

  it('asks for what it is told, and prints the answer itself', async () => {
    const { out } = await weir(
      'feeds',
      '--nas',
      'a/b',
      '--from',
      '2025-01-01T00:00:00+01:00',
      '--to',
      '2025-01-02T00:00:00Z',
      '--json',
    );
    expect(JSON.parse(out)).toEqual(feedsView());
    expect(asked).toEqual([{ fromMs: Date.UTC(2024, 11, 31, 23), toMs: Date.UTC(2025, 0, 2), nasId: 'a/b' }]);
  });

  it('says that there is nothing', async () => {
    expect((await weir('feeds', '--nas', 'silent')).out).toContain('no record of any NAS');
  });

  it('sets from when on a feed counts', async () => {
    expect((await weir('feeds', 'set', 'f1', '--count-from', '2025-01-01T00:00:00+01:00')).out).toBe(
      'f1  sessions count from 2024-12-31T23:00:00.000Z\n',
    );
    await weir('feeds', 'set', '', '--count-from', 'all');
    expect(await directory.feeds()).toEqual([
      { feedId: 'f1', countFromMs: Date.UTC(2024, 11, 31, 23) },
      { feedId: '', countFromMs: null },
    ]);
    expect((await weir('feeds', 'profiles')).out).toBe(
      'f1  sessions count from 2024-12-31T23:00:00.000Z\n(records without a feed id)  everything is charged\n',
    );
  });
});

describe('weir nas', () => {
  it('changes what is named and keeps the rest', async () => {
    await weir('nas', 'set', 'n1', '--unit', 'kilobytes', '--gigawords', 'no', '--class', 'gold=premium');
    const { out } = await weir('nas', 'set', 'n1', '--interim-seconds', '0', '--redundancy-group', 'ring');
    expect(out).toBe(
      'n1  unit=kilobytes gigawords=false redundancyGroup=ring interimSeconds=0 ' +
        'classes=[{"match":"gold","serviceClass":"premium"}]\n',
    );
    expect((await weir('nas', 'list')).out).toBe(out);
    await weir(
      'nas',
      'set',
      'n1',
      '--no-classes',
      '--redundancy-group',
      'none',
      '--interim-seconds',
      'learned',
    );
    expect(await directory.nasProfiles()).toEqual([
      { ...defaultNasProfile('n1'), unit: 'kilobytes', gigawords: false },
    ]);
    await weir('nas', 'set', 'n1', '--from-defaults');
    expect(await directory.nasProfiles()).toEqual([defaultNasProfile('n1')]);
  });

  it('begins with what is in force: the profile of all', async () => {
    await weir('nas', 'set', '*', '--ipv6', 'additive');
    await weir('nas', 'set', 'n1', '--reversed', 'yes');
    expect((await directory.nasProfiles())[1]).toEqual({
      ...defaultNasProfile('n1'),
      ipv6: 'additive',
      reversed: true,
    });
  });
});

describe('weir subscriber', () => {
  it('brings commands to the log', async () => {
    const { out } = await weir('subscriber', 'close-session', 's1', '--nas', 'n1', '--session', 'x');
    expect(out).toBe(
      'taken: close-session of s1 by admin; it takes effect within seconds: weir subscriber s1\n',
    );
    await weir(
      'subscriber',
      'adjust',
      's1',
      '--at',
      '2025-01-31T12:00:00Z',
      '--down',
      '-5000',
      '--reason',
      'lab',
    );
    await weir('subscriber', 're-evaluate', 's1', '--json');
    expect(directory.commands).toEqual([
      { type: 'close-session', subscriberId: 's1', nasId: 'n1', sessionId: 'x', by: 'admin' },
      {
        type: 'adjust',
        subscriberId: 's1',
        atMs: Date.UTC(2025, 0, 31, 12),
        downBytes: -5000,
        upBytes: 0,
        reason: 'lab',
        by: 'admin',
      },
      { type: 're-evaluate', subscriberId: 's1', by: 'admin' },
    ]);
  });

  it('says that nothing is there to be closed', async () => {
    const { code, err } = await weir('subscriber', 'close-session', 's1', '--nas', 'n1', '--session', 'typo');
    expect([code, err]).toEqual([1, 'weir: this subscriber has no such open session at this NAS\n']);
  });

  it('shows one whose id is a command too', async () => {
    expect((await weir('subscriber', 'show', 'adjust')).out).toContain('subscriber   adjust');
  });
});

describe('weir upgrade-state', () => {
  it('brings the version to the log', async () => {
    expect((await weir('upgrade-state', '3')).out).toContain('taken: fold-version of 3 by admin');
    expect(directory.foldVersions).toEqual([3]);
  });
});

describe('wrong use', () => {
  it.each<[string, string[], string]>([
    ['no such feeds command', ['feeds', 'delete'], 'too many arguments'],
    ['a time without its zone', ['feeds', '--from', '2025-01-01T00:00:00'], 'instant with its zone'],
    ['no time to count from', ['feeds', 'set', 'f1'], '--count-from'],
    ['nothing to change', ['nas', 'set', 'n1'], 'nothing is to be changed'],
    ['an unknown unit', ['nas', 'set', 'n1', '--unit', 'bits'], 'Allowed choices are octets, kilobytes'],
    ['neither yes nor no', ['nas', 'set', 'n1', '--gigawords', 'maybe'], 'It must be yes or no'],
    ['no interval', ['nas', 'set', 'n1', '--interim-seconds', '-5'], 'whole number'],
    ['no class', ['nas', 'set', 'n1', '--class', 'gold'], 'It must be match=class'],
    ['an empty group', ['nas', 'set', 'n1', '--redundancy-group', ''], 'redundancyGroup'],
    ['a tolerance beyond a day', ['nas', 'set', 'n1', '--start-tolerance-seconds', '86401'], '<= 86400'],
    ['no session', ['subscriber', 'close-session', 's1', '--nas', 'n1'], '--session'],
    ['no reason', ['subscriber', 'adjust', 's1', '--at', '2025-01-31T12:00:00Z', '--down', '1'], '--reason'],
    [
      'nothing to correct',
      ['subscriber', 'adjust', 's1', '--at', '2025-01-31T12:00:00Z', '--reason', 'x'],
      'name --down or --up',
    ],
    [
      'octets with a unit',
      ['subscriber', 'adjust', 's1', '--at', '2025-01-31T12:00:00Z', '--reason', 'x', '--down', '5GB'],
      'whole number of octets',
    ],
    ['no version', ['upgrade-state', 'new'], 'from 1 to 255'],
    ['a version beyond all', ['upgrade-state', '256'], 'from 1 to 255'],
  ])('ends with 2 and changes nothing: %s', async (_, args, message) => {
    const { code, err } = await weir(...args);
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(directory.commands).toEqual([]);
    expect(await directory.nasProfiles()).toEqual([]);
    expect(await directory.feeds()).toEqual([]);
  });
});
