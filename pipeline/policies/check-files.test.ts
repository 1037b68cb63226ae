import { describe, expect, it } from 'vitest';
import type { PolicyRule } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { NamedFile } from '../../rules/lint/lint-folder.ts';
import { lintFolder } from '../../rules/lint/lint-folder.ts';
import { checkFiles } from './check-files.ts';
import type { Checks } from './check-files.ts';
import { capPolicy, capTests, check, CHECKS, policyRig } from './policy-rig.contract.ts';
import { policyVersion } from './policy-version.ts';

const context = { settings: NO_PROVIDER_SETTINGS, plans: null, inForce: [] };
const named = (name: string, content: unknown): NamedFile => ({
  name,
  bytes: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
});
const alone = (file: NamedFile, tests: NamedFile | null = null) => ({
  policies: [{ file, tests }],
  provider: null,
});

describe('checkFiles', () => {
  it('passes what is right, tested', async () => {
    const texts = alone(named('fup.json', capPolicy()), named('fup.test.json', capTests()));
    const { policies } = await check(texts, context);
    expect(policies).toMatchObject([{ name: 'fup.json', id: 'fup', tests: { passed: 1, failed: 0 } }]);
    expect(policies[0]?.file).toEqual(capPolicy());
  });

  it.each([
    ['a syntax error', '{', null],
    ['a wrong policy', { ...capPolicy(), mode: 'on' }, 'fup'],
    ['a text that cannot be stored', { ...capPolicy(), description: 'a\0' }, 'fup'],
    ['brackets without end behind a comment', `/*"*/${'['.repeat(200_000)}`, null],
    ['half a character', { ...capPolicy(), description: '\udfff' }, 'fup'],
  ])('refuses %s', async (_, content, id) => {
    const { policies } = await check(alone(named('fup.json', content)), context);
    expect(policies).toMatchObject([{ file: null, id, tests: null }]);
    expect(policies[0]?.findings.some(({ severity }) => severity === 'error')).toBe(true);
  });

  it('takes a backslash before u0000 for what it is', async () => {
    const { policies } = await check(alone(named('a.json', capPolicy({ description: '\\u0000' }))), context);
    expect(policies[0]?.file?.description).toBe('\\u0000');
  });

  it('checks policies against the settings that come with them', async () => {
    const [rule] = capPolicy().rules;
    const event = { type: 'throttle' as const, params: { profile: 'slow' } };
    const policy = named('a.json', capPolicy({ rules: rule === undefined ? [] : [{ ...rule, event }] }));
    const settings = { ...NO_PROVIDER_SETTINGS, throttleProfiles: { slow: { downBps: 1, upBps: 1 } } };
    const without = await check(alone(policy), context);
    expect(without.policies[0]?.file).toBeNull();
    const provider = named('provider.json', settings);
    const beside = await check({ policies: [{ file: policy, tests: null }], provider }, context);
    expect(beside.settings).toEqual(settings);
    expect(beside.policies[0]?.file).not.toBeNull();
  });

  it('keeps wrong settings out and says where', async () => {
    const provider = named('provider.json', { ...NO_PROVIDER_SETTINGS, colour: 'red' });
    const { settings, providerFindings } = await check({ policies: [], provider }, context);
    expect(settings).toBeNull();
    expect(providerFindings[0]).toMatchObject({ file: 'provider.json', severity: 'error' });
  });

  it('does not let a file that nobody can check hold up the others', async () => {
    const calls: number[] = [];
    const files = [named('bomb.json', capPolicy({ id: 'bomb' })), named('fup.json', capPolicy())];
    const texts = { policies: files.map((file) => ({ file, tests: null })), provider: null };
    const { policies } = await checkFiles(texts, context, bombed(calls));
    expect(policies.map(({ file }) => file?.id ?? null)).toEqual([null, 'fup']);
    expect(calls).toEqual([2, 1, 1]);
  });

  it('checks beside a candidate on its share, and beside the base of one in shadow', async () => {
    const [rule] = capPolicy().rules;
    const sells = rule === undefined ? [] : [{ ...rule, event: { type: 'overage' as const, params: {} } }];
    for (const [base, candidate] of [
      [capPolicy({ id: 'x' }), capPolicy({ id: 'x', mode: 'percent', percent: 5, rules: sells })],
      [capPolicy({ id: 'x', rules: sells }), capPolicy({ id: 'x', mode: 'shadow' })],
    ]) {
      const { store, context: around } = policyRig();
      for (const file of [base, candidate])
        if (file !== undefined)
          await store.publish([policyVersion(file)], { by: 'a', source: 'api', comment: '' });
      const { policies } = await check(
        alone(named('y.json', capPolicy({ id: 'y', rules: sells }))),
        await around(),
      );
      expect(policies[0]?.findings.map(({ code }) => code)).toEqual(['P502']);
    }
  });

  it('checks files that are checked one by one beside the others, and against their settings', async () => {
    const rules = (event: PolicyRule['event']) => capPolicy().rules.map((rule) => ({ ...rule, event }));
    const sells = (id: string) => capPolicy({ id, rules: rules({ type: 'overage', params: {} }) });
    const slow = capPolicy({ rules: rules({ type: 'throttle', params: { profile: 'slow' } }) });
    const contents = [capPolicy({ id: 'bomb' }), sells('one'), sells('two'), slow];
    const files = contents.map((content) => named(`${content.id}.json`, content));
    const settings = { ...NO_PROVIDER_SETTINGS, throttleProfiles: { slow: { downBps: 1, upBps: 1 } } };
    const provider = named('provider.json', settings);
    const texts = { policies: files.map((file) => ({ file, tests: null })), provider };
    const inForce = [sells('two'), { ...sells('fup'), description: 'replaced' }];
    const checked = await checkFiles(texts, { ...context, inForce }, bombed([]));
    expect(checked.settings).toEqual(settings);
    expect(checked.policies.map(({ file }) => file?.id ?? null)).toEqual([null, null, null, 'fup']);
    expect(checked.policies[1]?.findings.map(({ code }) => code)).toEqual(['P502']);
    const alone = { ...texts, policies: [texts.policies[0], texts.policies[1]].flatMap((one) => one ?? []) };
    const beside = await checkFiles(alone, { ...context, inForce: [sells('two')] }, bombed([]));
    expect(beside.policies[1]?.findings.map(({ code }) => code)).toEqual(['P502']);
  });
});

/** Lint that never ends where a file bomb.json is among the files. */
function bombed(calls: number[]): Checks {
  return {
    ...CHECKS,
    lint: async (files, { plans, settings, inForce }) => {
      calls.push(files.length);
      const found = lintFolder(files, plans, settings, inForce);
      if (!files.some(({ name }) => name === 'bomb.json')) return found;
      const finding = { code: 'P009', severity: 'error', message: 'too long' } as const;
      const place = { line: 1, column: 1, endLine: 1, endColumn: 1, path: '$', suggestion: null };
      const ended = files.map(({ name }) => ({
        ...{ kind: 'policy' as const, name, policy: null, more: 0, errors: 1, warnings: 0 },
        findings: [{ ...finding, ...place, file: name }],
      }));
      return { ...found, files: ended, provider: null };
    },
  };
}
