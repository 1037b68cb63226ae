import type { PolicyFile } from '../../schemas/policy.ts';
import { MAX_CONDITIONS, checkCondition, checkPriority } from './check-condition.ts';
import { checkEvent } from './check-event.ts';
import { closest, hint, shown } from './did-you-mean.ts';
import type { At } from './finding.ts';
import { checkExpansion, checkNamed, namesOf } from './named-conditions.ts';
import type { Report } from './report.ts';
import { isObject, onlyKeys } from './shape.ts';
import type { JsonObject } from './shape.ts';

export const MODES = ['off', 'shadow', 'percent', 'enforce'] as const;
export const SUBJECTS = ['subscriber', 'pool'] as const;
export const MAX_RULES = 200;
const MAX_PATTERNS = 1000;
const MAX_TEXT = 4096;
const MAX_SCHEMA = 1024;
/** Policy ids and rule names. */
export const NAME_FORM = /^[a-z0-9][a-z0-9-]{0,62}$/;
const KEYS = [
  '$schema',
  'id',
  'description',
  'mode',
  'percent',
  'appliesTo',
  'subject',
  'conditions',
  'rules',
] as const satisfies (keyof PolicyFile)[];

/**
 * Checks a JSON value against the policy format: everything that can be said of it alone, and all that could make the
 * compiler or the library throw. Bounded: 200 rules, 500 conditions a rule with named ones put in, 16 levels.
 */
export function checkPolicy(value: unknown, report: Report): void {
  if (!isObject(value)) {
    report.add('P100', [], 'a policy file is a JSON object');
    return;
  }
  onlyKeys(value, KEYS, [], report);
  for (const key of ['id', 'description', 'mode', 'rules']) {
    if (!Object.hasOwn(value, key)) report.add('P107', [], `${key} is missing`);
  }
  if (Object.hasOwn(value, 'id')) checkRuleName(value['id'], ['id'], 'id', report);
  checkText(value, '$schema', MAX_SCHEMA, report);
  checkText(value, 'description', MAX_TEXT, report);
  checkMode(value, report);
  checkSubject(value, report);
  checkAppliesTo(value['appliesTo'], report);
  const isPool = value['subject'] === 'pool';
  checkNamed(value['conditions'], isPool, report);
  checkRules(value, isPool, report);
}

function checkText(value: JsonObject, key: string, most: number, report: Report): void {
  const text = value[key];
  if (text !== undefined && (typeof text !== 'string' || text.length > most))
    report.add('P100', [key], `${key} must be a text of at most ${most} characters`);
}

function checkRuleName(name: unknown, at: At, what: string, report: Report): void {
  if (typeof name === 'string' && NAME_FORM.test(name)) return;
  const fixed = typeof name === 'string' ? slug(name) : '';
  report.add('P108', at, `${what} must be lower-case letters, digits and dashes, at most 63`, {
    suggestion: NAME_FORM.test(fixed) ? JSON.stringify(fixed) : null,
  });
}

function slug(name: string): string {
  return name
    .slice(0, 100)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 63);
}

function checkMode(value: JsonObject, report: Report): void {
  const { mode, percent } = value;
  if (mode !== undefined && !MODES.some((known) => known === mode)) {
    const near = typeof mode === 'string' ? closest(mode, MODES) : null;
    report.add('P105', ['mode'], `unknown mode ${shown(mode)}.${hint(String(mode).slice(0, 100), MODES)}`, {
      suggestion: near === null ? null : JSON.stringify(near),
    });
  }
  const isShare = typeof percent === 'number' && percent >= 0 && percent <= 100;
  const isGiven = percent !== undefined;
  if ((mode === 'percent' || isGiven) && !isShare)
    report.add(
      'P111',
      isGiven ? ['percent'] : ['mode'],
      'mode percent needs percent, a number from 0 to 100',
    );
  else if (isGiven && mode !== 'percent')
    report.add('P112', ['percent'], 'percent is ignored: it counts in mode percent only', { onKey: true });
}

function checkSubject({ subject }: JsonObject, report: Report): void {
  if (subject === undefined || SUBJECTS.some((known) => known === subject)) return;
  const near = typeof subject === 'string' ? closest(subject, SUBJECTS) : null;
  report.add('P106', ['subject'], `unknown subject ${shown(subject)}: it is "subscriber" or "pool"`, {
    suggestion: near === null ? null : JSON.stringify(near),
  });
}

function checkAppliesTo(value: unknown, report: Report): void {
  if (value === undefined) return;
  if (!isObject(value)) {
    report.add('P100', ['appliesTo'], 'appliesTo is an object with plans and segments');
    return;
  }
  onlyKeys(value, ['plans', 'segments'], ['appliesTo'], report);
  for (const key of ['plans', 'segments']) {
    const list = value[key];
    if (list === undefined) continue;
    const at = ['appliesTo', key];
    if (!Array.isArray(list) || list.length > MAX_PATTERNS)
      report.add(
        'P100',
        at,
        `${key} is a list of at most ${MAX_PATTERNS} names; a * at the end of one stands for any rest`,
      );
    else list.forEach((name: unknown, i) => checkPattern(name, [...at, i], report));
  }
}

function checkPattern(name: unknown, at: At, report: Report): void {
  if (typeof name !== 'string' || name === '' || name.length > 256)
    report.add('P100', at, 'a name is a text of 1 to 256 characters');
  else if (name.slice(0, -1).includes('*'))
    report.add('P108', at, 'a * stands for any rest only at the end of a name');
}

function checkRules(policy: JsonObject, isPool: boolean, report: Report): void {
  const { rules, conditions } = policy;
  if (rules === undefined) return;
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > MAX_RULES) {
    const code = Array.isArray(rules) && rules.length > 0 ? 'P113' : 'P100';
    report.add(code, ['rules'], `rules is a list of 1 to ${MAX_RULES} rules`);
    return;
  }
  const names = new Set<unknown>();
  const named = namesOf(conditions);
  rules.forEach((rule: unknown, i) => checkRule(rule, ['rules', i], { names, named, isPool }, report));
  if (report.hasErrors || !isObject(conditions)) return;
  const sizes = new Map();
  for (const name of named) checkExpansion(conditions[name], ['conditions', name], conditions, sizes, report);
  rules.forEach((rule: unknown, i) => {
    if (isObject(rule))
      checkExpansion(rule['conditions'], ['rules', i, 'conditions'], conditions, sizes, report);
  });
}

function checkRule(
  rule: unknown,
  at: At,
  { names, named, isPool }: { names: Set<unknown>; named: readonly string[]; isPool: boolean },
  report: Report,
): void {
  if (!isObject(rule)) {
    report.add('P100', at, 'a rule is an object with name, conditions and event');
    return;
  }
  onlyKeys(rule, ['name', 'priority', 'conditions', 'event'], at, report);
  for (const key of ['name', 'conditions', 'event']) {
    if (!Object.hasOwn(rule, key)) report.add('P107', at, `${key} is missing`);
  }
  const { name } = rule;
  if (names.has(name)) report.add('P109', [...at, 'name'], `two rules are called ${shown(name)}`);
  else if (name !== undefined) checkRuleName(name, [...at, 'name'], 'name', report);
  names.add(name);
  checkPriority(rule, at, report);
  if (rule['conditions'] !== undefined)
    checkCondition(rule['conditions'], [...at, 'conditions'], {
      report,
      named,
      isPool,
      left: MAX_CONDITIONS,
    });
  if (rule['event'] !== undefined) checkEvent(rule['event'], [...at, 'event'], report);
}
