import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capPolicy } from '../tests/factories.ts';
import { testPolicies } from './policy-test-bounds.ts';

describe('tests of policies in a thread', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-policy-bounds-'));
    for (const id of ['a', 'b'])
      await writeFile(join(folder, `${id}.json`), JSON.stringify({ ...capPolicy().file, id }));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('says of each policy what became of it', async () => {
    const tested = await testPolicies([folder]);
    expect(tested.map(({ policyId, faults }) => [policyId, faults])).toEqual([
      ['a', []],
      ['b', []],
    ]);
    await expect(testPolicies([join(folder, 'nowhere')])).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('ends what takes too long, and says so of each', async () => {
    const tested = await testPolicies([folder], { timeMs: 0, memoryMb: 256 });
    expect(tested.map(({ faults }) => faults.map(({ code }) => code))).toEqual([['T009'], ['T009']]);
  });

  it('does not overflow its stack on a quote in a comment', async () => {
    await writeFile(join(folder, 'a.json'), `/*"*/${'['.repeat(200_000)}`);
    const tested = await testPolicies([join(folder, 'a.json')]);
    expect(tested.map(({ faults }) => faults.map(({ code }) => code))).toEqual([['P004']]);
  });
});
