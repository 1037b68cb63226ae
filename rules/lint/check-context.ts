import type { PolicyFile, PolicyRule } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { closest, hint, shown } from './did-you-mean.ts';
import type { At } from './finding.ts';
import { matches } from './reasoning/reasoner.ts';
import type { Report } from './report.ts';

/** Checks a policy against what there is: plans (null = not known) and the provider's settings (null = not known). */
export function checkContext(
  file: PolicyFile,
  plans: readonly PlanVersion[] | null,
  provider: ProviderSettings | null,
  report: Report,
): void {
  checkPoolEvents(file, report);
  if (provider !== null)
    file.rules.forEach((rule, i) => checkProfiles(rule, ['rules', i, 'event', 'params'], provider, report));
  if (plans === null) return;
  checkPlanNames(file, plans, report);
  const concerned = plansOf(file, plans);
  file.rules.forEach((rule, i) =>
    checkPlans(rule, ['rules', i, 'event', 'params'], concerned, provider, report),
  );
}

/** An error to the linter only: such a rule does nothing, and admission must let pass what was published. */
function checkPoolEvents({ subject, rules }: PolicyFile, report: Report): void {
  if (subject !== 'pool') return;
  rules.forEach(({ name, event }, i) => {
    if (event.type === 'topup')
      report.add('P411', ['rules', i, 'event', 'type'], `${name} does nothing: a pool buys no top-ups`);
  });
}

/** Plans that a policy applies to. */
export function plansOf({ appliesTo }: PolicyFile, plans: readonly PlanVersion[]): PlanVersion[] {
  const patterns = appliesTo?.plans;
  return plans.filter(
    ({ planId }) => patterns === undefined || patterns.some((pattern) => matches(planId, pattern)),
  );
}

function checkProfiles({ event }: PolicyRule, at: At, provider: ProviderSettings, report: Report): void {
  const missing = (
    code: 'P405' | 'P406' | 'P407',
    key: string,
    name: string,
    known: string[],
    what: string,
  ): void => {
    if (known.includes(name)) return;
    const near = closest(name, known);
    report.add(code, [...at, key], `provider.json has no ${what} ${shown(name)}.${hint(name, known)}`, {
      suggestion: near === null ? null : JSON.stringify(near),
    });
  };
  if (event.type === 'throttle' && 'profile' in event.params)
    missing(
      'P405',
      'profile',
      event.params.profile,
      Object.keys(provider.throttleProfiles),
      'throttle profile',
    );
  else if (event.type === 'redirect')
    missing('P406', 'profile', event.params.profile, provider.redirectProfiles, 'redirect profile');
  else if (event.type === 'topup')
    missing('P407', 'productId', event.params.productId, Object.keys(provider.topUps), 'top-up');
}

function checkPlanNames({ appliesTo }: PolicyFile, plans: readonly PlanVersion[], report: Report): void {
  const ids = plans.map(({ planId }) => planId);
  // A provider who has not entered any plan yet need not be told of each.
  if (ids.length === 0) return;
  (appliesTo?.plans ?? []).forEach((pattern, i) => {
    if (ids.some((id) => matches(id, pattern))) return;
    const near = pattern.endsWith('*') ? null : closest(pattern, ids);
    const names = pattern.endsWith('*')
      ? `no plan begins with ${shown(pattern.slice(0, -1))}`
      : `no plan is called ${shown(pattern)}`;
    report.add(
      'P503',
      ['appliesTo', 'plans', i],
      `${names}.${near === null ? '' : ` Did you mean ${near}?`}`,
      {
        suggestion: near === null ? null : JSON.stringify(near),
      },
    );
  });
}

function checkPlans(
  { event }: PolicyRule,
  at: At,
  plans: readonly PlanVersion[],
  provider: ProviderSettings | null,
  report: Report,
): void {
  if (event.type === 'throttle') {
    const speed = speedOf(event.params, provider);
    const plan = plans.find(
      ({ downBps, upBps }) =>
        speed !== null &&
        (speed.downBps > downBps ||
          speed.upBps > upBps ||
          (speed.downBps === downBps && speed.upBps === upBps)),
    );
    if (plan !== undefined && speed !== null)
      report.add(
        'P408',
        at,
        `${speed.downBps}/${speed.upBps} bit/s is not slower than plan ${plan.planId}, ${plan.downBps}/${plan.upBps}`,
      );
  } else if (event.type === 'overage') checkOverage(event.params, at, plans, report);
}

function speedOf(
  params: Extract<PolicyRule['event'], { type: 'throttle' }>['params'],
  provider: ProviderSettings | null,
): { downBps: number; upBps: number } | null {
  if (!('profile' in params)) return params;
  const profiles = provider?.throttleProfiles ?? {};
  return Object.hasOwn(profiles, params.profile) ? (profiles[params.profile] ?? null) : null;
}

function checkOverage(
  params: Extract<PolicyRule['event'], { type: 'overage' }>['params'],
  at: At,
  plans: readonly PlanVersion[],
  report: Report,
): void {
  const { currency, blockBytes, blockPriceMinor } = params;
  const other = plans.find(
    ({ overage }) => currency !== undefined && overage !== null && overage.currency !== currency,
  );
  if (other !== undefined && other.overage !== null)
    report.add(
      'P409',
      [...at, 'currency'],
      `plan ${other.planId} is in ${other.overage.currency}, not in ${String(currency)}`,
      {
        suggestion: JSON.stringify(other.overage.currency),
      },
    );
  const isWhole = currency !== undefined && blockBytes !== undefined && blockPriceMinor !== undefined;
  const without = plans.find(({ overage }) => overage === null);
  if (without !== undefined && !isWhole)
    report.add(
      'P410',
      at,
      `plan ${without.planId} has no terms of overage: it sells nothing there, unless blockBytes, blockPriceMinor and currency are given here`,
    );
}
