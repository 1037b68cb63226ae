import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import { usageEvent } from '../../tests/factories.ts';
import { isAppError } from '../../schemas/errors.ts';
import type { Condition } from '../../schemas/policy.ts';
import type { Boost, SubscriberProfile } from '../../schemas/profile.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import { decodeControl, encodeControl } from './control-codec.ts';

const PROFILE: SubscriberProfile = {
  subscriberId: 'sub-1',
  userName: 'ann@example',
  segment: 'home',
  tags: ['fibre'],
  zone: 'Europe/Berlin',
  anchorDay: 31,
  assignments: [
    { planId: 'home-100', fromMs: 0, toMs: 1000 },
    { planId: 'home-200', fromMs: 1000, toMs: null },
  ],
  topUps: [{ id: 't1', bytes: 5_000_000_000, fromMs: 0, expiresMs: 10 }],
  carryOverBytes: 0,
  holds: [{ kind: 'customer', fromMs: 0, toMs: null }],
  poolId: null,
  billingStatus: 'current',
  overageConsent: false,
};

const BOOST: Boost = { id: 'b1', downBps: 300_000_000, upBps: 1, fromMs: 0, expiresMs: 10 };

const CONDITIONS: Condition = {
  all: [
    { fact: 'cycleBytes', operator: 'greaterThanInclusive', value: { fact: 'capBytes' } },
    { not: { any: [{ fact: 'segment', operator: 'in', value: ['vip'], path: '$.x', params: { a: 1 } }] } },
  ],
};

const CONTROLS: Control[] = [
  { kind: 'subscriber-profile', profile: PROFILE },
  { kind: 'subscriber-profile', profile: { ...PROFILE, boosts: [BOOST, { ...BOOST, id: '~/other' }] } },
  {
    kind: 'plan-version',
    plan: {
      planId: 'home-100',
      version: 1,
      family: 'home',
      capBytes: null,
      counted: 'both',
      downBps: 100_000_000,
      upBps: 10_000_000,
      overage: { blockBytes: 1, blockPriceMinor: 100, currency: 'EUR', maxBlocks: null },
      classFactors: { tv: 0 },
    },
  },
  {
    kind: 'policy-version',
    policy: {
      policyId: 'home-fup',
      version: 'abc',
      file: {
        id: 'home-fup',
        description: '',
        mode: 'enforce',
        appliesTo: { plans: ['home-*'] },
        rules: [
          {
            name: 'cap',
            conditions: CONDITIONS,
            event: { type: 'throttle', params: { downBps: 1, upBps: 1, until: { seconds: 60 } } },
          },
          {
            name: 'told',
            conditions: CONDITIONS,
            event: { type: 'notify', params: { template: 'a', channel: 'sms' } },
          },
        ],
      },
    },
  },
  { kind: 'policy-withdrawn', policyId: 'home-fup' },
  { kind: 'nas-profile', nas: defaultNasProfile('nas-1') },
  { kind: 'tick', t: Date.UTC(2025, 0, 1) },
];

it.each(CONTROLS)('gives back $kind', (control) => {
  expect(decodeControl(encodeControl(control))).toEqual({ ok: true, control });
});

