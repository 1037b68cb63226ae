import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition, PolicyFile } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { someCondition, someFacts } from '../../tests/random-conditions.ts';
import { compilePolicy } from '../compile/policy.ts';
import { confirmRule } from '../confirm.ts';
import { checkPolicyFile } from '../policy-file.ts';
import { lintFolder } from './lint-folder.ts';
import { lintPolicyText } from './lint-policy.ts';

const POLICIES = new URL('../../policies/', import.meta.url);
const CONTEXT = { file: 'a.json', plans: null, provider: null, others: [] };

const shipped = readdirSync(POLICIES)
  .filter((name) => name.endsWith('.json') && !name.endsWith('.test.json') && name !== 'provider.json')
  .map((name) => readFileSync(new URL(name, POLICIES), 'utf8'));

/** Pieces that faults are made of. */
const PIECES = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '//',
    '/*',
    '*/',
    'null',
    '-1',
    '0',
    '1e999',
    '""',
    '{}',
    '[]',
    '\u0000',
    '\uD800',
  ],
  ...[
    '"__proto__": 1,',
    '"constructor"',
    '"all"',
    '"any"',
    '"not"',
    '"condition"',
    '"fact"',
    '"path"',
    '"swap:in"',
  ],
  ...[
    '{"fact": "byClass", "path": "$.a.dayBytes"}',
    '"not:not:equal"',
    '"10GB"',
    '9007199254740993',
    '"cycle-end"',
  ],
];

/** A shipped policy with some of it cut out, doubled, moved or replaced. */
const mutated: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...shipped),
    fc.array(fc.tuple(fc.nat(), fc.nat(30), fc.option(fc.constantFrom(...PIECES)), fc.boolean()), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((sofar, [at, length, piece, atToken]) => {
      const start = atToken ? tokenAt(sofar, at).start : at % (sofar.length + 1);
      const end = atToken ? tokenAt(sofar, at).end : start + length;
      return sofar.slice(0, start) + (piece ?? '') + sofar.slice(end);
    }, text),
  );

