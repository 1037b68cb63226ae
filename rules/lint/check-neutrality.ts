import type { PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import { plansOf } from './check-context.ts';
import type { At } from './finding.ts';
import { factsUsed } from '../compile/facts-used.ts';
import type { Report } from './report.ts';

const SOURCE = 'Regulation (EU) 2015/2120, BEREC Guidelines BoR (22) 81';

/**
 * What the rules on net neutrality forbid: plans that count classes differently, and rules that slow down, block or
 * charge by what a class has used. The whole line at other times of day, and notices, are allowed.
 *
 * @param plans null = not known
 */
export function checkNeutrality(
  file: PolicyFile,
  plans: readonly PlanVersion[] | null,
  report: Report,
): void {
  for (const plan of plansOf(file, plans ?? [])) {
    const unequal = unequalClass(plan);
    if (unequal !== null)
      report.add(
        'P504',
        placeOf(file, plan),
        `plan ${plan.planId} counts class ${unequal} differently: ${SOURCE}`,
      );
  }
  file.rules.forEach((rule, i) => {
    if (rule.event.type === 'notify' || !factsUsed(rule.conditions, file.conditions).has('byClass')) return;
    report.add(
      'P505',
      ['rules', i, 'conditions'],
      `${rule.name} depends on the usage of one class: ${SOURCE}`,
    );
  });
}

/** A class whose bytes count differently from others', by day or off-peak; null where there is none. */
function unequalClass({ classFactors, offPeakFactors = {} }: PlanVersion): string | null {
  const byDay = Object.entries(classFactors).find(([, factor]) => factor !== 1000);
  if (byDay !== undefined) return byDay[0];
  const all = offPeakFactors['*'] ?? 1000;
  const offPeak = Object.entries(offPeakFactors).find(([name, factor]) => name !== '*' && factor !== all);
  return offPeak === undefined ? null : offPeak[0];
}

function placeOf({ appliesTo }: PolicyFile, { planId }: PlanVersion): At {
  const index = (appliesTo?.plans ?? []).findIndex((pattern) =>
    pattern.endsWith('*') ? planId.startsWith(pattern.slice(0, -1)) : planId === pattern,
  );
  return index === -1 ? [] : ['appliesTo', 'plans', index];
}
