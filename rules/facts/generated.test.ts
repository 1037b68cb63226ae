import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DECORATOR_NAMES, OPERATOR_NAMES } from '../compile/operators.ts';
import { lintProviderText } from '../lint/lint-policy.ts';
import { DECORATOR_DESCRIPTIONS, OPERATOR_DESCRIPTIONS } from '../lint/operator-forms.ts';
import { factsPage } from './facts-page.ts';
import { policySchema } from './policy-schema.ts';
import { providerSchema } from './provider-schema.ts';

const PAGE = new URL('../../docs/facts.md', import.meta.url);
const SCHEMA = new URL('../../schemas/policy.schema.json', import.meta.url);
const PROVIDER_SCHEMA = new URL('../../schemas/provider.schema.json', import.meta.url);
const POLICIES = new URL('../../policies/', import.meta.url);

describe('what is made from the catalogue', () => {
  it.each([
    ['docs/facts.md', PAGE, () => factsPage()],
    ['schemas/policy.schema.json', SCHEMA, () => `${JSON.stringify(policySchema(), null, 2)}\n`],
    ['schemas/provider.schema.json', PROVIDER_SCHEMA, () => `${JSON.stringify(providerSchema(), null, 2)}\n`],
  ])('%s is current (WEIR_UPDATE_DOCS=1 writes it anew)', (_name, url, make) => {
    if (process.env['WEIR_UPDATE_DOCS'] === '1') writeFileSync(url, make());
    expect(readFileSync(url, 'utf8')).toBe(make());
  });

  it('describes every operator and decorator that the compiler has, and no others', () => {
    expect(Object.keys(OPERATOR_DESCRIPTIONS).sort()).toEqual([...OPERATOR_NAMES].sort());
    expect(Object.keys(DECORATOR_DESCRIPTIONS).sort()).toEqual([...DECORATOR_NAMES].sort());
  });
});

describe('the JSON Schema', () => {
  const form = z.fromJSONSchema(policySchema() as Parameters<typeof z.fromJSONSchema>[0]);
  const shipped = readdirSync(POLICIES).filter(
    (name) => name.endsWith('.json') && !name.endsWith('.test.json') && name !== 'provider.json',
  );

  it.each(shipped)('accepts policies/%s', (name) => {
    const value: unknown = JSON.parse(readFileSync(new URL(name, POLICIES), 'utf8'));
    expect(form.safeParse(value).error?.issues ?? []).toEqual([]);
  });

  const leaf = { fact: 'capUsedPercent', operator: 'greaterThan', value: 1 };
  const block = { type: 'block', params: {} };
  const policy = (rule: object): object => ({
    ...{ id: 'a', description: '', mode: 'off' },
    rules: [{ name: 'a', conditions: leaf, event: block, ...rule }],
  });

  it.each([
    ['a plain rule', {}, true],
    ['decorators', { conditions: { ...leaf, operator: 'not:swap:lessThan' } }, true],
    ['another fact', { conditions: { ...leaf, value: { fact: 'poolUsedPercent' } } }, true],
    ['a class', { conditions: { ...leaf, fact: 'byClass', path: "$['my class'].dayBytes" } }, true],
    ['nested groups', { conditions: { any: [{ all: [leaf] }, { not: { condition: 'x' } }] } }, true],
    ['an unknown fact', { conditions: { ...leaf, fact: 'cap' } }, false],
    ['an unknown operator', { conditions: { ...leaf, operator: 'above' } }, false],
    ['an unknown decorator', { conditions: { ...leaf, operator: 'some:equal' } }, false],
    ['an empty group', { conditions: { all: [] } }, false],
    ['a filter in a path', { conditions: { ...leaf, fact: 'byClass', path: '$..[?(@.x)]' } }, false],
    [
      'speeds and a profile',
      { event: { type: 'throttle', params: { downBps: 1, upBps: 1, profile: 'x' } } },
      false,
    ],
    ['a top-up without a limit', { event: { type: 'topup', params: { productId: 'x' } } }, false],
    ['an unknown parameter', { event: { type: 'block', params: { forever: true } } }, false],
    ['a priority of 0', { priority: 0 }, false],
  ])('%s: %s', (_name, rule, fits) => {
    expect(form.safeParse(policy(rule)).success).toBe(fits);
  });
});

