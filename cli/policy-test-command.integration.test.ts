import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../dev/processes/wait-until.ts';
import { capPolicy } from '../tests/factories.ts';
import { runCli } from './commands.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-policy-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function weir(...args: string[]) {
  let out = '';
  let err = '';
  const code = await runCli(['policy', 'test', ...args], {
    env: { WEIR_POLICIES_DIR: folder },
    version: '1.2.3',
    out: (text) => (out += text.replaceAll(folder, '.')),
    err: (text) => (err += text.replaceAll(folder, '.')),
    start: () => Promise.resolve(0),
  });
  return { code, out, err };
}

const put = (name: string, content: unknown): Promise<void> =>
  writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content, null, 1));

const policy = (id = 'home-fup', fields: object = {}): object => ({ ...capPolicy().file, id, ...fields });
const over = { name: 'over', facts: { capUsedPercent: 120 }, expect: ['slow-at-cap'] };
const under = { name: 'under', facts: { capUsedPercent: 99 }, expect: [] };

describe('weir policy test', () => {
  it('runs the tests of a folder and says what is covered', async () => {
    await put('home-fup.json', policy());
    await put('home-fup.test.json', { cases: [over] });
    await put('untested.json', policy('untested'));
    const { code, out } = await weir();
    expect(out).toBe(
      [
        './home-fup.json',
        '  ok    over',
        '  conditions 50 % covered (1 of 2 outcomes)',
        '    ./home-fup.json:15:6: capUsedPercent greaterThanInclusive 100 was never false',
        '',
        './untested.json',
        '  no tests: they go to ./untested.test.json',
        '',
        'policies: 2; cases: 1 passed, 0 failed; 1 without tests',
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
    const least = await weir('--coverage', '51');
    expect(least.code).toBe(1);
    expect(least.out).toContain('conditions 50 % covered (1 of 2 outcomes): too little');
    expect(least.out).toContain('2 below 51 % coverage');
    await put('home-fup.test.json', { cases: [over, under] });
    expect((await weir(join(folder, 'home-fup.json'), '--coverage', '100')).code).toBe(0);
  });

  it('shows what a case expected, what came, and each condition', async () => {
    await put('home-fup.json', policy());
    await put('home-fup.test.json', { cases: [{ ...over, facts: { capUsedPercent: 99.5 } }] });
    const { code, out } = await weir(join(folder, 'home-fup.test.json'));
    expect(code).toBe(1);
    expect(out.split('\n').slice(0, 5)).toEqual([
      './home-fup.json',
      '  FAIL  over  (./home-fup.test.json:3:3)',
      '          expected to hold: slow-at-cap; actually: no rule',
      '          slow-at-cap (throttle):',
      '            false  capUsedPercent greaterThanInclusive 100; it is 99.5  (./home-fup.json:15:6)',
    ]);
    expect(out).toContain('policies: 1; cases: 0 passed, 1 failed\n');
  });

  it('uses the throttle profiles of the provider.json beside', async () => {
    const rules = capPolicy().file.rules.map((rule) => ({
      ...rule,
      event: { type: 'throttle', params: { profile: 'slow' } },
    }));
    await put('home-fup.json', policy('home-fup', { rules }));
    await put('home-fup.test.json', { cases: [over] });
    const without = await weir();
    expect(without.code).toBe(1);
    expect(without.out).toContain('the provider has no throttle profile as slow-at-cap names it');
    const provider = {
      offPeak: { hours: [], dates: [] },
      throttleProfiles: { slow: { downBps: 1, upBps: 1 } },
      redirectProfiles: [],
      topUps: {},
      neutrality: false,
    };
    await put('provider.json', provider);
    expect((await weir()).code).toBe(0);
    await put('provider.json', { ...provider, throttleProfiles: [] });
    const broken = await weir();
    expect(broken.code).toBe(1);
    expect(broken.out).toMatch(/\.\/provider\.json:6:\d+: P/);
  });

  it.each<[string, string, string | Buffer, string]>([
    ['no JSON', 'home-fup.test.json', '{"cases": [', './home-fup.test.json:1:12: T002'],
    [
      'an unknown fact',
      'home-fup.test.json',
      '{"cases":[{"name":"a","facts":{"capUse":1},"expect":[]}]}',
      'T101',
    ],
    ['no UTF-8', 'home-fup.test.json', Buffer.from([0x7b, 0xff, 0x7d]), 'home-fup.test.json:1:1: T002'],
    ['too many bytes', 'home-fup.test.json', ' '.repeat(300_000), './home-fup.test.json:1:1: T001'],
    ['too deep', 'home-fup.test.json', '['.repeat(200_000), './home-fup.test.json:1:49: T002'],
    ['a policy that is no JSON', 'home-fup.json', '{,}', './home-fup.json:1:2: P004'],
    [
      'a policy with an unknown fact',
      'home-fup.json',
      JSON.stringify(policy()).replace('capUsed', 'capUse'),
      'P101',
    ],
    ['a policy that is too large', 'home-fup.json', ' '.repeat(300_000), './home-fup.json:1:1: P001'],
  ])('ends with 1 and says where: %s', async (_, name, content, expected) => {
    await put('home-fup.json', policy());
    await put('home-fup.test.json', { cases: [over] });
    await writeFile(join(folder, name), content);
    const { code, out } = await weir();
    expect(out).toContain(expected);
    expect(out).toContain('1 could not be tested');
    expect(code).toBe(1);
  });

  it('ends with 1 where tests have no policy', async () => {
    await put('home-fup.test.json', { cases: [over] });
    const { code, out } = await weir(join(folder, 'home-fup.test.json'));
    expect(code).toBe(1);
    expect(out).toContain('./home-fup.json:1:1: P107 there is no such file');
  });

  it.each<[string, string[], string]>([
    ['a path to nothing', ['nowhere'], 'there is no file or folder nowhere'],
    ['a folder without policies', ['cli'], 'cli holds no policies'],
    ['a file that is no policy', ['README.md'], 'README.md is no policy'],
    ['a share beyond 100', ['--coverage', '101'], 'It must be a number from 0 to 100.'],
    ['a share that is no number', ['--coverage', 'all'], 'It must be a number from 0 to 100.'],
    ['watching a path to nothing', ['nowhere', '--watch'], 'there is no file or folder nowhere'],
  ])('ends with 2 on wrong use: %s', async (_, args, message) => {
    const { code, err, out } = await weir(...args);
    expect(err).toContain(message);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  it('prints everything as JSON', async () => {
    await put('home-fup.json', policy());
    await put('home-fup.test.json', { cases: [over, { ...under, expect: ['slow-at-cap'] }] });
    const { code, out } = await weir('--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      policies: 1,
      passed: 1,
      failed: 1,
      tested: [
        {
          policyId: 'home-fup',
          faults: [],
          result: {
            cases: [{ passed: true }, { failures: [{ rules: [{ conditions: [{ place: { line: 15 } }] }] }] }],
            coverage: { percent: 100 },
          },
        },
      ],
    });
  });

  it('runs again when a file changes, and Ctrl-C ends it with 0', async () => {
    await put('home-fup.json', policy());
    await put('home-fup.test.json', { cases: [over, { ...under, expect: ['slow-at-cap'] }] });
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'cli/main.ts', 'policy', 'test', '--watch', folder],
      {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const ended = once(child, 'close');
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const shows = (text: string): Promise<void> =>
      waitUntil(`the output shows ${text}`, () => Promise.resolve(output.includes(text)), {
        timeoutMs: 60_000,
      });
    try {
      await shows('cases: 1 passed, 1 failed');
      await shows('watching');
      await put('home-fup.test.json', { cases: [over, under] });
      await shows('cases: 2 passed, 0 failed');
      expect(output).toContain('home-fup.test.json changed');
      await rm(join(folder, 'home-fup.json'));
      await shows('holds no policies');
      await put('home-fup.json', policy());
      await put('other.json', policy('other'));
      await shows('1 without tests');
      child.kill('SIGINT');
      expect(await ended).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
