import { CLASS_FACTS, FACTS } from '../facts/catalogue.ts';
import { readClassPath } from './class-path.ts';
import { closest, hint, shown } from './did-you-mean.ts';
import type { At } from './finding.ts';
import type { Operand } from './operands.ts';
import { described, factOperand, factPlace, literalOperand } from './operands.ts';
import {
  DECORATOR_DESCRIPTIONS,
  MAX_DECORATORS,
  OPERATOR_DESCRIPTIONS,
  misfitOf,
  readOperator,
} from './operator-forms.ts';
import type { OperatorName } from './operator-forms.ts';
import { POOL_FACTS } from './pool-facts.ts';
import type { Report } from './report.ts';
import { isObject, onlyKeys, wrongUnit } from './shape.ts';
import type { JsonObject } from './shape.ts';

/** Levels of all, any and not, named conditions counted in. */
export const MAX_CONDITION_DEPTH = 16;
/** Conditions of a rule, named ones counted wherever they are used. */
export const MAX_CONDITIONS = 500;
const MAX_PRIORITY = 1_000_000;

/** What a condition tree is checked against. */
export interface ConditionScope {
  report: Report;
  /** names of the policy's named conditions */
  named: readonly string[];
  /** the policy is for pools */
  isPool: boolean;
  /** conditions that may still come in this tree */
  left: number;
}

/** Checks a condition tree: every shape, name and type that could make the compiler or the library throw. */
export function checkCondition(value: unknown, at: At, scope: ConditionScope, depth = 0): void {
  const { report } = scope;
  scope.left -= 1;
  if (scope.left < 0 || depth > MAX_CONDITION_DEPTH) {
    // Once a tree.
    if (scope.left !== Number.NEGATIVE_INFINITY)
      report.add('P113', at, `too many conditions: at most ${MAX_CONDITIONS}, ${MAX_CONDITION_DEPTH} levels`);
    scope.left = Number.NEGATIVE_INFINITY;
    return;
  }
  if (!isObject(value)) {
    report.add(
      'P100',
      at,
      'a condition is an object with all, any, not, condition, or fact, operator and value',
    );
    return;
  }
  // The library throws on others while it runs, in the middle of a batch.
  checkPriority(value, at, report);
  if (Object.hasOwn(value, 'name') && !isConditionName(value['name']))
    report.add('P100', [...at, 'name'], 'the name of a condition is a text of 1 to 256 characters');
  for (const key of ['any', 'all'] as const) {
    if (!Object.hasOwn(value, key)) continue;
    checkGroup(value[key], [...at, key], key, scope, depth);
    onlyKeys(value, [key, 'name', 'priority'], at, report);
    return;
  }
  if (Object.hasOwn(value, 'not')) {
    checkCondition(value['not'], [...at, 'not'], scope, depth + 1);
    onlyKeys(value, ['not', 'name', 'priority'], at, report);
  } else if (Object.hasOwn(value, 'condition')) checkReference(value, at, scope);
  else checkLeaf(value, at, scope);
}

function isConditionName(name: unknown): boolean {
  return typeof name === 'string' && name !== '' && name.length <= 256;
}

/** Checks that a priority, where there is one, is a whole number from 1 on. */
export function checkPriority(value: JsonObject, at: At, report: Report): void {
  if (!Object.hasOwn(value, 'priority')) return;
  const priority = value['priority'];
  if (Number.isSafeInteger(priority) && Number(priority) >= 1 && Number(priority) <= MAX_PRIORITY) return;
  report.add('P110', [...at, 'priority'], `priority must be a whole number from 1 to ${MAX_PRIORITY}`);
}

function checkGroup(list: unknown, at: At, key: string, scope: ConditionScope, depth: number): void {
  if (!Array.isArray(list)) scope.report.add('P100', at, `${key} is a list of conditions`);
  else if (list.length === 0)
    scope.report.add('P204', at, `${key} without conditions always holds: remove it or add a condition`);
  else list.forEach((item, i) => checkCondition(item, [...at, i], scope, depth + 1));
}

function checkReference(value: JsonObject, at: At, { report, named }: ConditionScope): void {
  onlyKeys(value, ['condition', 'name', 'priority'], at, report);
  const name = value['condition'];
  if (typeof name === 'string' && named.includes(name)) return;
  const near = typeof name === 'string' ? closest(name, named) : null;
  report.add(
    'P208',
    [...at, 'condition'],
    `the policy has no condition called ${shown(name)}.${hint(String(name).slice(0, 100), named)}`,
    { suggestion: near === null ? null : JSON.stringify(near) },
  );
}

const LEAF_KEYS = ['fact', 'operator', 'value', 'path', 'name', 'priority'];

