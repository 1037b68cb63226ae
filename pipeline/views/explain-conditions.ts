import type { Facts } from '../../rules/facts/catalogue.ts';
import type { ConditionResult } from '../../schemas/action.ts';
import type { Condition } from '../../schemas/policy.ts';
import type { ConditionView } from '../../schemas/timeline-views.ts';
import { definitionOf, sizeWords, valueWords } from './explain-words.ts';

/** Operators as they are read. Decorated ones stand as they are. */
const OPERATORS: Readonly<Record<string, string>> = {
  equal: 'is',
  notEqual: 'is not',
  lessThan: 'below',
  lessThanInclusive: 'at most',
  greaterThan: 'above',
  greaterThanInclusive: 'at least',
  in: 'is one of',
  notIn: 'is none of',
  contains: 'contains',
  doesNotContain: 'does not contain',
};

/** Lines of a rule: more would be no explanation. A policy file may nest and repeat named conditions. */
const MAX_LINES = 200;

/** What the lines of one rule are made from. */
interface Reading {
  named: Readonly<Record<string, Condition>>;
  facts: Facts;
  /** what json-rules-engine said, in the order of the file; taken out as it is used */
  results: ConditionResult[];
  lines: ConditionView[];
}

/**
 * A rule's conditions as lines, each with the result that json-rules-engine gave. What was not asked, because others had
 * decided already, has none.
 */
export function conditionLines(
  conditions: Condition,
  named: Readonly<Record<string, Condition>>,
  results: readonly ConditionResult[],
  facts: Facts,
): ConditionView[] {
  const reading: Reading = { named, facts, results: [...results], lines: [] };
  put(reading, conditions, 0, false, null);
  return reading.lines;
}

/** Puts a condition and what it is made of; returns its result, null = not asked. */
function put(
  reading: Reading,
  condition: Condition,
  depth: number,
  negated: boolean,
  name: string | null,
): boolean | null {
  if (reading.lines.length >= MAX_LINES) return null;
  if ('condition' in condition) {
    const target = Object.hasOwn(reading.named, condition.condition)
      ? reading.named[condition.condition]
      : undefined;
    // Lint and compilation refuse a name that is none.
    return target === undefined ? null : put(reading, target, depth, negated, condition.condition);
  }
  if ('all' in condition)
    return putGroup(reading, 'all', condition.all, depth, negated, name, (parts) =>
      parts.includes(false) ? false : parts.includes(null) && parts.length > 0 ? null : true,
    );
  if ('any' in condition)
    return putGroup(reading, 'any', condition.any, depth, negated, name, (parts) =>
      parts.length === 0 || parts.includes(true) ? true : parts.includes(null) ? null : false,
    );
  if ('not' in condition)
    return putGroup(reading, 'not', [condition.not], depth, !negated, name, ([part = null]) =>
      part === null ? null : !part,
    );
  return putComparison(reading, condition, depth, negated, name);
}

const GROUP_WORDS = { all: 'all of these', any: 'any of these', not: 'not this' } as const;

function putGroup(
  reading: Reading,
  group: 'all' | 'any' | 'not',
  parts: readonly Condition[],
  depth: number,
  negated: boolean,
  named: string | null,
  unite: (results: readonly (boolean | null)[]) => boolean | null,
): boolean | null {
  const text = named === null ? GROUP_WORDS[group] : `${named}: ${GROUP_WORDS[group]}`;
  const none = { fact: null, operator: null, expected: null, actual: null };
  const line: ConditionView = { depth, group, named, ...none, result: null, text };
  reading.lines.push(line);
  line.result = unite(parts.map((part) => put(reading, part, depth + 1, negated, null)));
  return line.result;
}

type Comparison = Extract<Condition, { fact: string }>;

function putComparison(
  reading: Reading,
  condition: Comparison,
  depth: number,
  negated: boolean,
  named: string | null,
): boolean | null {
  const { fact, operator, path } = condition;
  const at = reading.results.findIndex(
    (each) => each.fact === fact && each.operator === operator && each.path === path,
  );
  const [found] = at < 0 ? [] : reading.results.splice(at, 1);
  const text = found === undefined ? unasked(condition) : comparisonWords(found, reading.facts, negated);
  reading.lines.push({
    depth,
    group: null,
    named,
    fact: factName(fact, path),
    operator,
    expected: found === undefined ? condition.value : found.expected,
    actual: found?.actual ?? null,
    result: found?.result ?? null,
    text: named === null ? text : `${named}: ${text}`,
  });
  return found?.result ?? null;
}

function unasked({ fact, operator, path, value }: Comparison): string {
  const unit = definitionOf(fact, path)?.unit ?? '';
  return `${factName(fact, path)} ${operatorWords(operator)} ${valueWords(value, unit)}: not asked, the others decide`;
}

/**
 * One comparison with the values compared and, where a threshold is not reached, what is missing to it.
 *
 * @param facts null = of a time that is over
 */
export function comparisonWords(result: ConditionResult, facts: Facts | null, negated = false): string {
  const { fact, path, operator, expected, actual, expectedFrom } = result;
  const unit = definitionOf(fact, path)?.unit ?? '';
  const from = expectedFrom === undefined ? '' : ` (${factName(expectedFrom.fact, expectedFrom.path)})`;
  const wanted = `${factName(fact, path)} ${operatorWords(operator)} ${valueWords(expected, unit)}${from}`;
  const is = facts === null ? 'was' : 'is';
  if (actual === null || actual === undefined) return `${wanted}: there ${is} none`;
  const missing = negated ? null : missingWords(result, facts, unit);
  return `${wanted}: it ${is} ${valueWords(actual, unit)}${missing === null ? '' : `, ${missing}`}`;
}

/** What a false comparison of numbers lacks; null where that says nothing. */
function missingWords(
  { fact, operator, expected, actual, result }: ConditionResult,
  facts: Facts | null,
  unit: string,
): string | null {
  if (result || typeof expected !== 'number' || typeof actual !== 'number') return null;
  if (operator === 'greaterThan' || operator === 'greaterThanInclusive') {
    if (fact === 'capUsedPercent' && facts !== null && facts.allowanceBytes !== null) {
      const lacking = (expected * facts.allowanceBytes) / 100 - facts.cycleCountedBytes;
      return `${sizeWords(Math.max(0, lacking))} to go`;
    }
    return `${valueWords(expected - actual, unit)} to go`;
  }
  if (operator === 'lessThan' || operator === 'lessThanInclusive')
    return `${valueWords(actual - expected, unit)} too much`;
  return null;
}

function operatorWords(operator: string): string {
  return Object.hasOwn(OPERATORS, operator) ? (OPERATORS[operator] ?? operator) : operator;
}

/** `dayBytes`, or `byClass $.video.dayBytes`. */
function factName(fact: string, path?: string): string {
  return path === undefined ? fact : `${fact} ${path}`;
}
