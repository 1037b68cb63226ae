import type { PolicyVersion } from '../schemas/policy.ts';
import type { PolicyChange, VersionsInForce } from './policy-ports.ts';

/** Heads of a policy after a version was published; enforce and off replace both, shadow and percent stand beside the base. */
export function headsAfter(heads: VersionsInForce, { version, file }: PolicyVersion): VersionsInForce {
  const isCandidate = file.mode === 'shadow' || file.mode === 'percent';
  return isCandidate ? { base: heads.base, candidate: version } : { base: version, candidate: null };
}

/** True where nothing differs. */
export function sameHeads(a: VersionsInForce, b: VersionsInForce): boolean {
  return a.base === b.base && a.candidate === b.candidate;
}

/**
 * Where a rollback leads: `null` = there is nothing before.
 *
 * A candidate is dropped. Without one the base before comes back; what was rolled back itself is behind for good, so that
 * rolling back twice goes two steps, not to and fro.
 *
 * @param changes of the policy, in order
 */
export function headsBefore(
  heads: VersionsInForce,
  changes: readonly Pick<PolicyChange, 'kind' | 'base'>[],
): VersionsInForce | null {
  if (heads.candidate !== null) return { base: heads.base, candidate: null };
  const bases: (string | null)[] = [null];
  for (const { kind, base } of changes) {
    if (kind === 'rollback' && bases.includes(base)) bases.length = bases.lastIndexOf(base) + 1;
    else if (bases.at(-1) !== base) bases.push(base);
  }
  if (bases.length < 2) return null;
  return { base: bases[bases.length - 2] ?? null, candidate: null };
}
