import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lintPolicyText, lintProviderText } from '../rules/lint/lint-policy.ts';
import { checkPolicyTests } from '../rules/policy-tests/check-tests.ts';
import { runPolicyTests } from '../rules/policy-tests/run-tests.ts';
import type { PolicyFile } from '../schemas/policy.ts';
import { runCli } from './commands.ts';

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const PAGE = read('docs/policies.md');
const EXAMPLES = [...PAGE.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => text);
const { settings } = lintProviderText(read('policies/provider.json'));
const policies = EXAMPLES.filter((text) => text.includes('"rules"'));
const tests = EXAMPLES.filter((text) => text.includes('"cases"'));

function policyOf(text: string): PolicyFile {
  const { policy, findings } = lintPolicyText(text, {
    file: 'x.json',
    plans: null,
    provider: settings,
    others: [],
  });
  expect(findings).toEqual([]);
  if (policy === null) throw new Error('it does not compile');
  return policy;
}

describe('docs/policies.md', () => {
  it('has two policies and two tests of them', () => {
    expect([policies.length, tests.length]).toEqual([2, 2]);
  });

  it('makes the mistake that it shows, where it shows it, and no other', async () => {
    const [draft = '', tutorial = ''] = [policies[0], tests[0]];
    const shown = /policies\/busy-hour\.json:(\d+):(\d+) error (P\d+) (.*)\n/.exec(PAGE);
    const { findings } = lintPolicyText(draft, {
      file: 'x.json',
      plans: null,
      provider: settings,
      others: [],
    });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      line: Number(shown?.[1]),
      column: Number(shown?.[2]),
      code: shown?.[3],
      message: shown?.[4],
    });
    await passes(policyOf(draft.replace('"2GB"', '2000000000')), tutorial);
  });

  it('has an example that passes its tests', async () => {
    const [, example = ''] = policies;
    const [, cases = ''] = tests;
    const step = EXAMPLES.find((text) => text.includes('"steps"') && !text.includes('"cases"')) ?? '';
    await passes(policyOf(example), cases);
    await passes(policyOf(example), `{"cases": [${step}]}`);
  });

  it('names commands that exist', async () => {
    const named = [...PAGE.matchAll(/weir ((?:policy )?[a-z][a-z-]*)/g)].map(([, words = '']) => words);
    const commands = [...new Set(named)].filter((words) => words !== 'policy');
    expect(commands.length).toBeGreaterThan(9);
    for (const words of commands) {
      let out = '';
      const code = await runCli([...words.split(' '), '--help'], {
        env: {},
        version: '',
        out: (text) => (out += text),
        err: () => undefined,
        start: () => Promise.resolve(0),
      });
      expect([words, code]).toEqual([words, 0]);
      expect(out).toContain(`Usage: weir ${words}`);
    }
  });

  it('lists the policies that ship', () => {
    const names = [...PAGE.matchAll(/^\| `([a-z-]+\.json)` \|/gm)].map(([, name]) => name);
    expect(names.sort()).toEqual([
      'anomaly-watch.json',
      'auto-top-up.json',
      'home-fup.json',
      'night-free.json',
      'overage-blocks.json',
      'shared-fup.json',
      'usage-notices.json',
    ]);
  });
});

async function passes(policy: PolicyFile, text: string): Promise<void> {
  const checked = checkPolicyTests(text, policy);
  if ('findings' in checked) throw new Error(JSON.stringify(checked.findings));
  if (settings === null) throw new Error('provider.json has faults');
  const { cases } = await runPolicyTests(policy, checked.tests, settings);
  expect(cases.flatMap(({ failures }) => failures)).toEqual([]);
}
