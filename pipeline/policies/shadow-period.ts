import type { PolicyChange, ShadowPeriod } from '../../storage/policy-ports.ts';

/** When a version was in shadow, ms since 1970 UTC. */
export interface VersionInShadow extends ShadowPeriod {
  /** since this very version is the candidate; at or after `beganMs` */
  sinceMs: number;
}

/**
 * When one of some versions was last in shadow, and since when the policy was without a break: what an earlier version
 * began goes on under a later one of the same rule, without a decision of its own. null = it never was.
 *
 * @param changes of the policy, the newest first
 * @param shadows versions in mode shadow
 * @param wanted the versions that are meant
 */
export function lastInShadow(
  changes: readonly Pick<PolicyChange, 'candidate' | 'atMs'>[],
  shadows: ReadonlySet<string>,
  wanted: ReadonlySet<string>,
): VersionInShadow | null {
  let beganMs: number | null = null;
  let last: VersionInShadow | null = null;
  for (const { candidate, atMs } of [...changes].reverse()) {
    const isShadow = candidate !== null && shadows.has(candidate);
    const isWanted = isShadow && wanted.has(candidate);
    beganMs = isShadow ? (beganMs ?? atMs) : null;
    if (last?.untilMs === null && !isWanted) last.untilMs = atMs;
    if (isWanted && beganMs !== null && last?.untilMs !== null)
      last = { beganMs, sinceMs: atMs, untilMs: null };
  }
  return last;
}