function checkLeaf(value: JsonObject, at: At, scope: ConditionScope): void {
  const { report } = scope;
  // The last four are never there; they are what a mistyped key may have been meant to be.
  onlyKeys(value, [...LEAF_KEYS, 'all', 'any', 'not', 'condition'], at, report);
  const missing = ['fact', 'operator', 'value'].filter((key) => !Object.hasOwn(value, key));
  if (missing.length > 0) {
    report.add('P107', at, `a condition needs fact, operator and value; missing: ${missing.join(', ')}`);
    return;
  }
  const left = checkFact(value, at, scope);
  const operator = checkOperator(value['operator'], [...at, 'operator'], report);
  const right = isObject(value['value'])
    ? checkFactValue(value['value'], [...at, 'value'], scope)
    : literalOperand(value['value']);
  if (left === null || operator === null || right === null) return;
  checkFit(operator, left, right, value['value'], at, report);
}

function checkFit(
  operator: OperatorName,
  left: Operand,
  right: Operand,
  value: unknown,
  at: At,
  report: Report,
): void {
  const misfit = misfitOf(operator, left, right);
  if (misfit === null) return;
  const isWholeValue =
    typeof value === 'string' && operator.decorators.every((name) => name === 'not' || name === 'swap');
  if (
    left.kind === 'number' &&
    isWholeValue &&
    misfit.code === 'P201' &&
    wrongUnit(value, left.unit, [...at, 'value'], report)
  )
    return;
  const unit = misfit.code === 'P201' && left.kind === 'number' ? `: ${described(left)}` : '';
  report.add(misfit.code, [...at, misfit.code === 'P211' ? 'operator' : 'value'], misfit.message + unit);
}

/** Checks the names of `{fact, path?}`; its type, null where it names nothing. */
function checkFact(value: JsonObject, at: At, { report, isPool }: ConditionScope): Operand | null {
  const { fact, path } = value;
  if (typeof fact !== 'string' || !Object.hasOwn(FACTS, fact)) {
    const names = Object.keys(FACTS);
    const near = typeof fact === 'string' ? closest(fact, names) : null;
    const say = near === null ? '' : ` Did you mean ${near}?`;
    const suggestion = near === null ? null : JSON.stringify(near);
    report.add('P101', [...at, 'fact'], `unknown fact ${shown(fact)}.${say}`, { suggestion });
    return null;
  }
  if (isPool && !POOL_FACTS.has(fact))
    report.add('P216', [...at, 'fact'], `${fact} is of one subscriber, and the policy is for pools`);
  const isClasses = fact === 'byClass';
  if (!isClasses && path !== undefined) {
    report.add('P206', [...at, 'path'], `${fact} has no parts: only byClass takes a path`);
    return null;
  }
  if (!isClasses) {
    const place = factPlace(fact, undefined);
    return place === null ? null : factOperand(fact, place.definition);
  }
  return checkClassPath(path, at, report);
}

function checkClassPath(path: unknown, at: At, report: Report): Operand | null {
  const example = "write $.video.dayBytes, or $['my class'].dayBytes";
  if (path === undefined) {
    report.add('P206', [...at, 'fact'], `byClass needs a path: ${example}`);
    return null;
  }
  const read = typeof path === 'string' ? readClassPath(path) : 'unsafe';
  if (read === 'unsafe') {
    report.add('P205', [...at, 'path'], `only simple paths are allowed: ${example}`);
    return null;
  }
  if (!('unknownName' in read))
    return factOperand(`${read.serviceClass}.${read.name}`, CLASS_FACTS[read.name], true);
  const names = Object.keys(CLASS_FACTS);
  report.add(
    'P101',
    [...at, 'path'],
    `no class has a fact ${shown(read.unknownName)}.${hint(read.unknownName, names)}`,
  );
  return null;
}

function checkFactValue(value: JsonObject, at: At, scope: ConditionScope): Operand | null {
  if (!Object.hasOwn(value, 'fact')) {
    scope.report.add(
      'P201',
      at,
      'a value is a number, text, true, false, null, a list of these, or {"fact": "..."}',
    );
    return null;
  }
  onlyKeys(value, ['fact', 'path'], at, scope.report);
  return checkFact(value, at, scope);
}

function checkOperator(name: unknown, at: At, report: Report): OperatorName | null {
  if (typeof name !== 'string' || name.length > 200) {
    report.add('P102', at, 'an operator is a name, such as greaterThan');
    return null;
  }
  const read = readOperator(name);
  if ('unknown' in read) {
    const known = Object.keys(read.isDecorator ? DECORATOR_DESCRIPTIONS : OPERATOR_DESCRIPTIONS);
    const near = closest(read.unknown, known);
    const suggestion = near === null ? null : JSON.stringify(name.replace(read.unknown, near));
    const what = read.isDecorator ? 'decorator' : 'operator';
    report.add('P102', at, `unknown ${what} ${shown(read.unknown)}.${hint(read.unknown, known)}`, {
      suggestion,
    });
    return null;
  }
  if (read.decorators.length <= MAX_DECORATORS) return read;
  report.add('P102', at, `an operator takes at most ${MAX_DECORATORS} decorators`);
  return null;
}
