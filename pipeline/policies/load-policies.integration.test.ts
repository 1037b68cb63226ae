import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPolicies } from './load-policies.ts';
import { capPolicy, capTests } from './policy-rig.contract.ts';

describe('loadPolicies', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-policies-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const put = (name: string, content: string | Buffer): Promise<void> =>
    writeFile(join(folder, name), content);
  const one = (over = {}): string => JSON.stringify(capPolicy({ id: 'a', ...over }), null, 2);

  it('loads what is right and says every fault of what is not', async () => {
    await put('a.json', one());
    await put('c.json', '{ "id": "C!", "rules": [] }');
    await put('d.json', '{');
    await put('e.json', Buffer.from([0x7b, 0xff, 0x7d]));
    await put('f.json', ' '.repeat(300_000));
    await put('notes.txt', 'no policy');
    const { policies, refused, files } = await loadPolicies(folder);
    expect(policies.map(({ policyId }) => policyId)).toEqual(['a']);
    expect(refused.map(({ file }) => file).sort()).toEqual(['c.json', 'd.json', 'e.json', 'f.json']);
    const faults = refused.find(({ file }) => file === 'c.json')?.faults ?? [];
    expect(faults.length).toBeGreaterThan(2);
    for (const fault of faults) expect(fault).toMatch(/^c\.json:\d+:\d+: P\d{3} /);
    expect(files).toBe(5);
  });

  it('takes none or one of two files with one id', async () => {
    await put('a.json', one());
    await put('b.json', one({ description: 'same id' }));
    const { policies, refused } = await loadPolicies(folder);
    expect(policies.length).toBeLessThanOrEqual(1);
    expect(refused.map(({ file }) => file)).toContain('b.json');
  });

  it('refuses a policy whose tests fail or cannot be read', async () => {
    const [good, bad, unread] = ['a', 'b', 'c'].map((id) => JSON.stringify(capPolicy({ id })));
    await put('a.json', good ?? '');
    await put('a.test.json', capTests());
    await put('b.json', bad ?? '');
    await put('b.test.json', capTests(true));
    await put('c.json', unread ?? '');
    await put('c.test.json', '[');
    const { policies, refused } = await loadPolicies(folder);
    expect(policies.map(({ policyId }) => policyId)).toEqual(['a']);
    expect(refused.map(({ file, policyId }) => [file, policyId])).toEqual([
      ['b.json', 'b'],
      ['c.json', 'c'],
    ]);
    expect(refused[0]?.faults[0]).toContain('b.test.json:1:');
  });

  it('gives the same version to the same content, however it is formatted', async () => {
    await put('a.json', one());
    const first = await loadPolicies(folder);
    await put('a.json', JSON.stringify(JSON.parse(one()), null, 7));
    const second = await loadPolicies(folder);
    await put('a.json', one({ description: 'two' }));
    const third = await loadPolicies(folder);
    expect(second.policies[0]?.version).toBe(first.policies[0]?.version);
    expect(third.policies[0]?.version).not.toBe(first.policies[0]?.version);
  });

  it('takes a folder that is not there as empty, and the policies that ship load', async () => {
    const nothing = { settings: null, policies: [], refused: [], warnings: [], files: 0 };
    expect(await loadPolicies(join(folder, 'none'))).toEqual(nothing);
    const shipped = await loadPolicies('policies');
    expect(shipped.refused).toEqual([]);
    expect(shipped.policies.map(({ policyId }) => policyId)).toContain('home-fup');
    expect(shipped.settings).not.toBeNull();
  });
});
