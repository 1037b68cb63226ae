import type { Settings, VerifyEntry } from '../../verify/entry.ts';
import { Recomputation } from '../../verify/recompute.ts';

/** Settings of a slot that nothing is said of; those of tests/factories.ts. */
export const ORACLE_SETTINGS: Settings = {
  partition: 0,
  partitionCount: 1,
  bucketCount: 16,
  defaultZone: 'UTC',
  acceptLatenessMs: 7 * 86_400_000,
  cycleCloseGraceMs: 86_400_000,
  policyFault: () => null,
  onlySubscriber: null,
  unknownBeforeMs: null,
};

/** The meaning of a log, by the independent recomputation in verify/. */
export function recomputed(log: readonly VerifyEntry[], settings: Partial<Settings> = {}): Recomputation {
  const run = new Recomputation({ ...ORACLE_SETTINGS, ...settings });
  for (const entry of log) run.take(entry);
  return run;
}
