import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { capPolicy, capTests, policyRig } from '../pipeline/policies/policy-rig.contract.ts';
import type { PolicyDetailView } from '../schemas/policy-views.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api;
let port: string;
let rig: ReturnType<typeof policyRig>;

let key: string;

// One API for all: making one takes a quarter of a second. What it shows is made anew for each test.
beforeAll(async () => {
  rig = policyRig();
  const life = new Proxy(rig.life, {
    get: (_, name) => (Reflect.get(rig.life, name) as () => unknown).bind(rig.life),
  });
  const options = apiOptions({ policies: life });
  api = await createApi(options);
  port = new URL(await api.listen('127.0.0.1', 0)).port;
  ({ key } = await options.keys.create('ann', ['product']));
});

afterAll(() => api.close());

beforeEach(async () => {
  rig = policyRig();
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  await writeFile(join(folder, 'admin-key'), `${key}\n`);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function weir(...args: string[]) {
  return runWeir(['policy', ...args], { WEIR_DATA_DIR: folder, WEIR_API_PORT: port });
}

/** Writes a file into the folder; its path. */
async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  return path;
}

async function heads(): Promise<(string | null)[]> {
  const head = await rig.store.head('fup');
  const shown = ({ version }: { version: { file: { mode: string; percent?: number } } }): string =>
    version.file.mode + String(version.file.percent ?? '');
  return [head?.base ?? null, head?.candidate ?? null].map((one) => (one === null ? null : shown(one)));
}

describe('weir policy publish and promote', () => {
  it('go from shadow over a share to all, and back', async () => {
    const path = await file('fup.json', capPolicy());
    await file('fup.test.json', capTests());
    const published = await weir('publish', path, '--mode', 'shadow', '--comment', 'first try');
    expect(published).toMatchObject({ code: 0, err: '' });
    expect(published.out).toMatch(/^fup: base none, candidate [0-9a-f]{12}\n/);
    expect(await heads()).toEqual([null, 'shadow']);
    rig.state.holding = 4;
    const share = await weir('promote', 'fup', '--to', 'percent', '10');
    expect(share.out).toContain('about 0 of 100 subscribers');
    expect(await heads()).toEqual([null, 'percent10']);
    expect((await weir('promote', 'fup', '--to', 'enforce')).code).toBe(0);
    expect(await heads()).toEqual(['enforce', null]);
    expect((await weir('publish', path)).out).toContain('it was so already');
    expect((await weir('rollback', 'fup', '--comment', 'no good')).code).toBe(0);
    expect(await heads()).toEqual([null, null]);
    const change = (await rig.store.changes('fup', 1))[0];
    expect(change).toMatchObject({ kind: 'rollback', by: 'ann', source: 'cli', comment: 'no good' });
    expect((await weir('rollback', 'fup')).err).toContain('nothing before it');
  });

  it('ask before they act on many at once', async () => {
    const path = await file('fup.json', capPolicy({ mode: 'shadow' }));
    await weir('publish', path);
    rig.state.holding = 50;
    const asked = await weir('promote', 'fup', '--to', 'enforce');
    expect(asked.code).toBe(1);
    expect(asked.err).toContain('50 of 100 subscribers (50.0 %)');
    expect(asked.err).toContain('--yes');
    expect(await heads()).toEqual([null, 'shadow']);
    expect((await weir('promote', 'fup', '--to', 'enforce', '--yes')).out).toContain('about 50 of 100');
    expect(await heads()).toEqual(['enforce', null]);
  });

  it('print what is wrong with the file, at its place, and publish nothing', async () => {
    const text = JSON.stringify(capPolicy(), null, 2).replace('capUsedPercent', 'capUsedPercen');
    const wrong = await weir('publish', await file('fup.json', text));
    expect(wrong.code).toBe(1);
    expect(wrong.err).toMatch(/fup\.json:11:\d+: error P101: /);
    const failing = await file('cap.json', capPolicy());
    await file('cap.test.json', capTests(true));
    const tested = await weir('publish', failing);
    expect(tested.code).toBe(1);
    expect(tested.err).toContain('cap.test.json:1:');
    expect(await rig.store.heads()).toEqual([]);
  });

  it.each([
    [['publish', 'none.json'], 1, 'there is no file none.json'],
    [['publish', tmpdir()], 2, 'cannot read'],
    [['publish'], 2, 'missing required argument'],
    [['publish', 'x', '--mode', 'on'], 2, 'Allowed choices are'],
    [['publish', 'x', '--percent', '101'], 2, 'from 0 to 100'],
    [['publish', 'x', '--percent', '10'], 2, 'goes with --mode percent'],
    [['publish', 'x', '--mode', 'percent'], 2, 'needs --percent'],
    [['promote', 'fup'], 2, "required option '--to"],
    [['promote', 'fup', '--to', 'percent'], 2, 'a number from 0 to 100'],
    [['promote', 'fup', '--to', 'percent', '200'], 2, 'a number from 0 to 100'],
    [['promote', 'fup', '--to', 'shadow'], 2, '--to is'],
    [['promote', 'fup', '--to', 'enforce'], 1, 'there is no policy fup'],
    [['rollback', 'fup'], 1, 'no policy fup'],
    [['withdraw', 'fup'], 1, 'no policy fup'],
    [['withdraw', 'Fup!'], 2, 'pattern'],
    [['show', 'fup'], 1, 'there is no policy fup'],
    [['shadow-report', 'fup'], 1, 'there is no policy fup'],
    [['shadow-report', 'fup', '--since', 'yesterday'], 2, 'an instant with its zone'],
  ])('say what is wrong: %j', async (args, code, message) => {
    const ended = await weir(...args);
    expect(ended.err).toContain(message);
    expect(ended.code).toBe(code);
  });

  it('have nothing to promote where nothing is in shadow', async () => {
    await weir('publish', await file('fup.json', capPolicy()));
    expect((await weir('promote', 'fup', '--to', 'enforce')).err).toContain('nothing in shadow');
  });
});

describe('weir policy list, show, status, withdraw and shadow-report', () => {
  it('show what is in force, and where', async () => {
    expect((await weir('list')).out).toContain('no policies yet');
    await weir('publish', await file('fup.json', capPolicy()), '--comment', 'go');
    await weir('publish', await file('next.json', capPolicy({ description: 'next', mode: 'shadow' })));
    const head = await rig.store.head('fup');
    const base = head?.base?.version.version ?? null;
    const candidate = head?.candidate?.version.version ?? null;
    rig.state.partitions = [
      { partition: 0, position: 1, layout: 4, policies: { fup: { base, candidate } } },
      { partition: 1, position: 1, layout: 4, policies: { fup: { base, candidate: null } } },
    ];
    const { out } = await weir('list');
    expect(out).toMatch(/fup +enforce +[0-9a-f]{12} +\S+Z +ann \(cli\) +2 of 12 +next/);
    expect(out).toMatch(/fup +shadow +[0-9a-f]{12} +\S+Z +ann \(cli\) +1 of 12 +next/);
    const shown = (await weir('show', 'fup')).out;
    expect(shown).toContain('by ann (cli), on 2 of 12 partitions: go');
    expect(shown).toContain(String(base));
    const detail = JSON.parse((await weir('show', 'fup', '--json')).out) as PolicyDetailView;
    expect(detail.changes).toHaveLength(2);
    expect(JSON.parse((await weir('show', 'fup', '--content', String(base))).out)).toEqual(capPolicy());
    const status = await weir('status');
    expect(status).toMatchObject({ code: 0, err: '' });
    expect(status.out).toContain('2 of 12 say what they run');
    expect(status.out).toContain('fup: 1 of 12 partitions run something else');
    expect((await weir('withdraw', 'fup')).out).toContain('base none, candidate none');
    expect((await weir('withdraw', 'fup')).out).toContain('it was so already');
    expect((await weir('list')).out).toContain('not in force');
  });

  it('fail where the folder has files that were refused', async () => {
    const refused = [{ file: 'fup.json', policyId: null, faults: ['fup.json:1:2: P004 no\u001b[2J'] }];
    rig.state.folders = [{ folder: '/p', files: 1, refused }];
    const status = await weir('status');
    expect(status.code).toBe(1);
    expect(status.out).toContain('refused: fup.json; what was in force stays\n  fup.json:1:2: P004 no?[2J');
    expect((await weir('list')).code).toBe(0);
  });

  it('compare a shadow with what is live', async () => {
    await weir('publish', await file('fup.json', capPolicy({ mode: 'shadow' })));
    rig.state.comparison = {
      shadow: [{ kind: 'throttle', decisions: 7, subscribers: 5 }],
      live: [],
      ...{ same: 1, gained: 4, lost: 0, gainedHeld: 2 },
      byPlan: [{ planId: null, same: 1, gained: 4, lost: 0 }],
      gainedSamples: [
        {
          ...{ subscriberId: 's1', planId: 'home', rule: 'slow', kind: 'throttle', decidedAtMs: 0 },
          explanation: [
            { fact: 'capUsedPercent', operator: 'greaterThan', expected: 80, actual: 81, result: true },
          ],
        },
      ],
      lostSamples: [],
    };
    const { out, code } = await weir('shadow-report', 'fup', '--since', '2026-01-01T00:00:00Z');
    expect(code).toBe(0);
    for (const part of [
      'fup, since 20',
      'shadow       7 throttle (5 subscribers)',
      'live         nothing',
      'gained       4: only the shadow acts on them; 2 of them are held by another policy or a hold',
      's1 (home): throttle by slow at 1970-01-01T00:00:00.000Z',
      'true  capUsedPercent greaterThan 80: 81',
    ])
      expect(out).toContain(part);
    expect(JSON.parse((await weir('shadow-report', 'fup', '--json')).out)).toMatchObject({ gained: 4 });
  });
});
