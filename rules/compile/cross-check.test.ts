import { describe, expect, it } from 'vitest';
import type { PolicyVersion } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { capPolicy } from '../../tests/factories.ts';
import { FACTS } from '../facts/catalogue.ts';
import type { Facts } from '../facts/catalogue.ts';
import { crossCheck } from './cross-check.ts';
import { compilePolicy } from './policy.ts';
import { PolicySet } from './policy-set.ts';

const FACTS_NOW = {
  ...Object.fromEntries(Object.entries(FACTS).map(([name, { example }]) => [name, example])),
  planId: 'home-100',
  segment: 'residential',
  capUsedPercent: 120,
} as unknown as Facts;

const compile = (policy: PolicyVersion) => compilePolicy(policy, NO_PROVIDER_SETTINGS);

describe('crossCheck', () => {
  it('finds nothing where both agree', async () => {
    const set = new PolicySet([compile(capPolicy()), compile(capPolicy({}, 'shadow'))]);
    expect(await crossCheck(set, FACTS_NOW, 'sub-1')).toEqual([]);
  });

  it('names the rule on which they disagree', async () => {
    const compiled = compile(capPolicy());
    for (const rule of compiled.rules) rule.holds = () => false;
    expect(await crossCheck(new PolicySet([compiled]), FACTS_NOW, 'sub-1')).toEqual([
      {
        key: 'home-fup/slow-at-cap',
        policyVersion: compiled.version,
        compiled: false,
        library: true,
        error: null,
      },
    ]);
  });

  it('asks only what concerns the subscriber', async () => {
    const elsewhere = compile(capPolicy());
    const ofOthers = compile(capPolicy());
    for (const rule of [...elsewhere.rules, ...ofOthers.rules]) rule.holds = () => false;
    elsewhere.concerns = () => false;
    ofOthers.includes = () => false;
    expect(await crossCheck(new PolicySet([elsewhere, ofOthers]), FACTS_NOW, 'sub-1')).toEqual([]);
  });

  it('counts an error of the library as a divergence', async () => {
    const { capUsedPercent: _, ...rest } = FACTS_NOW;
    const found = await crossCheck(new PolicySet([compile(capPolicy())]), rest as unknown as Facts, 'sub-1');
    expect(found).toMatchObject([
      { compiled: false, library: null, error: 'Undefined fact: capUsedPercent' },
    ]);
  });
});
