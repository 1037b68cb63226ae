import { describe, expect, it } from 'vitest';
import { capPolicy } from '../tests/factories.ts';
import { FORMAT_FAULTS } from '../tests/format-faults.ts';
import { MEANING_FAULTS } from '../tests/meaning-faults.ts';
import { marked } from '../tests/policy-texts.ts';
import { FINDING_CODES } from './lint/finding.ts';
import { checkPolicyFile } from './policy-file.ts';

/** Codes that only a text, other files, plans or the provider can have; and those of what is right but makes no sense. */
const NOT_OF_THE_VALUE = /^P(0|217|3|405|406|407|409|411|5|6)/;

describe('checkPolicyFile', () => {
  it('takes what the fold is given', () => {
    expect(checkPolicyFile(capPolicy().file)).toEqual({ file: capPolicy().file });
  });

  const cases = [...FORMAT_FAULTS, ...MEANING_FAULTS].filter(([code]) => !code.startsWith('P0'));
  it.each(cases)('agrees with the linter on %s: %s', (code, _name, sample) => {
    const checked = checkPolicyFile(JSON.parse(marked(sample).text));
    const isRefused = FINDING_CODES[code][0] === 'error' && !NOT_OF_THE_VALUE.test(code);
    expect('faults' in checked ? checked.faults.map((fault) => fault.code) : []).toEqual(
      isRefused ? [code] : [],
    );
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'policy'],
    ['a list', []],
    ['no rules', { ...capPolicy().file, rules: {} }],
    ['rules that are none', { ...capPolicy().file, rules: [null, 7, 'x', []] }],
    ['a key of the prototype', JSON.parse('{ "__proto__": { "rules": [] } }')],
    ['names that are none', { ...capPolicy().file, conditions: [] }],
    [
      'a name that leads to the prototype',
      JSON.parse(
        JSON.stringify({ ...capPolicy().file, conditions: {} }).replace(
          '"conditions":{}',
          '"conditions":{"__proto__":{"all":[]}}',
        ),
      ),
    ],
  ])('refuses %s', (_name, value) => {
    expect(checkPolicyFile(value)).toHaveProperty('faults');
  });

  it('says where and what, every fault at once, at most 100', () => {
    const leaf = { fact: 'x', operator: 'equal', value: 1 };
    const rules = [{ name: 'A', conditions: { any: [...Array(150).keys()].map(() => leaf) }, event: {} }];
    const checked = checkPolicyFile({ ...capPolicy().file, id: 7, rules });
    const faults = 'faults' in checked ? checked.faults : [];
    expect(faults).toHaveLength(100);
    expect(faults.slice(0, 3).map(({ path }) => path)).toEqual([
      '$.id',
      '$.rules[0].name',
      '$.rules[0].conditions.any[0].fact',
    ]);
    expect(faults[0]?.message).toContain('id must be');
  });

  it('stops at its limits, not at the end of memory or stack', () => {
    let deep: unknown = { fact: 'isOffPeak', operator: 'equal', value: true };
    for (let i = 0; i < 100_000; i += 1) deep = { not: deep };
    const withCondition = (conditions: unknown) => ({
      ...capPolicy().file,
      rules: [{ name: 'a', conditions, event: { type: 'block', params: {} } }],
    });
    const codes = (value: unknown): string[] => {
      const checked = checkPolicyFile(value);
      return 'faults' in checked ? checked.faults.map(({ code }) => code) : [];
    };
    expect(codes(withCondition(deep))).toEqual(['P113']);
    const wide = { all: [...Array(100_000).keys()].map(() => ({ not: { condition: 'x' } })) };
    expect(codes(withCondition(wide))).toHaveLength(100);
    expect(codes({ ...capPolicy().file, conditions: { a: deep } })).toContain('P113');
  });
});
