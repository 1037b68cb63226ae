import type { JavaScriptTree } from './javascript-tree.ts';
import type { Mutation } from './mutations.ts';
import { runSeeds } from './pool.ts';

/** A mutation after which no seed has turned red in so many proves nothing. */
export const MOST_SEEDS = 600;

/** What became of a mechanism's proof. */
export interface Proof {
  mechanism: string;
  /** runs until one turned red; null = none did */
  seeds: number | null;
  seed: number | null;
  /** what the red run found first, of the invariants that the mechanism guards */
  violation: string;
}

/** Switches a mechanism off and runs seeds until one turns red. */
export async function prove(tree: JavaScriptTree, mutation: Mutation): Promise<Proof> {
  const { mechanism, how, faults, red } = mutation;
  const folder = await tree.write('change' in how ? how.change : null);
  const proof: Proof = { mechanism, seeds: null, seed: null, violation: '' };
  let runs = 0;
  await runSeeds({
    folder,
    seeds: Array.from({ length: MOST_SEEDS }, (_, i) => i + 1),
    // Proofs run beside each other, one a core; and so the first red seed is always the same.
    threads: 1,
    run: { faults, trace: false, ignore: 'ignore' in how ? how.ignore : {} },
    onResult: ({ seed, violations }) => {
      runs += 1;
      const found = violations.find((violation) => red.some((name) => violation.startsWith(name)));
      if (found === undefined) return false;
      Object.assign(proof, { seeds: runs, seed, violation: found });
      return true;
    },
  });
  return proof;
}

/** The proofs as a table. */
export function proofTable(proofs: readonly Proof[]): string[] {
  const width = Math.max(...proofs.map(({ mechanism }) => mechanism.length));
  return proofs.map(
    ({ mechanism, seeds, violation }) =>
      `${mechanism.padEnd(width)}  ${String(seeds ?? 'never').padStart(5)}  ${violation.slice(0, 90)}`,
  );
}
