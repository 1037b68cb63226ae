import type { Condition } from '../../schemas/policy.ts';
import { PolicyCompileError } from './compile-error.ts';
import type { CompileFault } from './compile-error.ts';
import { allOf, anyOf, notOf, predicateOf, single } from './combine.ts';
import type { Part } from './combine.ts';
import type { AnyPredicate, FactReference, FactsRecord } from './leaf.ts';
import { leafTest } from './leaf.ts';
import type { Code } from './generated.ts';
import { leafCode } from './generated.ts';
import { copyLiteral } from './literal.ts';
import type { Operand } from './operands.ts';
import { literalOperand } from './operands.ts';
import { operatorOf } from './operators.ts';
import { parsePath } from './paths.ts';
import { conditionPriority, isPriority } from './priorities.ts';

export interface CompilerOptions {
  named?: Readonly<Record<string, Condition>> | undefined;
  /** what a fact may be at run time; throws PolicyCompileError on facts that there are none of */
  shapeOf: (reference: FactReference, place: string) => Operand;
  /** what a fact that is not in the record does; absent = every fact is there, and nothing may throw */
  undefinedFacts?: 'throw' | 'allowed';
  /** a name that nothing is defined by does not hold, instead of being refused */
  allowUndefinedConditions?: boolean;
}

/** Of one rule, those behind names counted each time: json-rules-engine copies them in as often. */
const MOST_CONDITIONS = 2000;
const MOST_LEVELS = 64;

const NEGATION = 'not:';

const KEYS = new Set([
  'any',
  'all',
  'not',
  'condition',
  'fact',
  'operator',
  'value',
  'path',
  'params',
  'priority',
  'name',
]);

type Node = Readonly<Record<string, unknown>>;

/**
 * Compiles conditions that share their named ones, each of which is compiled once. Reads an object as json-rules-engine
 * does: any before all before not. `condition` beside one of them means one thing at the root of a rule and another
 * below it, so that is refused.
 */
export class ConditionCompiler {
  private readonly options: CompilerOptions;
  /** compiled by name; null while it is being compiled */
  private readonly named = new Map<string, Part | null>();
  /** levels above what is being compiled */
  private above = 0;

  /** @throws PolicyCompileError where one of the named conditions is not compiled */
  constructor(options: CompilerOptions) {
    this.options = options;
    for (const [name, condition] of Object.entries(options.named ?? {})) {
      if (name === '') throw new PolicyCompileError('malformed', '$.conditions', 'a condition needs a name');
      if (isNode(condition) && kindOf(condition) === 'leaf') {
        const reason = 'what is named begins with all, any, not or condition';
        throw new PolicyCompileError('malformed', `$.conditions.${name}`, reason);
      }
      this.behind(name, `$.conditions.${name}`);
    }
  }

  /**
   * @param place of the condition in its file
   * @throws PolicyCompileError
   */
  compile(condition: Condition, place: string): AnyPredicate {
    return predicateOf(this.part(condition, place));
  }

  /**
   * Only looks whether it compiles.
   *
   * @throws PolicyCompileError
   */
  check(condition: Condition, place: string): void {
    this.part(condition, place);
  }

  private part(condition: unknown, place: string): Part {
    if (!isNode(condition)) fail('malformed', place, 'a condition is an object');
    for (const key of Object.keys(condition)) {
      if (!KEYS.has(key)) fail('malformed', place, `a condition has no ${JSON.stringify(key)}`);
    }
    if (!isPriority(condition['priority'])) fail('malformed', `${place}.priority`, 'must be a whole number');
    const kind = kindOf(condition);
    if (kind !== 'condition' && Object.hasOwn(condition, 'condition'))
      fail('malformed', place, `either condition or ${kind}, not both`);
    this.above += 1;
    if (this.above > MOST_LEVELS) tooMany('levels', place);
    const part = this.partOf(kind, condition, place);
    this.above -= 1;
    if (part.levels > MOST_LEVELS) tooMany('levels', place);
    if (part.size > MOST_CONDITIONS) tooMany('conditions', place);
    const isBoolean = kind !== 'leaf' && kind !== 'condition';
    return { ...part, priority: conditionPriority(condition['priority'], isBoolean) };
  }

  private partOf(kind: Kind, node: Node, place: string): Part {
    switch (kind) {
      case 'all':
        return allOf(this.list(node[kind], `${place}.all`));
      case 'any':
        return anyOf(this.list(node[kind], `${place}.any`));
      case 'not':
        return notOf(this.part(node[kind], `${place}.not`));
      case 'condition':
        if (Object.hasOwn(node, 'fact')) fail('malformed', place, 'either condition or fact, not both');
        return this.behind(node[kind], place);
      case 'leaf':
        return this.leaf(node, place);
    }
  }

