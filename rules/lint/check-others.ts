import type { PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import { matches } from './reasoning/reasoner.ts';
import type { Report } from './report.ts';

/** Another policy of the same folder. */
export interface OtherPolicy {
  /** name of its file */
  file: string;
  policy: PolicyFile;
}

/** Checks a policy beside those of its folder: one id each, and one source of overage a subscriber. */
export function checkOthers(
  file: PolicyFile,
  others: readonly OtherPolicy[],
  plans: readonly PlanVersion[] | null,
  report: Report,
): void {
  const twin = others.find(({ policy }) => policy.id === file.id);
  if (twin !== undefined) report.add('P501', ['id'], `${twin.file} has the id ${file.id} too`);
  const index = file.rules.findIndex(({ event }) => event.type === 'overage');
  if (index === -1 || !isActing(file)) return;
  for (const { file: name, policy } of others) {
    if (policy.id === file.id || !isActing(policy)) continue;
    if (!policy.rules.some(({ event }) => event.type === 'overage') || !overlap(file, policy, plans))
      continue;
    report.add(
      'P502',
      ['rules', index, 'event'],
      `${policy.id} (${name}) sells overage to the same subscribers: one policy has to`,
    );
    return;
  }
}

/** Only what acts can act twice: a draft in shadow may stand beside what it is to replace. */
export function isActing({ mode }: PolicyFile): boolean {
  return mode === 'enforce' || mode === 'percent';
}

/** Some subscriber may be of both. */
export function overlap(a: PolicyFile, b: PolicyFile, plans: readonly PlanVersion[] | null): boolean {
  const known = plans === null || plans.length === 0 ? null : plans.map(({ planId }) => planId);
  return (
    meet(a.appliesTo?.plans, b.appliesTo?.plans, known) &&
    meet(a.appliesTo?.segments, b.appliesTo?.segments, null)
  );
}

/** Some name is among both. `known` = all names there are; null = any text may be one. */
function meet(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
  known: readonly string[] | null,
): boolean {
  if (known !== null) return known.some((name) => among(name, a) && among(name, b));
  if (a === undefined || b === undefined) return a?.length !== 0 && b?.length !== 0;
  return a.some((one) => b.some((other) => patternsMeet(one, other)));
}

function among(name: string, patterns: readonly string[] | undefined): boolean {
  return patterns === undefined || patterns.some((pattern) => matches(name, pattern));
}

function patternsMeet(a: string, b: string): boolean {
  if (!a.endsWith('*')) return matches(a, b);
  if (!b.endsWith('*')) return matches(b, a);
  const [short = '', long = ''] = [a.slice(0, -1), b.slice(0, -1)].sort((x, y) => x.length - y.length);
  return long.startsWith(short);
}
