import type { CompiledPolicy, CompiledRule } from '../../rules/compile/policy.ts';
import type { PolicySet } from '../../rules/compile/policy-set.ts';
import { confirmRule } from '../../rules/confirm.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import type { PolicyEvent, PolicyInForce, PolicyVersion } from '../../schemas/policy.ts';
import type { PolicyPartView, RuleView } from '../../schemas/timeline-views.ts';
import type { RuleState } from '../fold/slot-state.ts';
import { waitsForLayout, WAITS_TEXT } from '../fold/waits-for-layout.ts';
import { conditionLines } from './explain-conditions.ts';
import { eventWords, shortVersion, untilWords } from './explain-words.ts';

/** What is asked of the policies about one subscriber. */
export interface RuleQuestion {
  subscriberId: string;
  facts: Facts;
  inForce: ReadonlyMap<string, PolicyInForce>;
  /** the same, compiled */
  compiled: Pick<PolicySet, 'all'>;
  /** layout of the subscriber's slot */
  blobVersion: number;
  /** the subscriber's rule states; null = not known */
  states: readonly RuleState[] | null;
}

/**
 * Every version in force, by policy id and the base first: whether it applies and why, and of those that do each rule with the
 * verdict of json-rules-engine.
 */
export async function policyParts(question: RuleQuestion): Promise<PolicyPartView[]> {
  const parts: PolicyPartView[] = [];
  for (const id of [...question.inForce.keys()].sort()) {
    const { base = null, candidate = null } = question.inForce.get(id) ?? {};
    if (base !== null) parts.push(await partOf(question, base, 'base', candidate));
    if (candidate !== null) parts.push(await partOf(question, candidate, 'candidate', candidate));
  }
  return parts;
}

async function partOf(
  question: RuleQuestion,
  version: PolicyVersion,
  role: PolicyPartView['role'],
  candidate: PolicyVersion | null,
): Promise<PolicyPartView> {
  const compiled = question.compiled.all.find(
    (each) => each.policyId === version.policyId && each.version === version.version,
  );
  const { applies, why } = scopeOf(question, version, role, candidate, compiled);
  const rules: RuleView[] = [];
  if (applies && compiled !== undefined)
    for (const rule of compiled.rules) rules.push(await ruleView(question, rule));
  const { policyId, file } = version;
  const inert =
    compiled === undefined
      ? []
      : file.rules.filter(({ name }) => !compiled.rules.some((rule) => rule.name === name));
  const left = inert.map(
    ({ name, event }) => `; ${name} can not act: ${whyInert(event, question.blobVersion)}`,
  );
  return {
    policyId,
    policyVersion: version.version,
    role,
    mode: file.mode,
    applies,
    why: applies ? why + left.join('') : why,
    rules,
  };
}

function whyInert(event: PolicyEvent, blobVersion: number): string {
  return waitsForLayout(event, blobVersion) ? `it ${WAITS_TEXT}` : 'the provider has no such profile';
}

function scopeOf(
  { subscriberId, facts }: RuleQuestion,
  { file }: PolicyVersion,
  role: PolicyPartView['role'],
  candidate: PolicyVersion | null,
  compiled: CompiledPolicy | undefined,
): { applies: boolean; why: string } {
  if (file.mode === 'off') return { applies: false, why: 'it is switched off' };
  if (compiled === undefined) return { applies: false, why: 'it could not be compiled' };
  if (!compiled.concerns(facts.planId, facts.segment))
    return { applies: false, why: `it is for ${audienceOf(file.appliesTo)}` };
  const percent = `${candidate?.file.percent ?? 0} %`;
  if (role === 'base') {
    if (compiled.includes(subscriberId)) return { applies: true, why: 'it decides' };
    const by = shortVersion(candidate?.version ?? '');
    return { applies: false, why: `the candidate ${by} decides: the subscriber is among its ${percent}` };
  }
  if (file.mode === 'shadow') return { applies: true, why: 'it shows what it would do; nothing is sent' };
  return compiled.includes(subscriberId)
    ? { applies: true, why: `it decides: the subscriber is among its ${percent}` }
    : { applies: false, why: `the subscriber is not among its ${percent}` };
}

function audienceOf(appliesTo: PolicyVersion['file']['appliesTo']): string {
  const { plans, segments } = appliesTo ?? {};
  return [
    ...(plans === undefined ? [] : [`plans ${plans.join(', ')}`]),
    ...(segments === undefined ? [] : [`segments ${segments.join(', ')}`]),
  ].join(' and ');
}

async function ruleView(
  { facts, states }: Pick<RuleQuestion, 'facts' | 'states'>,
  rule: CompiledRule,
): Promise<RuleView> {
  const verdict = await confirmRule(rule.conditions, facts, rule.named);
  const state = states?.find(({ key }) => key === rule.key);
  const acting = states === null ? null : state?.active === true;
  return {
    rule: rule.name,
    priority: rule.priority,
    asks: eventWords(rule.event, rule.effect),
    holds: verdict.holds,
    acting,
    since: state?.active === true ? new Date(state.sinceMs).toISOString() : null,
    until: untilWords(rule.event),
    conditions: conditionLines(rule.conditions, rule.named, verdict.results, facts),
  };
}
