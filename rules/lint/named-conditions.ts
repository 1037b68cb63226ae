import type { At } from './finding.ts';
import { MAX_CONDITION_DEPTH, MAX_CONDITIONS, checkCondition } from './check-condition.ts';
import type { Report } from './report.ts';
import { FORBIDDEN_KEYS, isObject } from './shape.ts';
import { shown } from './did-you-mean.ts';

const MAX_NAMED = 100;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Names that a policy's conditions may be referred to by. */
export function namesOf(conditions: unknown): string[] {
  return isObject(conditions) ? Object.keys(conditions).slice(0, MAX_NAMED) : [];
}

/** Checks the named conditions themselves, and that none leads back to itself. */
export function checkNamed(conditions: unknown, isPool: boolean, report: Report): void {
  if (conditions === undefined) return;
  const at: At = ['conditions'];
  if (!isObject(conditions)) {
    report.add('P100', at, 'conditions is an object: a name and a condition each');
    return;
  }
  const names = Object.keys(conditions);
  if (names.length > MAX_NAMED) report.add('P113', at, `at most ${MAX_NAMED} named conditions`);
  const named = namesOf(conditions);
  for (const name of named) {
    const where = [...at, name];
    if (FORBIDDEN_KEYS.includes(name)) report.add('P006', where, `${name} may not be a key`, { onKey: true });
    else if (!NAME.test(name))
      report.add('P108', where, `${shown(name)} must be letters, digits, - and _, at most 63`, {
        onKey: true,
      });
    const condition = conditions[name];
    if (isObject(condition) && Object.hasOwn(condition, 'fact'))
      report.add(
        'P100',
        where,
        'a named condition begins with all, any, not or condition: write {"all": [...]} around it',
      );
    checkCondition(condition, where, { report, named, isPool, left: MAX_CONDITIONS });
  }
  for (const name of named.filter((one) => leadsTo(one, one, conditions))) {
    report.add('P209', [...at, name], `${name} refers to itself`, { onKey: true });
  }
}

/** Names that a tree refers to. Stops at the depth that is allowed. */
export function referencesOf(condition: unknown, depth = 0): string[] {
  if (!isObject(condition) || depth > MAX_CONDITION_DEPTH) return [];
  for (const key of ['any', 'all']) {
    const list = condition[key];
    if (Object.hasOwn(condition, key))
      return Array.isArray(list) ? list.flatMap((item) => referencesOf(item, depth + 1)) : [];
  }
  if (Object.hasOwn(condition, 'not')) return referencesOf(condition['not'], depth + 1);
  return typeof condition['condition'] === 'string' ? [condition['condition']] : [];
}

/** Everything that is reached from a condition, over any number of steps. */
export function reachedFrom(condition: unknown, named: Readonly<Record<string, unknown>>): Set<string> {
  const reached = new Set<string>();
  const open = referencesOf(condition);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name) || !Object.hasOwn(named, name)) continue;
    reached.add(name);
    open.push(...referencesOf(named[name]));
  }
  return reached;
}

function leadsTo(from: string, to: string, named: Readonly<Record<string, unknown>>): boolean {
  return reachedFrom(named[from], named).has(to);
}

/** Size of a tree with every reference put in: the library clones them in, and small files can be huge that way. */
interface Expanded {
  conditions: number;
  depth: number;
}

/**
 * Reports a rule whose tree is too large once named conditions are put in. To be called when none is circular.
 *
 * @param sizes what was measured before of the same policy's named conditions
 */
export function checkExpansion(
  condition: unknown,
  at: At,
  named: Readonly<Record<string, unknown>>,
  sizes: Map<string, Expanded>,
  report: Report,
): void {
  const { conditions, depth } = measure(condition, named, sizes);
  if (conditions > MAX_CONDITIONS || depth > MAX_CONDITION_DEPTH)
    report.add(
      'P113',
      at,
      `with named conditions put in, there are ${conditions} conditions on ${depth} levels: at most ${MAX_CONDITIONS} on ${MAX_CONDITION_DEPTH}`,
    );
}

function measure(
  condition: unknown,
  named: Readonly<Record<string, unknown>>,
  sizes: Map<string, Expanded>,
): Expanded {
  if (!isObject(condition)) return { conditions: 1, depth: 0 };
  const list =
    condition['any'] ?? condition['all'] ?? (Object.hasOwn(condition, 'not') ? [condition['not']] : null);
  if (Array.isArray(list)) {
    const parts = list.map((item) => measure(item, named, sizes));
    return {
      conditions: parts.reduce((sum, part) => sum + part.conditions, 1),
      depth: 1 + Math.max(0, ...parts.map((part) => part.depth)),
    };
  }
  const name = condition['condition'];
  if (typeof name !== 'string' || !Object.hasOwn(named, name)) return { conditions: 1, depth: 0 };
  const known = sizes.get(name) ?? measure(named[name], named, sizes);
  sizes.set(name, known);
  return { conditions: known.conditions + 1, depth: known.depth + 1 };
}
