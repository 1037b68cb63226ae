import { eachInBoundedThread } from '../pipeline/policies/bounded-thread.ts';
import { policiesAt } from './policy-test-files.ts';
import type { PolicyPaths } from './policy-test-files.ts';
import type { TestedPolicy } from './policy-test-run.ts';

/** Lint of the hardest policy and the largest tests that the format allows take some 4 s. */
const BOUNDS = { timeMs: 20_000, memoryMb: 256 };

/**
 * Tests the policies that paths mean, each with the provider.json beside it, in a thread that is ended when it takes too long
 * or too much memory.
 *
 * @throws AppError `invalid-input` where a path leads nowhere, or to no policy
 */
export async function testPolicies(paths: readonly string[], bounds = BOUNDS): Promise<TestedPolicy[]> {
  const policies = await policiesAt(paths);
  return eachInBoundedThread('../../cli/policy-test-thread', policies, bounds, tookTooLong);
}

function tookTooLong({ policy: file }: PolicyPaths, why: string): TestedPolicy {
  const message = `testing took too long or too much memory (${why})`;
  const faults = [{ file, line: 1, column: 1, code: 'T009', message }];
  return { file, testFile: null, policyId: null, faults, result: null };
}
