import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PolicyFile } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { checkPolicyTests } from './check-tests.ts';
import { runPolicyTests } from './run-tests.ts';

const FOLDER = new URL('../../policies/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

const provider = JSON.parse(read('provider.json')) as ProviderSettings;
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.test.json'))
  .map((name) => name.slice(0, -'.test.json'.length));

describe('the policies that ship', () => {
  it('each have tests', () => {
    const policies = readdirSync(FOLDER).filter(
      (name) => name.endsWith('.json') && !name.endsWith('.test.json'),
    );
    expect(policies).toEqual([...names, 'provider'].sort().map((name) => `${name}.json`));
    expect(names).toEqual([
      'anomaly-watch',
      'auto-top-up',
      'home-fup',
      'night-free',
      'overage-blocks',
      'shared-fup',
      'usage-notices',
    ]);
  });

  it.each(names)('%s passes them, and no condition is left out', async (name) => {
    const policy = JSON.parse(read(`${name}.json`)) as PolicyFile;
    expect(policy.id).toBe(name);
    const checked = checkPolicyTests(read(`${name}.test.json`), policy);
    if ('findings' in checked) throw new Error(JSON.stringify(checked.findings));
    const result = await runPolicyTests(policy, checked.tests, provider);
    expect(result.cases.flatMap(({ failures }) => failures)).toEqual([]);
    expect(result.passed).toBe(checked.tests.cases.length);
    expect(result.coverage).toMatchObject({ percent: 100, uncovered: [] });
  });
});