  private list(conditions: unknown, place: string): Part[] {
    if (!Array.isArray(conditions)) fail('malformed', place, 'must be a list of conditions');
    return conditions.map((condition: unknown, i) => this.part(condition, `${place}[${String(i)}]`));
  }

  private behind(name: unknown, place: string): Part {
    const { named = {}, allowUndefinedConditions } = this.options;
    if (typeof name !== 'string' || !Object.hasOwn(named, name)) {
      if (allowUndefinedConditions === true) return single(() => false, false);
      fail('missing-condition', place, `there is no condition ${JSON.stringify(name)}`);
    }
    const known = this.named.get(name);
    if (known === null) fail('circular-condition', place, `the condition ${name} leads back to itself`);
    if (known !== undefined) return known;
    this.named.set(name, null);
    const part = this.part(named[name], `$.conditions.${name}`);
    const counted = { ...part, levels: part.levels + 1 };
    this.named.set(name, counted);
    return counted;
  }

  private leaf(node: Node, place: string): Part {
    const { fact, operator: name, value } = node;
    for (const key of ['fact', 'operator', 'value'] as const) {
      if (!Object.hasOwn(node, key)) fail('malformed', place, `a comparison needs ${key}`);
    }
    if (typeof name !== 'string') fail('unknown-operator', `${place}.operator`, 'must be a text');
    const operator = operatorOf(name);
    if (operator === 'too-large') fail('too-large', `${place}.operator`, 'too many decorators');
    if (operator === null) fail('unknown-operator', `${place}.operator`, `there is no operator ${name}`);
    const left = this.reference(fact, node['path'], place);
    const isFact = isNode(value) && Object.hasOwn(value, 'fact');
    const right = isFact
      ? this.reference(value['fact'], value['path'], `${place}.value`)
      : { literal: copyLiteral(value, `${place}.value`) };
    const threat = operator.throwsOn(
      this.options.shapeOf(left, `${place}.fact`),
      'literal' in right ? literalOperand(right.literal) : this.options.shapeOf(right, `${place}.value`),
    );
    const code = codeOf(left, name, right);
    const part = single(leafTest(left, operator, right), false, code);
    if (this.options.undefinedFacts === undefined) {
      if (threat !== null) fail('would-throw', place, `${name}: ${threat}`);
      return part;
    }
    const allowed = this.options.undefinedFacts === 'allowed';
    const facts = 'literal' in right ? [left.fact] : [left.fact, right.fact];
    return single(overPresent(predicateOf(part), facts, allowed), !allowed || threat !== null);
  }

  private reference(fact: unknown, path: unknown, place: string): FactReference {
    if (typeof fact !== 'string' || fact === '')
      fail('malformed', `${place}.fact`, 'must be the name of a fact');
    if (path === undefined) return { fact, keys: null };
    const keys = typeof path === 'string' ? parsePath(path) : null;
    if (keys === null) fail('path', `${place}.path`, "a path is $.name.name or $['name'].name, nothing else");
    return { fact, keys };
  }
}

type Kind = 'any' | 'all' | 'not' | 'condition' | 'leaf';

/** Which of its keys the library goes by. */
function kindOf(node: Node): Kind {
  return (['any', 'all', 'not', 'condition'] as const).find((key) => Object.hasOwn(node, key)) ?? 'leaf';
}

/** What the code of a comparison is, also behind a leading `not:`; undefined where it goes through the operator. */
function codeOf(
  left: FactReference,
  name: string,
  right: FactReference | { literal: unknown },
): Code | undefined {
  if (!name.startsWith(NEGATION)) return leafCode(left, name, right) ?? undefined;
  const code = leafCode(left, name.slice(NEGATION.length), right);
  return code === null ? undefined : (constant) => `!(${code(constant)})`;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is not in the record: an error of the run, or undefined whatever an object inherits under that name. */
function overPresent(test: AnyPredicate, names: readonly string[], allowUndefined: boolean): AnyPredicate {
  return (facts) => {
    const missing = names.find((name) => !Object.hasOwn(facts, name));
    if (missing === undefined) return test(facts);
    if (!allowUndefined) throw new Error(`undefined fact: ${missing}`);
    const present = names.filter((name) => name !== missing && Object.hasOwn(facts, name));
    const own: FactsRecord = Object.assign(
      Object.create(null) as object,
      Object.fromEntries(present.map((name) => [name, facts[name]])),
    );
    return test(own);
  };
}

function tooMany(what: 'levels' | 'conditions', place: string): never {
  const most = what === 'levels' ? MOST_LEVELS : MOST_CONDITIONS;
  fail('too-large', place, `more than ${String(most)} ${what}, those behind names included`);
}

function fail(fault: CompileFault, place: string, reason: string): never {
  throw new PolicyCompileError(fault, place, reason);
}
