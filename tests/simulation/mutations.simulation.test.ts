import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JavaScriptTree } from './javascript-tree.ts';
import { MUTATIONS } from './mutations.ts';
import { runSeeds } from './pool.ts';
import { MOST_SEEDS, proofTable, prove } from './prove.ts';
import type { Proof } from './prove.ts';
import { SimulationReport } from './report.ts';
import type { RunOptions } from './world.ts';

let tree: JavaScriptTree;
const proofs: Proof[] = [];

beforeAll(async () => {
  tree = await JavaScriptTree.of('tests/simulation/thread.ts');
});

afterAll(async () => {
  await tree.close();
  const order = MUTATIONS.map(({ mechanism }) => mechanism);
  proofs.sort((a, b) => order.indexOf(a.mechanism) - order.indexOf(b.mechanism));
  process.stdout.write(`\nmechanism, seeds until red, what was seen\n${proofTable(proofs).join('\n')}\n`);
});

describe.concurrent('without it the simulation turns red', () => {
  it.each(MUTATIONS.map((mutation) => [mutation.mechanism, mutation] as const))('%s', async (_, mutation) => {
    const proof = await prove(tree, mutation);
    proofs.push(proof);
    expect(proof.seeds, `no seed of ${MOST_SEEDS} needs it: ${mutation.mechanism}`).not.toBeNull();
  });
});

it('the commit id saves reloads: without it every lost answer of a commit costs one', async () => {
  const rejected = async (ignore: RunOptions['ignore']): Promise<number> => {
    const report = new SimulationReport();
    await runSeeds({
      folder: await tree.write(),
      seeds: Array.from({ length: 40 }, (_, i) => i + 1),
      run: { faults: ['lostAnswer'], trace: false, ignore },
      onResult: (result) => {
        report.add(result);
        return false;
      },
    });
    // It is not needed for anything else.
    expect(report.complaints()).toEqual([]);
    return report.counts.get('slots dropped: store-rejected') ?? 0;
  };
  expect(await rejected({})).toBe(0);
  expect(await rejected({ commitId: true })).toBeGreaterThan(20);
});

it('a proof whose place in the source is gone is no proof', async () => {
  const file = 'pipeline/fold/drain.ts';
  await expect(tree.write({ file, find: 'not to be found', replace: '' })).rejects.toThrow('0 times');
  await expect(tree.write({ file, find: 'const', replace: '' })).rejects.toThrow('not once');
});
