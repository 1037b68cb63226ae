import type { PolicyEventType, PolicyFile } from '../../schemas/policy.ts';
import { JsonText } from '../json-text.ts';
import type { JsonNode, Place } from '../json-text.ts';
import { hint, shown } from '../lint/did-you-mean.ts';
import { MAX_CASES, MAX_EVALUATIONS, MAX_FINDINGS, MAX_STEPS, MAX_TEST_BYTES } from './format.ts';
import type { ExpectedRule, PolicyTestCase, PolicyTestStep, PolicyTests, TestFinding } from './format.ts';
import { ShapeReader } from './json-shape.ts';
import type { Members } from './json-shape.ts';
import { leavesOf } from './leaves.ts';
import { completeFacts } from './neutral-facts.ts';
import type { StatedFacts } from './neutral-facts.ts';
import { readFacts } from './read-facts.ts';

/**
 * Reads a test file against the policy that it tests: every name and value is checked, every fact filled in.
 * Bounded: 256 KiB, 1,000 cases, 100 steps a case, 250,000 evaluations of conditions. At most 100 findings, in the
 * order of the text.
 */
export function checkPolicyTests(
  text: string,
  policy: PolicyFile,
): { tests: PolicyTests } | { findings: TestFinding[] } {
  // A UTF-16 unit is at least one byte of UTF-8.
  if (text.length > MAX_TEST_BYTES || Buffer.byteLength(text) > MAX_TEST_BYTES)
    return {
      findings: [{ code: 'T001', line: 1, column: 1, message: `larger than ${MAX_TEST_BYTES} bytes` }],
    };
  const json = new JsonText(text);
  if (json.root === null)
    return {
      findings: json.problems
        .slice(0, MAX_FINDINGS)
        .map(({ at, message }) => ({ code: 'T002', ...at, message })),
    };
  const reading = new CaseReader(json, policy);
  const cases = reading.file(json.root);
  const { findings } = reading;
  if (findings.length === 0) return { tests: { cases } };
  return { findings: findings.sort((a, b) => a.line - b.line || a.column - b.column) };
}

class CaseReader extends ShapeReader {
  readonly #policy: PolicyFile;
  readonly #rules: ReadonlyMap<string, PolicyEventType>;
  readonly #place: (node: JsonNode) => Place;

  constructor(json: JsonText, policy: PolicyFile) {
    super(json);
    this.#policy = policy;
    this.#rules = new Map(policy.rules.map(({ name, event }) => [name, event.type]));
    this.#place = (node) => json.placeAt(node.offset);
  }

