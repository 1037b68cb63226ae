import type { Condition, PolicyFile } from '../schemas/policy.ts';
import { FACTS, isFactName } from './facts/catalogue.ts';
import { OPERATORS } from './compile/operators.ts';

/** One fault of a policy file: where (JSON path) and what to do. */
export interface PolicyFault {
  path: string;
  message: string;
}

const MODES = ['off', 'shadow', 'percent', 'enforce'];
const MAX_DEPTH = 16;
const MAX_RULES = 200;
const MAX_CONDITIONS = 500;

/**
 * Checks a parsed JSON value against the policy format. Returns the file, or every fault found.
 * Bounded: at most 200 rules, 500 conditions a rule, 16 levels.
 */
export function checkPolicyFile(value: unknown): { file: PolicyFile } | { faults: PolicyFault[] } {
  const faults: PolicyFault[] = [];
  const fault = (path: string, message: string): void => {
    if (faults.length < 100) faults.push({ path, message });
  };
  if (!isObject(value)) return { faults: [{ path: '$', message: 'a policy file is a JSON object' }] };
  const known = ['$schema', 'id', 'description', 'mode', 'percent', 'appliesTo', 'subject', 'rules'];
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) fault(`$.${key}`, `unknown key; known keys are ${known.join(', ')}`);
  }
  if (typeof value['id'] !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(value['id'])) {
    fault('$.id', 'id must be lower-case letters, digits and dashes, at most 63');
  }
  if (typeof value['description'] !== 'string') fault('$.description', 'a description is required');
  if (!MODES.includes(String(value['mode']))) fault('$.mode', `mode must be one of ${MODES.join(', ')}`);
  if (value['mode'] === 'percent' && !isPercent(value['percent'])) {
    fault('$.percent', 'mode percent needs percent, a number from 0 to 100');
  }
  if (value['subject'] !== undefined && value['subject'] !== 'subscriber') {
    fault('$.subject', 'only subject "subscriber" is supported so far');
  }
  checkAppliesTo(value['appliesTo'], fault);
  checkRules(value['rules'], fault);
  return faults.length > 0 ? { faults } : { file: value as unknown as PolicyFile };
}

type AddFault = (path: string, message: string) => void;

function checkAppliesTo(value: unknown, fault: AddFault): void {
  if (value === undefined) return;
  if (!isObject(value)) {
    fault('$.appliesTo', 'must be an object with plans and segments');
    return;
  }
  for (const [key, list] of Object.entries(value)) {
    if (key !== 'plans' && key !== 'segments')
      fault(`$.appliesTo.${key}`, 'unknown key; known are plans, segments');
    else if (!Array.isArray(list) || list.some((item) => typeof item !== 'string' || item === '')) {
      fault(`$.appliesTo.${key}`, 'must be a list of names');
    }
  }
}

function checkRules(rules: unknown, fault: AddFault): void {
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > MAX_RULES) {
    fault('$.rules', `must be a list of 1 to ${MAX_RULES} rules`);
    return;
  }
  const names = new Set<string>();
  rules.forEach((rule: unknown, index) => {
    const at = `$.rules[${index}]`;
    if (!isObject(rule)) {
      fault(at, 'a rule is an object');
      return;
    }
    for (const key of Object.keys(rule)) {
      if (!['name', 'priority', 'conditions', 'event'].includes(key)) fault(`${at}.${key}`, 'unknown key');
    }
    const name = rule['name'];
    if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
      fault(`${at}.name`, 'name must be lower-case letters, digits and dashes');
    } else if (names.has(name)) fault(`${at}.name`, `two rules are called ${name}`);
    else names.add(name);
    const priority = rule['priority'];
    if (priority !== undefined && !(Number.isInteger(priority) && Number(priority) >= 1)) {
      fault(`${at}.priority`, 'priority must be a positive integer');
    }
    checkCondition(rule['conditions'], `${at}.conditions`, fault, { left: MAX_CONDITIONS }, 0);
    checkEvent(rule['event'], `${at}.event`, fault);
  });
}

