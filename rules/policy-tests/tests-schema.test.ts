import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { policyTestsSchema } from './tests-schema.ts';

const SCHEMA = new URL('../../schemas/policy-tests.schema.json', import.meta.url);
const POLICIES = new URL('../../policies/', import.meta.url);

describe('the JSON Schema of test files', () => {
  const form = z.fromJSONSchema(policyTestsSchema() as Parameters<typeof z.fromJSONSchema>[0]);

  it('is current (WEIR_UPDATE_DOCS=1 writes it anew)', () => {
    const made = `${JSON.stringify(policyTestsSchema(), null, 2)}\n`;
    if (process.env['WEIR_UPDATE_DOCS'] === '1') writeFileSync(SCHEMA, made);
    expect(readFileSync(SCHEMA, 'utf8')).toBe(made);
  });

  it.each(readdirSync(POLICIES).filter((name) => name.endsWith('.test.json')))(
    'accepts policies/%s',
    (name) => {
      const value: unknown = JSON.parse(readFileSync(new URL(name, POLICIES), 'utf8'));
      expect(form.safeParse(value).error?.issues ?? []).toEqual([]);
      expect(value).toMatchObject({ $schema: '../schemas/policy-tests.schema.json' });
    },
  );

  it.each([
    ['a case', { name: 'a', expect: ['r', { rule: 's', event: 'throttle' }] }, true],
    ['null where it may be', { name: 'a', facts: { capBytes: null }, expect: [] }, true],
    ['a class', { name: 'a', facts: { byClass: { video: { dayBytes: 5 } } }, expect: [] }, true],
    [
      'steps',
      {
        name: 'a',
        steps: [
          { at: 0, begin: ['r'] },
          { at: 9, newCycle: true, end: ['r'] },
        ],
      },
      true,
    ],
    ['no name', { expect: [] }, false],
    ['an unknown fact', { name: 'a', facts: { cap: 1 }, expect: [] }, false],
    [
      'an unknown fact of a class',
      { name: 'a', facts: { byClass: { video: { cap: 5 } } }, expect: [] },
      false,
    ],
    ['a text for a number', { name: 'a', facts: { capBytes: '10GB' }, expect: [] }, false],
    ['a value that never is', { name: 'a', facts: { billingStatus: 'paid' }, expect: [] }, false],
    ['no steps', { name: 'a', steps: [] }, false],
    ['a step without a time', { name: 'a', steps: [{ begin: ['r'] }] }, false],
  ])('%s', (_, one, fits) => {
    expect(form.safeParse({ cases: [one] }).success).toBe(fits);
  });
});