  file(root: JsonNode): PolicyTestCase[] {
    const members = this.object(root, 'a test file', ['$schema', 'cases'], ['cases']);
    const nodes = this.list(members?.get('cases')?.value, '"cases"');
    if (nodes.length > MAX_CASES) {
      this.fault('T003', root, `${nodes.length} cases; a file has at most ${MAX_CASES}`);
      return [];
    }
    const cases: PolicyTestCase[] = [];
    const names = new Set<string>();
    for (const node of nodes) {
      const read = this.#case(node);
      if (read === undefined) continue;
      if (names.has(read.name)) this.fault('T107', node, `two cases are called ${shown(read.name)}`);
      names.add(read.name);
      cases.push(read);
    }
    const moments = cases.reduce((sum, { steps }) => sum + (steps?.length ?? 1), 0);
    const evaluations = moments * leavesOf(this.#policy).length;
    if (evaluations > MAX_EVALUATIONS) {
      const message = `${evaluations} evaluations of conditions; a file makes at most ${MAX_EVALUATIONS}`;
      this.fault('T003', root, message);
    }
    return cases;
  }

  #case(node: JsonNode): PolicyTestCase | undefined {
    const members = this.object(node, 'a case', ['name', 'plan', 'facts', 'expect', 'steps'], ['name']);
    if (members === undefined) return undefined;
    const name = this.text(members.get('name')?.value, '"name"');
    const stated = this.#facts(members);
    const expect = members.get('expect');
    const steps = members.get('steps');
    if ((expect === undefined) === (steps === undefined)) {
      this.fault('T104', node, 'a case has either "expect" (the rules that hold) or "steps"');
      return undefined;
    }
    if (name === undefined) return undefined;
    const place = this.#place(node);
    if (steps !== undefined)
      return { name, place, facts: null, expect: null, steps: this.#steps(steps.value, stated) };
    const facts = completeFacts(this.#policy, stated);
    return { name, place, facts, expect: this.#expected(expect?.value, '"expect"'), steps: null };
  }

  /** `plan` is short for the fact planId. */
  #facts(members: Members): StatedFacts {
    const facts = readFacts(this, members.get('facts')?.value);
    const plan = members.get('plan')?.value;
    if (plan?.type === 'null') return { ...facts, planId: null };
    const planId = this.text(plan, '"plan"');
    return planId === undefined ? facts : { ...facts, planId };
  }

  #expected(node: JsonNode | undefined, what: string): ExpectedRule[] {
    const expected: ExpectedRule[] = [];
    for (const item of this.list(node, what)) {
      const one = this.#expectedRule(item);
      if (one === undefined) continue;
      if (expected.some(({ rule }) => rule === one.rule))
        this.fault('T107', item, `${one.rule} is expected twice`);
      expected.push(one);
    }
    return expected;
  }

  #expectedRule(node: JsonNode): ExpectedRule | undefined {
    if (node.type !== 'object') {
      const rule = this.#rule(node);
      return rule === undefined ? undefined : { rule, event: null };
    }
    const members = this.object(node, 'an expected rule', ['rule', 'event'], ['rule']);
    const rule = this.#rule(members?.get('rule')?.value);
    const eventNode = members?.get('event')?.value;
    const event = this.text(eventNode, '"event"');
    if (rule === undefined || eventNode === undefined || event === undefined)
      return rule === undefined ? undefined : { rule, event: null };
    const actual = this.#rules.get(rule) ?? null;
    if (event !== actual)
      this.fault('T106', eventNode, `${rule} has the event ${String(actual)}, not ${shown(event)}`);
    return { rule, event: actual };
  }

  #rule(node: JsonNode | undefined): string | undefined {
    const name = this.text(node, 'a rule');
    if (name === undefined || node === undefined) return undefined;
    if (this.#rules.has(name)) return name;
    this.fault(
      'T105',
      node,
      `${this.#policy.id} has no rule ${shown(name)}.${hint(name, [...this.#rules.keys()])}`,
    );
    return undefined;
  }

  #steps(node: JsonNode, stated: StatedFacts): PolicyTestStep[] {
    const nodes = this.list(node, '"steps"');
    if (nodes.length === 0 || nodes.length > MAX_STEPS)
      this.fault('T003', node, `a case has 1 to ${MAX_STEPS} steps`);
    const steps: PolicyTestStep[] = [];
    for (const item of nodes.slice(0, MAX_STEPS)) {
      const step = this.#step(item, stated);
      if (step === undefined) continue;
      const before = steps.at(-1);
      if (before !== undefined && step.at <= before.at)
        this.fault('T108', item, `a step is later than the one before, which is at ${before.at} s`);
      steps.push(step);
    }
    return steps;
  }

  #step(node: JsonNode, stated: StatedFacts): PolicyTestStep | undefined {
    const known = ['at', 'facts', 'newCycle', 'begin', 'end'];
    const members = this.object(node, 'a step', known, ['at']);
    const at = members?.get('at')?.value;
    if (members === undefined || at === undefined) return undefined;
    const seconds: unknown = at.value;
    if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds) || seconds < 0) {
      this.fault('T100', at, '"at" is whole seconds since the case began');
      return undefined;
    }
    const newCycle = members.get('newCycle')?.value;
    if (newCycle !== undefined && newCycle.type !== 'boolean')
      this.fault('T100', newCycle, '"newCycle" is true or false');
    const facts = { ...stated, ...readFacts(this, members.get('facts')?.value) };
    const rules = (key: string): string[] =>
      this.#expected(members.get(key)?.value, `"${key}"`).map(({ rule }) => rule);
    return {
      at: seconds,
      newCycle: newCycle?.value === true,
      facts: completeFacts(this.#policy, facts),
      begin: rules('begin'),
      end: rules('end'),
      place: this.#place(node),
    };
  }
}