function checkCondition(
  value: unknown,
  at: string,
  fault: AddFault,
  budget: { left: number },
  depth: number,
): void {
  budget.left -= 1;
  if (budget.left < 0 || depth > MAX_DEPTH) {
    fault(at, `too many conditions (at most ${MAX_CONDITIONS}, ${MAX_DEPTH} levels)`);
    return;
  }
  if (!isObject(value)) {
    fault(at, 'a condition is an object with all, any, not, or fact, operator and value');
    return;
  }
  // The library throws on others while it runs, in the middle of a batch.
  if (value['priority'] !== undefined && !isPositive(value['priority'])) {
    fault(`${at}.priority`, 'priority must be a positive integer');
  }
  for (const key of ['all', 'any'] as const) {
    if (!(key in value)) continue;
    const list = value[key];
    if (!Array.isArray(list) || list.length === 0) fault(`${at}.${key}`, 'must be a list that is not empty');
    else list.forEach((item, i) => checkCondition(item, `${at}.${key}[${i}]`, fault, budget, depth + 1));
    onlyKeys(value, [key, 'name', 'priority'], at, fault);
    return;
  }
  if ('not' in value) {
    checkCondition(value['not'], `${at}.not`, fault, budget, depth + 1);
    onlyKeys(value, ['not', 'name', 'priority'], at, fault);
    return;
  }
  checkLeaf(value, at, fault);
}

function checkLeaf(value: Record<string, unknown>, at: string, fault: AddFault): void {
  onlyKeys(value, ['fact', 'operator', 'value', 'name', 'priority'], at, fault);
  const fact = value['fact'];
  if (typeof fact !== 'string' || !isFactName(fact)) {
    fault(
      `${at}.fact`,
      `unknown fact ${JSON.stringify(fact)}; known facts are ${Object.keys(FACTS).join(', ')}`,
    );
    return;
  }
  const operator = OPERATORS.get(String(value['operator']));
  if (operator === undefined) {
    fault(`${at}.operator`, `unknown operator; known are ${[...OPERATORS.keys()].join(', ')}`);
    return;
  }
  const wrong = operator.wrongValue(FACTS[fact].type, value['value']);
  if (wrong !== null)
    fault(
      `${at}.value`,
      `${wrong} (${fact} is ${FACTS[fact].type}${FACTS[fact].unit && `, ${FACTS[fact].unit}`})`,
    );
}

function checkEvent(value: unknown, at: string, fault: AddFault): void {
  if (!isObject(value) || !isObject(value['params'])) {
    fault(at, 'an event has type and params');
    return;
  }
  onlyKeys(value, ['type', 'params'], at, fault);
  const params = value['params'];
  if (value['type'] === 'throttle') {
    onlyKeys(params, ['downBps', 'upBps', 'until', 'minHoldSeconds'], `${at}.params`, fault);
    for (const key of ['downBps', 'upBps']) {
      if (!isPositive(params[key])) fault(`${at}.params.${key}`, 'must be a whole number of bit/s above 0');
    }
    const until = params['until'];
    const latched = isObject(until) && Object.keys(until).length === 1 && isPositive(until['seconds']);
    if (until !== undefined && until !== 'while' && until !== 'cycle-end' && !latched) {
      fault(`${at}.params.until`, 'must be "while", "cycle-end" or {"seconds": N}');
    }
    const hold = params['minHoldSeconds'];
    if (hold !== undefined && !(Number.isSafeInteger(hold) && Number(hold) >= 0)) {
      fault(`${at}.params.minHoldSeconds`, 'must be a whole number of seconds');
    }
  } else if (value['type'] === 'notify') {
    onlyKeys(params, ['template', 'channel'], `${at}.params`, fault);
    for (const key of ['template', 'channel']) {
      if (typeof params[key] !== 'string') fault(`${at}.params.${key}`, 'must be a text');
    }
  } else fault(`${at}.type`, 'type must be throttle or notify');
}

function onlyKeys(value: Record<string, unknown>, keys: string[], at: string, fault: AddFault): void {
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) fault(`${at}.${key}`, `unknown key; known keys are ${keys.join(', ')}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function isPercent(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 100;
}

/** Every fact that a condition tree asks about. */
export function factsOf(condition: Condition): string[] {
  if ('all' in condition) return condition.all.flatMap(factsOf);
  if ('any' in condition) return condition.any.flatMap(factsOf);
  if ('not' in condition) return factsOf(condition.not);
  return 'fact' in condition ? [condition.fact] : [];
}
