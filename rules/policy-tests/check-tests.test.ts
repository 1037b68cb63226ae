import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PolicyFile } from '../../schemas/policy.ts';
import { capPolicy } from '../../tests/factories.ts';
import { checkPolicyTests } from './check-tests.ts';

const policy: PolicyFile = capPolicy().file;

/** Codes and places of what is wrong with a text. */
function faults(text: string, of = policy): string[] {
  const checked = checkPolicyTests(text, of);
  return 'findings' in checked
    ? checked.findings.map(({ code, line, column }) => `${code} ${String(line)}:${String(column)}`)
    : [];
}

function messages(text: string): string[] {
  const checked = checkPolicyTests(text, policy);
  return 'findings' in checked ? checked.findings.map(({ message }) => message) : [];
}

const oneCase = (rest: string): string => `{"cases": [\n{"name": "a", ${rest}}\n]}`;

describe('checkPolicyTests', () => {
  it('fills in a subscriber at rest on a plan that the policy is for', () => {
    const checked = checkPolicyTests(oneCase('"facts": {"capUsedPercent": 40}, "expect": []'), policy);
    if ('findings' in checked) throw new Error(JSON.stringify(checked));
    const [first] = checked.tests.cases;
    expect(first).toMatchObject({ name: 'a', place: { line: 2, column: 1 }, expect: [], steps: null });
    expect(first?.facts).toMatchObject({
      planId: 'home-any',
      segment: 'residential',
      capUsedPercent: 40,
      cycleCountedBytes: 40e9,
      capRemainingBytes: 60e9,
    });
  });

  it('takes plan as planId, null too, and lets a step add to the facts of its case', () => {
    const text = `{"$schema": "x", "cases": [
      {"name": "a", "plan": null, "expect": ["slow-at-cap"]},
      {"name": "b", "plan": "home-lite", "facts": {"tags": ["x"]},
       "steps": [{"at": 0, "facts": {"capUsedPercent": 100}, "begin": [{"rule": "slow-at-cap"}]},
                 {"at": 5, "newCycle": true}]}]}`;
    const checked = checkPolicyTests(text, policy);
    if ('findings' in checked) throw new Error(JSON.stringify(checked));
    const [a, b] = checked.tests.cases;
    expect(a?.facts?.planId).toBeNull();
    expect(b?.steps).toMatchObject([
      {
        at: 0,
        newCycle: false,
        begin: ['slow-at-cap'],
        end: [],
        facts: { planId: 'home-lite', capUsedPercent: 100 },
      },
      { at: 5, newCycle: true, begin: [], end: [], facts: { tags: ['x'], capUsedPercent: 0 } },
    ]);
  });

  it.each<[string, string, string[]]>([
    ['no JSON', '{"cases": [}', ['T002 1:12']],
    ['a list', '[]', ['T100 1:1']],
    ['no cases', '{}', ['T104 1:1']],
    ['cases that are no list', '{"cases": {}}', ['T100 1:11']],
    ['a case that is none', '{"cases": [7]}', ['T100 1:12']],
    ['an unknown key', oneCase('"expects": [], "expect": []'), ['T103 2:15']],
    ['no name', '{"cases": [{"expect": []}]}', ['T104 1:12']],
    ['a name of spaces', '{"cases": [{"name": " ", "expect": []}]}', ['T100 1:21']],
    ['neither expect nor steps', '{"cases": [{"name": "a"}]}', ['T104 1:12']],
    ['expect and steps', oneCase('"expect": [], "steps": [{"at": 0}]'), ['T104 2:1']],
    ['two of one name', '{"cases": [{"name":"a","expect":[]},{"name":"a","expect":[]}]}', ['T107 1:37']],
    ['an unknown fact', oneCase('"facts": {"capUsed": 1}, "expect": []'), ['T101 2:25']],
    ['a prototype as a fact', oneCase('"facts": {"__proto__": {}}, "expect": []'), ['T002 2:25']],
    ['a text for a number', oneCase('"facts": {"capBytes": "10GB"}, "expect": []'), ['T102 2:37']],
    ['less than there is', oneCase('"facts": {"hourBytes": -1}, "expect": []'), ['T102 2:38']],
    ['more than there is', oneCase('"facts": {"hourOfDay": 24}, "expect": []'), ['T102 2:38']],
    ['null where none is', oneCase('"facts": {"hourBytes": null}, "expect": []'), ['T102 2:38']],
    ['a value that never is', oneCase('"facts": {"billingStatus": "paid"}, "expect": []'), ['T102 2:42']],
    ['a number in a list of texts', oneCase('"facts": {"tags": ["a", 1]}, "expect": []'), ['T102 2:33']],
    ['a list for a text', oneCase('"facts": {"segment": ["a"]}, "expect": []'), ['T102 2:36']],
    ['an object for a number', oneCase('"facts": {"hourBytes": {}}, "expect": []'), ['T102 2:38']],
    ['facts that are no object', oneCase('"facts": [], "expect": []'), ['T100 2:24']],
    [
      'an unknown fact of a class',
      oneCase('"facts": {"byClass": {"video": {"bytes": 1}}}, "expect": []'),
      ['T101 2:47'],
    ],
    [
      'a prototype as a class',
      oneCase('"facts": {"byClass": {"__proto__": {}}}, "expect": []'),
      ['T002 2:37'],
    ],
    ['a class that is no object', oneCase('"facts": {"byClass": {"video": 1}}, "expect": []'), ['T100 2:46']],
    ['an unknown rule', oneCase('"expect": ["slow-at-cup"]'), ['T105 2:26']],
    ['a rule that is no text', oneCase('"expect": [1]'), ['T100 2:26']],
    ['a rule twice', oneCase('"expect": ["slow-at-cap", "slow-at-cap"]'), ['T107 2:41']],
    ['an expected rule without one', oneCase('"expect": [{"event": "throttle"}]'), ['T104 2:26']],
    ['another event', oneCase('"expect": [{"rule": "slow-at-cap", "event": "block"}]'), ['T106 2:59']],
    ['no steps', oneCase('"steps": []'), ['T003 2:24']],
    ['a step without a time', oneCase('"steps": [{}]'), ['T104 2:25']],
    ['half a second', oneCase('"steps": [{"at": 0.5}]'), ['T100 2:32']],
    ['steps out of order', oneCase('"steps": [{"at": 5}, {"at": 5}]'), ['T108 2:36']],
    ['newCycle as a number', oneCase('"steps": [{"at": 0, "newCycle": 1}]'), ['T100 2:47']],
    ['an unknown key of a step', oneCase('"steps": [{"at": 0, "begins": []}]'), ['T103 2:35']],
    ['an unknown rule in a step', oneCase('"steps": [{"at": 0, "end": ["x"]}]'), ['T105 2:43']],
  ])('refuses %s', (_, text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  it('says what was probably meant', () => {
    const text = oneCase('"fact": {}, "facts": {"capUsedPercents": 1}, "expect": ["slow-at-cup"]');
    expect(messages(text)).toEqual([
      'a case has no key "fact". Did you mean facts?',
      'no fact is called "capUsedPercents". Did you mean capUsedPercent?',
      'home-fup has no rule "slow-at-cup". Did you mean slow-at-cap?',
    ]);
    expect(messages(oneCase('"facts": {"capBytes": "10GB"}, "expect": []'))).toEqual([
      'capBytes is a number (bytes) from 0 or null, not "10GB"',
    ]);
  });

  it('is bounded in size, cases, steps, evaluations and findings', () => {
    expect(faults(`{"cases": []}${' '.repeat(256 * 1024)}`)).toEqual(['T001 1:1']);
    expect(faults(`{"cases": [], "$schema": "${'ü'.repeat(128 * 1024)}"}`)).toEqual(['T001 1:1']);
    const cases = (count: number, rest: string): string =>
      `{"cases": [${Array.from({ length: count }, (_, i) => `{"name": "${String(i)}", ${rest}}`).join(',\n')}]}`;
    expect(faults(cases(1000, '"expect": []'))).toEqual([]);
    expect(faults(cases(1001, '"expect": []'))).toEqual(['T003 1:1']);
    expect(faults(cases(500, '"expect": ["x", "y"]'))).toHaveLength(100);
    const steps = Array.from({ length: 101 }, (_, i) => `{"at": ${String(i)}}`).join(',');
    expect(faults(oneCase(`"steps": [${steps}]`))).toEqual(['T003 2:24']);
    const leaf = { fact: 'capBytes', operator: 'equal', value: 1 };
    const [rule] = policy.rules;
    if (rule === undefined) throw new Error('no rule');
    const wide: PolicyFile = { ...policy, rules: [{ ...rule, conditions: { all: Array(300).fill(leaf) } }] };
    expect(faults(cases(1000, '"expect": []'), wide)).toEqual(['T003 1:1']);
  });

  it('answers every text with tests or findings', () => {
    const anyCase = fc.record(
      {
        name: fc.anything(),
        plan: fc.anything(),
        facts: fc.anything(),
        expect: fc.anything(),
        steps: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const file = fc.record({ cases: fc.oneof(fc.array(anyCase), fc.anything()) });
    fc.assert(
      fc.property(fc.oneof(file, fc.anything()), (value) => {
        const checked = checkPolicyTests(JSON.stringify(value, withoutBigInts) ?? '', policy);
        return 'tests' in checked || checked.findings.length > 0;
      }),
    );
  });
});

function withoutBigInts(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? null : value;
}
