import { describe, expect, it } from 'vitest';
import { event, leaf, policyText, PROVIDER } from '../../tests/policy-texts.ts';
import { lintPolicyText, lintProviderText } from '../../rules/lint/lint-policy.ts';
import { encodeControl } from '../decode/control-codec.ts';

/** The most that the linter allows of everything. */
const LONG = 'x'.repeat(256);
const SAFE = Number.MAX_SAFE_INTEGER;

describe('what the linter lets through', () => {
  it.each([
    ['a plain policy', policyText()],
    ['long names', policyText({ event: event('notify', `"template": "${LONG}", "channel": "${LONG}"`) })],
    [
      'a named comparison',
      policyText({
        when: leaf(`"name": "${LONG}", "fact": "isOffPeak", "operator": "equal", "value": true`),
      }),
    ],
    ['high priorities', policyText({ rule: '"name": "r", "priority": 1000000,' })],
    [
      'deep conditions',
      policyText({
        when: `${'{ "not": '.repeat(16)}{ "fact": "isOffPeak", "operator": "equal", "value": true }${' }'.repeat(16)}`,
      }),
    ],
    [
      '500 conditions',
      policyText({
        when: `{ "any": [${[...Array(499).keys()].map((i) => `{ "fact": "dayBytes", "operator": "equal", "value": ${i} }`).join(',')}] }`,
      }),
    ],
    [
      'fast throttles',
      policyText({
        event: event(
          'throttle',
          '"downBps": 1000000000000000, "upBps": 1000000000000000, "minHoldSeconds": 31622400',
        ),
      }),
    ],
    ['a long latch', policyText({ event: event('block', '"until": { "seconds": 31622400 }') })],
    [
      'dear blocks',
      policyText({
        event: event(
          'overage',
          `"blockBytes": ${SAFE}, "blockPriceMinor": 1000000000000, "currency": "EUR", "maxBlocks": 1000000`,
        ),
      }),
    ],
    ['many top-ups', policyText({ event: event('topup', '"productId": "ten-gb", "maxPerCycle": 1000') })],
    [
      'long plans',
      policyText({
        head: `"id": "a", "description": "${'x'.repeat(4096)}", "mode": "percent", "percent": 100, "appliesTo": { "plans": ["${LONG}"], "segments": [] },`,
      }),
    ],
    [
      'names and paths',
      policyText({
        head: `"id": "a", "description": "", "mode": "off", "subject": "subscriber", "conditions": { "c_1-X": { "all": [{ "fact": "byClass", "path": "$['my class'].dayBytes", "operator": "not:swap:lessThan", "value": { "fact": "dayBytes" } }] } },`,
        when: '{ "condition": "c_1-X" }',
      }),
    ],
  ])('gets into the log: %s', (_name, text) => {
    const { policy, errors } = lintPolicyText(text, {
      file: 'a.json',
      plans: null,
      provider: PROVIDER,
      others: [],
    });
    expect(errors).toBe(policy?.appliesTo === undefined ? 0 : 1);
    if (policy === null) throw new Error('refused');
    expect(() =>
      encodeControl({ kind: 'policy-version', policy: { policyId: 'a', version: 'v', file: policy } }),
    ).not.toThrow();
  });

  it('gets into the log: settings of a provider', () => {
    const speed = { downBps: 1e15, upBps: 1e15 };
    const settings = {
      offPeak: {
        hours: Array(50).fill({ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' }),
        dates: ['2028-02-29'],
      },
      throttleProfiles: { [LONG]: speed },
      redirectProfiles: [LONG],
      topUps: { [LONG]: { bytes: SAFE, priceMinor: 1e12, currency: 'EUR', validSeconds: 31_622_400 } },
      neutrality: true,
    };
    const linted = lintProviderText(JSON.stringify(settings));
    if (linted.settings === null) throw new Error(JSON.stringify(linted.findings));
    const control = { kind: 'provider-settings', settings: linted.settings } as const;
    expect(() => encodeControl(control)).not.toThrow();
  });
});
