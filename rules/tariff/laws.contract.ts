import fc from 'fast-check';
import { it } from 'vitest';

/** Cases of each law; WEIR_TEST_RUNS raises it. */
export const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 1000);

/** A test of a law on random cases, their count in its name. */
export function law<T>(name: string, cases: fc.Arbitrary<T>, check: (one: T) => void): void {
  it(`${name} (${RUNS} cases)`, { timeout: Math.max(120_000, RUNS * 20) }, () => {
    fc.assert(fc.property(cases, check), { numRuns: RUNS });
  });
}