function tokenAt(text: string, n: number): { start: number; end: number } {
  const tokens = [...text.matchAll(/"[^"\n]*"|-?\d+|[{}[\],:]/g)];
  const token = tokens[n % Math.max(1, tokens.length)];
  return { start: token?.index ?? 0, end: (token?.index ?? 0) + (token?.[0].length ?? 0) };
}

/** What a policy is for: it compiles, and the library runs it. */
async function runs(policy: PolicyFile): Promise<void> {
  compilePolicy({ policyId: policy.id, version: 'x', file: policy }, NO_PROVIDER_SETTINGS);
  const [facts] = fc.sample(someFacts(), 1);
  if (facts === undefined) throw new Error('no facts');
  for (const { conditions } of policy.rules) await confirmRule(conditions, facts, policy.conditions);
}

describe('the linter', () => {
  it('never throws on a mutated policy, and what it lets through runs in json-rules-engine', async () => {
    let through = 0;
    await fc.assert(
      fc.asyncProperty(mutated, async (text) => {
        const { policy, errors, findings, more } = lintPolicyText(text, CONTEXT);
        expect(findings.length + more).toBeGreaterThanOrEqual(errors);
        for (const { line, column, endLine } of findings) {
          expect(Math.min(line, column)).toBeGreaterThan(0);
          expect(endLine).toBeLessThanOrEqual(text.split(/\r\n|\r|\n/).length);
        }
        if (policy === null) return;
        expect(checkPolicyFile(JSON.parse(text.replace(/^\uFEFF/, '')))).toHaveProperty('file');
        through += 1;
        await runs(policy);
      }),
      { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 600) },
    );
    expect(through).toBeGreaterThan(5);
  });

  it('lets through only rules that run, of random conditions and names', async () => {
    let through = 0;
    const conditions = fc.record({
      when: someCondition(2),
      heavy: someCondition(1),
      night: someCondition(1),
    });
    await fc.assert(
      fc.asyncProperty(
        conditions,
        fc.array(fc.constantFrom('heavy', 'night', 'none')),
        async (parts, names) => {
          const { when, heavy, night } = parts;
          const references = names.map((condition): Condition => ({ condition }));
          const file: PolicyFile = {
            ...{ id: 'a', description: '', mode: 'enforce' },
            conditions: { heavy: { all: [heavy] }, night: { any: [night, { condition: 'heavy' }] } },
            rules: [
              { name: 'r', conditions: { any: [when, ...references] }, event: { type: 'block', params: {} } },
            ],
          };
          const { policy, errors } = lintPolicyText(JSON.stringify(file), CONTEXT);
          expect('file' in checkPolicyFile(file)).toBe(!names.includes('none'));
          if (policy === null) expect(errors).toBeGreaterThan(0);
          else {
            through += 1;
            await runs(policy);
          }
        },
      ),
      { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 150) },
    );
    expect(through).toBeGreaterThan(20);
  });

  it('says nothing against the policies that ship', () => {
    const files = readdirSync(POLICIES).map((name) => ({
      name,
      bytes: readFileSync(new URL(name, POLICIES)),
    }));
    const { findings, provider } = lintFolder(files, null);
    expect(findings).toEqual([]);
    expect(provider).not.toBeNull();
  });

  it.each<[string, () => string | Uint8Array]>([
    ['10 MB of brackets', () => '['.repeat(10_000_000)],
    ['256 KiB of brackets', () => '['.repeat(256 * 1024)],
    ['256 KiB of objects in objects', () => '{"a":'.repeat(50_000)],
    ['brackets behind an open text', () => `"\n${'['.repeat(200_000)}`],
    ['brackets behind a quote in a comment', () => `/*"*/${'['.repeat(200_000)}`],
    ['brackets behind a comment in a value', () => `{"a":/*"*/${'['.repeat(200_000)}`],
    ['brackets of the wrong sort', () => '[},'.repeat(80_000)],
    ['lists in objects that end as lists', () => '{"a":],"b":'.repeat(20_000)],
    ['one endless text', () => `"${'a'.repeat(200_000)}`],
    ['thousands of keys', () => `{${[...Array(20_000).keys()].map((i) => `"k${i}":1`).join(',')}}`],
    ['thousands of rules', () => policyOf(`[${'{},'.repeat(50_000)}{}]`)],
    ['thousands of numbers', () => `[${'1e999,'.repeat(40_000)}1]`],
    ['random bytes', () => Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 256)],
    ['a circle of a hundred names', () => named((i) => `"all": [{ "condition": "c${(i + 1) % 100}" }]`)],
    [
      'names that double a hundred times',
      () => named((i) => `"all": [${`{ "condition": "c${Math.min(i + 1, 99)}" },`.repeat(20)}{}]`),
    ],
    [
      'a regular expression in a path',
      () => ruleOf({ fact: 'byClass', path: '$..[?(@.a.match(/(a+)+$/))]', operator: 'equal', value: 1 }),
    ],
    [
      'a list of everything',
      () => ruleOf({ fact: 'planId', operator: 'in', value: [...Array(15_000).keys()].map(String) }),
    ],
    [
      'an operator of decorators',
      () => ruleOf({ fact: 'dayBytes', operator: `${'not:'.repeat(20_000)}equal`, value: 1 }),
    ],
    [
      'a list of lists',
      () =>
        ruleOf({
          fact: 'dayBytes',
          operator: 'in',
          value: JSON.parse(`${'['.repeat(40)}1${']'.repeat(40)}`),
        }),
    ],
    [
      'a long name for every part',
      () =>
        ruleOf({
          ['x'.repeat(100_000)]: 1,
          fact: 'x'.repeat(50_000),
          operator: 'y'.repeat(50_000),
          value: 1,
        }),
    ],
    ['hundreds of facts compared with each other', () => manyComparisons()],
    ['hundreds of rules that may contain each other', () => manyRules()],
  ])('ends on %s with a finding', (_name, make) => {
    const { findings } = lintPolicyText(make(), CONTEXT);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.length).toBeLessThanOrEqual(100);
    expect(findings.every(({ message }) => message.length < 1000)).toBe(true);
  });
});

function policyOf(rules: string, more = ''): string {
  return `{ "id": "a", "description": "", "mode": "off", ${more} "rules": ${rules} }`;
}

function ruleOf(condition: object): string {
  const rule = { name: 'a', conditions: { all: [condition] }, event: { type: 'block', params: {} } };
  return policyOf(JSON.stringify([rule]));
}

function named(of: (i: number) => string): string {
  const entries = [...Array(100).keys()].map((i) => `"c${i}": { ${of(i)} }`);
  const rule =
    '{ "name": "a", "conditions": { "condition": "c0" }, "event": { "type": "block", "params": {} } }';
  return policyOf(`[${rule}]`, `"conditions": { ${entries.join(',')} },`);
}

function manyComparisons(): string {
  const path = (i: number): string => `$.c${i}.dayBytes`;
  const compared = (i: number, j: number) => ({
    ...{ fact: 'byClass', path: path(i), operator: 'greaterThan' },
    value: { fact: 'byClass', path: path(j) },
  });
  const all = [...Array(150).keys()].map((i) => ({
    any: [compared(i, (i * 7) % 150), compared(i, (i * 11) % 150)],
  }));
  return ruleOf({ all });
}

function manyRules(): string {
  const rules = [...Array(100).keys()].map((i) => ({
    name: `r${i}`,
    conditions: {
      any: [...Array(4).keys()].map((j) => ({
        all: [
          { fact: 'dayBytes', operator: 'greaterThan', value: 5000 + ((i * 31 + j * 17) % 97) },
          { fact: 'hourBytes', operator: 'lessThan', value: 5000 + ((i * 13 + j * 29) % 97) },
        ],
      })),
    },
    event: { type: 'block', params: {} },
  }));
  return policyOf(JSON.stringify(rules));
}