describe('the JSON Schema of provider.json', () => {
  const form = z.fromJSONSchema(providerSchema() as Parameters<typeof z.fromJSONSchema>[0]);

  it('accepts policies/provider.json', () => {
    const value: unknown = JSON.parse(readFileSync(new URL('provider.json', POLICIES), 'utf8'));
    expect(form.safeParse(value).error?.issues ?? []).toEqual([]);
  });

  const hours = { days: [1, 7], from: '22:00', to: '24:00' };
  const price = { priceMinor: 500, currency: 'EUR', validSeconds: null };
  it.each([
    ['nothing', {}, true],
    ['a hint for the editor', { $schema: '../schemas/provider.schema.json' }, true],
    ['hours and dates', { offPeak: { hours: [hours], dates: ['2026-12-25'] } }, true],
    ['a product', { topUps: { x: { bytes: 1, ...price } } }, true],
    ['a product of bytes that says so', { topUps: { x: { kind: 'bytes', bytes: 1, ...price } } }, true],
    ['a boost', { topUps: { x: { kind: 'boost', downBps: 1, upBps: 1, bytes: 0, ...price } } }, true],
    ['unlimited', { topUps: { x: { kind: 'unlimited', bytes: 0, ...price } } }, true],
    ['an unknown key', { policies: [] }, false],
    ['a day 8', { offPeak: { hours: [{ ...hours, days: [8] }] } }, false],
    ['no day', { offPeak: { hours: [{ ...hours, days: [] }] } }, false],
    ['from 24:00', { offPeak: { hours: [{ ...hours, from: '24:00' }] } }, false],
    ['a date in words', { offPeak: { dates: ['Christmas'] } }, false],
    ['a speed of 0', { throttleProfiles: { x: { downBps: 0, upBps: 1 } } }, false],
    ['one speed', { throttleProfiles: { x: { downBps: 1 } } }, false],
    ['a profile without a name', { redirectProfiles: [''] }, false],
    ['a product without bytes', { topUps: { x: price } }, false],
    ['a boost without speeds', { topUps: { x: { kind: 'boost', ...price } } }, false],
    ['a product without a validity', { topUps: { x: { bytes: 1, priceMinor: 1, currency: 'EUR' } } }, false],
    ['neutrality in words', { neutrality: 'yes' }, false],
  ])('%s: %s', (_name, value, fits) => {
    expect(form.safeParse(value).success).toBe(fits);
  });

  it('takes whatever the linter takes', () => {
    const whole = fc.constantFrom(0, 0, 1, 1, 1, 5, 1e15, '1');
    const product = fc.record(
      {
        kind: fc.constantFrom('bytes', 'boost', 'unlimited', 'gift'),
        ...{ bytes: whole, downBps: whole, upBps: whole, priceMinor: whole },
        currency: fc.constantFrom('EUR', 'EUR', 'JPY', 'eur'),
        validSeconds: fc.constantFrom(null, null, 60, 0),
      },
      { requiredKeys: ['priceMinor', 'currency', 'validSeconds'] },
    );
    const settings = fc.record(
      {
        topUps: fc.dictionary(fc.constantFrom('a', 'b'), product, { maxKeys: 1 }),
        throttleProfiles: fc.dictionary(
          fc.constantFrom('a', 'b'),
          fc.record({ downBps: whole, upBps: whole }),
        ),
        redirectProfiles: fc.array(fc.constantFrom('a', 'b', ''), { maxLength: 2 }),
        offPeak: fc.record({
          hours: fc.array(
            fc.record({
              days: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 2 }),
              from: fc.constantFrom('00:00', '22:30', '24:00'),
              to: fc.constantFrom('23:59', '24:00', '6:00'),
            }),
            { maxLength: 2 },
          ),
          dates: fc.array(fc.constantFrom('2026-12-25', '2026-02-28', 'x'), { maxLength: 2 }),
        }),
        neutrality: fc.constantFrom(true, false, 0),
      },
      { requiredKeys: [] },
    );
    let taken = 0;
    fc.assert(
      fc.property(settings, (value) => {
        if (lintProviderText(JSON.stringify(value)).findings.length > 0) return;
        taken += 1;
        expect(form.safeParse(value).error?.issues ?? []).toEqual([]);
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});
