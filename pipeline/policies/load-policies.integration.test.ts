import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPolicies } from './load-policies.ts';

describe('loadPolicies', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-policies-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const policy = (description: string): string =>
    JSON.stringify({
      id: 'a',
      description,
      mode: 'enforce',
      rules: [
        {
          name: 'r',
          conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThan', value: 1 }] },
          event: { type: 'throttle', params: { downBps: 1, upBps: 1 } },
        },
      ],
    });

  it('loads what is right and says every fault of what is not', async () => {
    await writeFile(join(folder, 'a.json'), policy('one'));
    await writeFile(join(folder, 'a.test.json'), 'not a policy');
    await writeFile(join(folder, 'b.json'), policy('same id'));
    await writeFile(join(folder, 'c.json'), '{ "id": "C!", "rules": [] }');
    await writeFile(join(folder, 'd.json'), '{');
    const { policies, refused } = await loadPolicies(folder);
    expect(policies.map(({ policyId }) => policyId)).toEqual(['a']);
    expect(refused.map(({ file }) => file)).toEqual(['b.json', 'c.json', 'd.json']);
    expect(refused[1]?.faults.length).toBeGreaterThan(2);
  });

  it('gives the same version to the same content, however it is formatted', async () => {
    await writeFile(join(folder, 'a.json'), policy('one'));
    const first = await loadPolicies(folder);
    await writeFile(join(folder, 'a.json'), JSON.stringify(JSON.parse(policy('one')), null, 7));
    const second = await loadPolicies(folder);
    await writeFile(join(folder, 'a.json'), policy('two'));
    const third = await loadPolicies(folder);
    expect(second.policies[0]?.version).toBe(first.policies[0]?.version);
    expect(third.policies[0]?.version).not.toBe(first.policies[0]?.version);
  });

  it('takes a folder that is not there as empty, and the policies that ship load', async () => {
    expect(await loadPolicies(join(folder, 'none'))).toEqual({ policies: [], refused: [] });
    const shipped = await loadPolicies('policies');
    expect(shipped.refused).toEqual([]);
    expect(shipped.policies.map(({ policyId }) => policyId)).toContain('home-fup');
  });
});
