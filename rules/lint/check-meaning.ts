import type { PolicyFile, PolicyRule } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { checkNulls } from './check-nulls.ts';
import { contradiction } from './contradiction.ts';
import type { At } from './finding.ts';
import type { Formula } from './reasoning/formula.ts';
import { group } from './reasoning/formula.ts';
import type { Named } from './reasoning/leaves.ts';
import { Reasoner } from './reasoning/reasoner.ts';
import type { TextScope } from './reasoning/reasoner.ts';
import { factsOf } from './reasoning/witness.ts';
import type { Report } from './report.ts';

/** A rule with what it and its opposite ask for. */
interface RuleMeaning {
  rule: PolicyRule;
  index: number;
  holds: Formula;
  fails: Formula;
  /** some subscriber of the policy's meets it, another does not */
  isReal: boolean;
}

/**
 * What the rules of a policy mean: whether each can hold, always holds, holds only with another, or contradicts one.
 * The policy must have passed `checkPolicy`.
 *
 * @param provider for the speeds of throttle profiles; null = not known
 */
export function checkMeaning(file: PolicyFile, provider: ProviderSettings | null, report: Report): void {
  const named = file.conditions ?? {};
  const scopes = scopesOf(file);
  const reasoner = new Reasoner(
    [...file.rules.map(({ conditions }) => conditions), ...Object.values(named)],
    named,
    scopes,
  );
  const scope = group(
    'and',
    scopes.map((one) => reasoner.within(one)),
  );
  const meanings = file.rules.map((rule, index) =>
    meaningOf(rule, index, { reasoner, scope, named }, report),
  );
  for (const meaning of meanings) {
    const { rule, index, holds, isReal } = meaning;
    const reach = group('and', [scope, holds]);
    checkNulls(rule.conditions, ['rules', index, 'conditions'], { reasoner, reach, named }, report);
    if (isReal) checkSubsumed(meaning, meanings, reasoner, scope, report);
  }
  checkThrottles(meanings, reasoner, scope, provider, report);
  checkOverages(meanings, reasoner, scope, report);
  if (reasoner.isExhausted)
    report.add('P305', ['rules'], 'the conditions are too many to tell of each rule whether it can hold');
}

/** The plans and segments that a policy is for. */
export function scopesOf({ appliesTo }: PolicyFile): TextScope[] {
  const scopes: TextScope[] = [];
  if (appliesTo?.plans !== undefined) scopes.push({ fact: 'planId', patterns: appliesTo.plans });
  if (appliesTo?.segments !== undefined) scopes.push({ fact: 'segment', patterns: appliesTo.segments });
  return scopes;
}

function meaningOf(
  rule: PolicyRule,
  index: number,
  { reasoner, scope, named }: { reasoner: Reasoner; scope: Formula; named: Named },
  report: Report,
): RuleMeaning {
  const holds = reasoner.formula(rule.conditions);
  const fails = reasoner.formula(rule.conditions, true);
  const at: At = ['rules', index, 'conditions'];
  let isReal = true;
  if (reasoner.together(scope, holds) === 'none') {
    isReal = false;
    const isAnybody = reasoner.together(holds) !== 'none';
    const which = contradiction(rule.conditions, named, reasoner, scope);
    const why = isAnybody
      ? 'nobody of the plans and segments in appliesTo can meet the conditions'
      : 'the conditions contradict each other, or what the facts can be';
    report.add('P301', at, `${rule.name} never holds: ${why}${which === null ? '' : `: ${which}`}`);
  } else if (reasoner.together(scope, fails) === 'none') {
    isReal = false;
    report.add('P302', at, `${rule.name} holds for every subscriber at all times`);
  }
  return { rule, index, holds, fails, isReal };
}

function checkSubsumed(
  { rule, index, holds, fails }: RuleMeaning,
  meanings: readonly RuleMeaning[],
  reasoner: Reasoner,
  scope: Formula,
  report: Report,
): void {
  for (const other of meanings) {
    if (other.index === index || !other.isReal) continue;
    if (priorityOf(other.rule) < priorityOf(rule) || !sameEvent(other.rule, rule)) continue;
    if (reasoner.together(scope, holds, other.fails) !== 'none') continue;
    // Of two that are the same the later one is superfluous.
    const isMutual = reasoner.together(scope, other.holds, fails) === 'none';
    if (isMutual && other.index > index && priorityOf(other.rule) === priorityOf(rule)) continue;
    const when = isMutual ? 'exactly when' : 'only when';
    report.add(
      'P303',
      ['rules', index],
      `${rule.name} holds ${when} ${other.rule.name} does, with the same effect: it changes nothing`,
    );
    return;
  }
}

/** A rule's priority; 1 where it has none. */
export function priorityOf({ priority }: PolicyRule): number {
  return priority ?? 1;
}

function sameEvent(a: PolicyRule, b: PolicyRule): boolean {
  return a.event.type === b.event.type && canonical(a.event.params) === canonical(b.event.params);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function checkThrottles(
  meanings: readonly RuleMeaning[],
  reasoner: Reasoner,
  scope: Formula,
  provider: ProviderSettings | null,
  report: Report,
): void {
  const throttles = meanings.filter(({ rule, isReal }) => isReal && rule.event.type === 'throttle');
  throttles.forEach((later, i) => {
    for (const earlier of throttles.slice(0, i)) {
      if (priorityOf(earlier.rule) !== priorityOf(later.rule)) continue;
      const speeds = [earlier, later].map(({ rule }) => speedOf(rule, provider));
      if (speeds[0] === speeds[1]) continue;
      const both = reasoner.together(scope, earlier.holds, later.holds);
      if (both === 'none' || both === 'unknown') continue;
      const example = JSON.stringify(factsOf(both, reasoner)).slice(0, 300);
      report.add(
        'P304',
        ['rules', later.index],
        `${earlier.rule.name} and ${later.rule.name} can hold together and slow down to different speeds; the lowest counts. Give them different priorities to say that it is meant. Example: ${example}`,
      );
      // Once a rule.
      break;
    }
  });
}

/** Blocks are sold by one rule at a time: two that hold together would charge twice. */
function checkOverages(
  meanings: readonly RuleMeaning[],
  reasoner: Reasoner,
  scope: Formula,
  report: Report,
): void {
  const sources = meanings.filter(({ rule }) => rule.event.type === 'overage');
  sources.forEach((later, i) => {
    for (const earlier of sources.slice(0, i)) {
      const both = reasoner.together(scope, earlier.holds, later.holds);
      if (both === 'none' || both === 'unknown') continue;
      const example = JSON.stringify(factsOf(both, reasoner)).slice(0, 300);
      report.add(
        'P502',
        ['rules', later.index, 'event'],
        `${earlier.rule.name} and ${later.rule.name} can hold together and both sell overage: one rule has to. Example: ${example}`,
      );
      break;
    }
  });
}

/** What a throttle slows down to, as a text to compare; '' of other rules. */
export function speedOf({ event }: PolicyRule, provider: ProviderSettings | null): string {
  if (event.type !== 'throttle') return '';
  const { params } = event;
  if (!('profile' in params)) return `${params.downBps}/${params.upBps}`;
  const profiles = provider?.throttleProfiles ?? {};
  const speed = Object.hasOwn(profiles, params.profile) ? profiles[params.profile] : undefined;
  return speed === undefined ? params.profile : `${speed.downBps}/${speed.upBps}`;
}
