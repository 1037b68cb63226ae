import type { PolicySet } from '../../rules/compile/policy-set.ts';
import type { PoolRule } from '../../schemas/pool.ts';
import { isShadow } from '../decide/desired.ts';
import { usedPercent } from '../decide/facts-of.ts';
import { usedBytes } from './pool.ts';
import type { Pool, ToldMembers } from './pool.ts';

/** Rules that one effect carries; readers of the log refuse more. */
const MAX_RULES = 100;
/** Points of used percent that members are told. */
const POINTS_TOLD = 1;

/** How a pool stands now, as members are told. */
export function standing(pool: Pool, allowanceBytes: number | null, policies: PolicySet): ToldMembers {
  const rules: PoolRule[] = [];
  for (const { key, active, effect } of pool.rules) {
    if (!active || effect === null || isShadow(key) || rules.length === MAX_RULES) continue;
    const [policyId = '', rule = ''] = key.split('/');
    const policyVersion = policies.all.find((policy) => policy.policyId === policyId)?.version ?? '';
    rules.push({ policyId, rule, policyVersion, effect });
  }
  return { cycleStartMs: pool.cycle?.startMs ?? 0, usedBytes: usedBytes(pool), allowanceBytes, rules };
}

/** True where members have to know: other rules, another cycle or allowance, or a point of used percent. */
export function tellsNews(told: ToldMembers | null, now: ToldMembers): boolean {
  if (told === null) return true;
  if (told.cycleStartMs !== now.cycleStartMs || told.allowanceBytes !== now.allowanceBytes) return true;
  if (JSON.stringify(told.rules) !== JSON.stringify(now.rules)) return true;
  if (now.allowanceBytes === null) return false;
  const [before, after] = [told.usedBytes, now.usedBytes].map((used) =>
    usedPercent(used, now.allowanceBytes ?? 0),
  );
  return Math.abs((after ?? 0) - (before ?? 0)) >= POINTS_TOLD;
}