describe('refusals', () => {
  const profile = (change: object): unknown => ({
    kind: 'subscriber-profile',
    profile: { ...PROFILE, ...change },
  });
  const nested = (depth: number): unknown => (depth === 0 ? {} : { not: nested(depth - 1) });
  it.each<[string, unknown, RegExp]>([
    ['a list', [], /not an object/],
    ['an unknown kind', { kind: 'reboot' }, /unknown kind/],
    ['an inherited kind', { kind: 'toString' }, /unknown kind/],
    ['an unknown field', { kind: 'tick', t: Date.UTC(2025, 0, 1), hurry: true }, /unknown field "hurry"/],
    ['a missing field', { kind: 'tick' }, /t is not an integer/],
    ['a time of 1970', { kind: 'tick', t: 1 }, /t is not/],
    ['an unknown zone', profile({ zone: 'Mars/Olympus' }), /time zone/],
    ['a zone that Intl alone knows', profile({ zone: 'BST' }), /time zone/],
    ['anchor day 32', profile({ anchorDay: 32 }), /anchorDay/],
    ['a float of bytes', profile({ carryOverBytes: 1.5 }), /carryOverBytes/],
    ['negative bytes', profile({ carryOverBytes: -1 }), /carryOverBytes/],
    ['no subscriber', profile({ subscriberId: '' }), /subscriberId/],
    ['overlapping plans', profile({ assignments: [...PROFILE.assignments].reverse() }), /assignments/],
    ['a boost without speed', profile({ boosts: [{ ...BOOST, upBps: 0 }] }), /boosts\[0\]\.upBps/],
    ['a boost for ever', profile({ boosts: [{ ...BOOST, expiresMs: null }] }), /expiresMs/],
    ['a boost whose id stores may change', profile({ boosts: [{ ...BOOST, id: 'é' }] }), /printable ASCII/],
    ['a boost with a long id', profile({ boosts: [{ ...BOOST, id: 'x'.repeat(65) }] }), /boosts\[0\]\.id/],
    ['two boosts of one id', profile({ boosts: [BOOST, BOOST] }), /boosts have one id twice/],
    [
      'more boosts than anybody buys',
      profile({ boosts: [...Array(21).keys()].map((i) => ({ ...BOOST, id: `b${i}` })) }),
      /boosts has more than 20/,
    ],
    ['no list of boosts', profile({ boosts: null }), /boosts is not a list/],
    ['a null profile', { kind: 'subscriber-profile', profile: null }, /profile/],
    [
      'a replayed record that was sent before there was RADIUS',
      {
        kind: 'replay',
        letter: { partition: 0, offset: 1 },
        appendTimeMs: Date.UTC(2025, 0, 1),
        event: usageEvent({
          eventTimeMs: null,
          receivedAtMs: Date.UTC(2000, 0, 2),
          acctDelaySeconds: 2 ** 31 - 1,
        }),
        by: 'ann',
      },
      /event was sent before 2000/,
    ],
    [
      'a deep condition',
      {
        kind: 'policy-version',
        policy: {
          policyId: 'p',
          version: '1',
          file: {
            id: 'p',
            description: '',
            mode: 'enforce',
            rules: [
              {
                name: 'r',
                conditions: nested(40),
                event: { type: 'notify', params: { template: 'a', channel: 'b' } },
              },
            ],
          },
        },
      },
      /deeper/,
    ],
  ])('%s', (_name, content, problem) => {
    const decoded = decodeControl(Buffer.from(JSON.stringify(content)));
    expect(decoded.ok).toBe(false);
    expect(!decoded.ok && decoded.problem).toMatch(problem);
  });

  it('refuses to encode what it would not decode', () => {
    let thrown: unknown;
    try {
      encodeControl({ kind: 'subscriber-profile', profile: { ...PROFILE, anchorDay: 0 } });
    } catch (error) {
      thrown = error;
    }
    expect(isAppError(thrown, 'invalid-input')).toBe(true);
  });

  it.each([
    null,
    new Uint8Array(0),
    Buffer.from([0xff, 0xfe]),
    Buffer.alloc(1_000_000, '1'),
    Buffer.from('['.repeat(100_000)),
  ])('refuses bytes that are no control', (bytes) => {
    expect(decodeControl(bytes).ok).toBe(false);
  });
});

it('never throws on any JSON', () => {
  const content = fc.oneof(
    fc.json(),
    fc.jsonValue().map((profile) => JSON.stringify({ kind: 'subscriber-profile', profile })),
    fc.jsonValue().map((conditions) =>
      JSON.stringify({
        kind: 'policy-version',
        policy: { policyId: 'a', version: 'b', file: { rules: [{ conditions }] } },
      }),
    ),
  );
  fc.assert(fc.property(content, (text) => void decodeControl(Buffer.from(text))));
});
