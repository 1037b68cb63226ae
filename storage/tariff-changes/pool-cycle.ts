import { AppError } from '../../schemas/errors.ts';
import type { CycleChange, CycleRule } from '../../schemas/profile.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { Dated } from '../../schemas/tariff.ts';

/** When cycles begin, with what changes it. */
export interface Cycles {
  cycle: CycleRule;
  cycleChanges: readonly CycleChange[];
}

/** When a pool's cycles begin. */
export function cyclesOf({
  cycle,
  cycleChanges = [],
  anchorDay,
}: Pick<PoolProfile, 'anchorDay' | 'cycle' | 'cycleChanges'>): Cycles {
  return { cycle: cycle ?? { kind: 'month', anchorDay }, cycleChanges };
}

/**
 * A member's cycle is one of the pool's, so both are months, weeks, or as many days: a longer one would count in one of the pool's
 * as a whole, shorter ones of its end in the next.
 *
 * @param atMs what held before is over
 * @throws AppError 'conflict' where they are not
 */
export function checkPoolCycles(member: Cycles, pool: Cycles, atMs: number): void {
  const lengths = new Set([...lengthsFrom(member, atMs), ...lengthsFrom(pool, atMs)]);
  if (lengths.size > 1)
    throw new AppError(
      'conflict',
      `pool-cycle: a pool and its members have cycles of one kind and length, these have ${[...lengths].join(' and ')}`,
    );
}

/** True where a membership is not over. */
export function isMember(memberships: readonly Dated[], atMs: number): boolean {
  return memberships.some(({ toMs }) => toMs === null || toMs > atMs);
}

function lengthsFrom({ cycle, cycleChanges }: Cycles, atMs: number): string[] {
  const later = cycleChanges.filter(({ fromMs }) => fromMs > atMs);
  const now = cycleChanges.findLast(({ fromMs }) => fromMs <= atMs)?.cycle ?? cycle;
  return [now, ...later.map((change) => change.cycle)].map(lengthOf);
}

function lengthOf(rule: CycleRule): string {
  return rule.kind === 'days' ? `${rule.days} days` : `a ${rule.kind}`;
}
