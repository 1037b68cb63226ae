import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plan } from '../tests/factories.ts';
import { event, policyText } from '../tests/policy-texts.ts';
import { runWeir } from './run-weir.contract.ts';

describe('weir policy lint', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-lint-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function lint(args: string[]) {
    return runWeir(['policy', 'lint', ...args], { WEIR_POLICIES_DIR: folder }, 7);
  }

  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  const head = (text: string): string => `"id": "a", "description": "", "mode": "enforce", ${text}`;

  it('says that all is well, and looks at the configured folder by itself', async () => {
    await write('a.json', policyText());
    await write('a.test.json', '{');
    expect(await lint([])).toEqual({ code: 0, out: '1 file: 0 errors, 0 warnings\n', err: '' });
  });

  it('prints a line for each finding, ends with 1', async () => {
    await write(
      'a.json',
      policyText({ when: '{ "all": [{ "fact": "dayBytse", "operator": "equal", "value": 1 }] }' }),
    );
    await write('b.json', '{ "id": "b", }');
    const { code, out } = await lint([folder]);
    expect(code).toBe(1);
    expect(out).toBe(
      `${folder}/a.json:5:41 error P101 unknown fact "dayBytse". Did you mean dayBytes?\n` +
        `${folder}/b.json:1:14 error P004 a key in double quotes is expected: no comma after the last entry\n` +
        '2 files: 2 errors, 0 warnings\n',
    );
  });

  it('lets warnings pass, but not with --strict', async () => {
    await write('a.json', policyText({ head: head('"percent": 5,') }));
    expect((await lint([])).out).toContain(':2:52 warning P112 percent is ignored');
    expect((await lint([])).code).toBe(0);
    expect((await lint(['--strict'])).code).toBe(1);
  });

  it('prints JSON', async () => {
    await write('a.json', policyText({ head: head('"mod": 1,') }));
    const { code, out } = await lint(['--json', join(folder, 'a.json')]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ...{ files: 1, errors: 1, warnings: 0, more: 0 },
      findings: [{ code: 'P103', severity: 'error', line: 2, column: 52, path: '$.mod', suggestion: null }],
    });
  });

  it('checks one file beside its neighbours, and says nothing of those', async () => {
    await write('a.json', policyText({ event: event('throttle', '"profile": "crawl"') }));
    await write('b.json', policyText());
    await write('provider.json', '{ "throttleProfiles": { "crawl": { "downBps": 64000, "upBps": 64000 } } }');
    const { code, out } = await lint([join(folder, 'b.json')]);
    expect(code).toBe(1);
    expect(out).toBe(
      `${folder}/b.json:2:9 error P501 ${folder}/a.json has the id a too\n1 file: 1 error, 0 warnings\n`,
    );
    await rm(join(folder, 'b.json'));
    expect((await lint([join(folder, 'a.json')])).out).toBe('1 file: 0 errors, 0 warnings\n');
  });

  it('looks at a folder once, however it is named, and not at what is no file', async () => {
    await write('a.json', policyText());
    await mkdir(join(folder, 'b.json'));
    const { code, out } = await lint([folder, `${folder}/`, join(folder, 'a.json')]);
    expect([code, out]).toEqual([0, '1 file: 0 errors, 0 warnings\n']);
  });

  it('checks against plans', async () => {
    await write('a.json', policyText({ head: head('"appliesTo": { "plans": ["hom-100"] },') }));
    const plans = join(folder, 'plans');
    await writeFile(plans, JSON.stringify([plan({ planId: 'home-100' })]));
    const { code, out } = await lint(['--plans', plans]);
    expect([code, out]).toEqual([
      0,
      expect.stringContaining('P503 no plan is called "hom-100". Did you mean home-100?'),
    ]);
  });

  it.each([
    ['no such path', ['nowhere'], 'there is no file or folder nowhere'],
    ['a folder without policies', ['EMPTY'], 'holds no policies (*.json)'],
    ['a test file', ['TESTS'], 'is no policy: those are *.json'],
    ['no such plans', ['--plans', 'nowhere'], 'nowhere is no JSON file of plans'],
    ['plans that are none', ['--plans', 'TESTS'], 'must be a JSON list of plans'],
    ['a plan that is none', ['--plans', 'BAD'], 'plan 1'],
    ['an unknown option', ['--loud'], "unknown option '--loud'"],
    ['no file after --plans', ['--plans'], 'argument missing'],
  ])('ends with 2 on %s', async (_name, args, message) => {
    await mkdir(join(folder, 'empty'));
    await write('a.json', policyText());
    await write('a.test.json', '{}');
    await write('bad', '[{}]');
    const places: Record<string, string> = { EMPTY: 'empty', TESTS: 'a.test.json', BAD: 'bad' };
    const { code, err, out } = await lint(
      args.map((arg) => (places[arg] === undefined ? arg : join(folder, places[arg]))),
    );
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });
});
