import { describe, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { TopUpProduct } from '../../schemas/provider.ts';
import { plan, profile } from '../../tests/factories.ts';
import { decodeControl, encodeControl } from './control-codec.ts';

const POOL: PoolProfile = {
  ...{ poolId: 'family', allowanceBytes: 1e12, zone: 'Europe/Berlin', anchorDay: 1, segment: '' },
  ...{ planId: null, overageConsent: false, billTo: 'sub-1' },
};
const GB: TopUpProduct = { bytes: 1e9, priceMinor: 300, currency: 'EUR', validSeconds: null };

const subscriber = (change: Partial<SubscriberProfile>): Control => ({
  kind: 'subscriber-profile',
  profile: profile(change),
});
const planned = (change: Partial<PlanVersion>): Control => ({
  kind: 'plan-version',
  plan: { ...plan(), ...change },
});
const pooled = (change: Partial<PoolProfile>): Control => ({
  kind: 'pool-profile',
  pool: { ...POOL, ...change },
});
const sold = (product: TopUpProduct): Control => ({
  kind: 'provider-settings',
  settings: { ...NO_PROVIDER_SETTINGS, topUps: { gb: product } },
});

it.each<[string, Control]>([
  ['a profile that says when it was changed', subscriber({ asOfMs: 5 })],
  ['a month that begins on the 31st', subscriber({ cycle: { kind: 'month', anchorDay: 31 } })],
  ['weeks', subscriber({ cycle: { kind: 'week', weekday: 7 } })],
  ['28 days', subscriber({ cycle: { kind: 'days', days: 28, from: '2024-02-29' } })],
  [
    'changes of the cycle',
    subscriber({
      cycleChanges: [
        { fromMs: 1, cycle: { kind: 'week', weekday: 1 } },
        { fromMs: 2, cycle: { kind: 'month', anchorDay: 1 } },
      ],
    }),
  ],
  ['a carry-over with an end', subscriber({ carryOverBytes: 7, carryOverUntilMs: 9 })],
  ['unlimited hours', subscriber({ unlimited: [{ id: 'u', fromMs: 1, toMs: 2 }] })],
  ['add-ons', subscriber({ addOns: [{ id: 'tv', fromMs: 1, toMs: null, capBytes: 0, prorated: true }] })],
  [
    'one pool after the other',
    subscriber({
      poolMemberships: [
        { poolId: 'a', fromMs: 1, toMs: 2 },
        { poolId: 'b', fromMs: 2, toMs: null },
      ],
    }),
  ],
  [
    'a plan with all that it may say',
    planned({
      ...{ effectiveFromMs: 1, capProration: 'prorated', usedBefore: 'fresh', carryOver: { limitBytes: 5 } },
      throttled: { downBps: 1, upBps: 2 },
    }),
  ],
  [
    'a pool with top-ups and weeks',
    pooled({
      topUps: [{ id: 't', bytes: 1, fromMs: 1, expiresMs: 2 }],
      cycle: { kind: 'week', weekday: 1 },
      cycleChanges: [{ fromMs: 1, cycle: { kind: 'days', days: 1, from: '2026-01-01' } }],
    }),
  ],
  ['bytes by name', sold({ ...GB, kind: 'bytes' })],
  ['a boost', sold({ ...GB, kind: 'boost', bytes: 0, downBps: 1, upBps: 1 })],
  ['an unlimited day', sold({ ...GB, kind: 'unlimited', bytes: 0, validSeconds: 86_400 })],
])('gives back %s', (_name, control) => {
  expect(decodeControl(encodeControl(control))).toEqual({ ok: true, control });
});

describe('refusals', () => {
  const wrong = (content: object): Control => subscriber(content as Partial<SubscriberProfile>);
  it.each<[string, Control, RegExp]>([
    ['a cycle of another kind', wrong({ cycle: { kind: 'year' } }), /cycle\.kind is not one of/],
    ['no cycle', wrong({ cycle: null }), /cycle is not an object/],
    ['a month that says a weekday', wrong({ cycle: { kind: 'month', anchorDay: 1, weekday: 1 } }), /unknown/],
    ['the eighth day of a week', wrong({ cycle: { kind: 'week', weekday: 8 } }), /weekday/],
    ['cycles of no days', wrong({ cycle: { kind: 'days', days: 0, from: '2026-01-01' } }), /days is not/],
    [
      'longer ones than months',
      wrong({ cycle: { kind: 'days', days: 32, from: '2026-01-01' } }),
      /days is not/,
    ],
    [
      'cycles from 30 February',
      wrong({ cycle: { kind: 'days', days: 7, from: '2026-02-30' } }),
      /from is not a date/,
    ],
    [
      'two changes at once',
      wrong({ cycleChanges: [1, 1].map((fromMs) => ({ fromMs, cycle: { kind: 'week', weekday: 1 } })) }),
      /two begin at once/,
    ],
    [
      'unlimited time that ends before',
      wrong({ unlimited: [{ id: 'u', fromMs: 2, toMs: 1 }] }),
      /ends before/,
    ],
    ['unlimited time without an end', wrong({ unlimited: [{ id: 'u', fromMs: 2, toMs: null }] }), /toMs/],
    [
      'two pools at once',
      wrong({ poolMemberships: ['a', 'b'].map((poolId) => ({ poolId, fromMs: 1, toMs: null })) }),
      /overlap/,
    ],
    ['a plan that forgets half', planned({ usedBefore: 'half' as 'fresh' }), /usedBefore/],
    ['a carry-over without a limit', planned({ carryOver: {} as { limitBytes: number } }), /limitBytes/],
    ['a pool top-up without bytes', pooled({ topUps: [{ id: 't' } as never] }), /topUps\[0\]\.bytes/],
    ['a product of nothing', sold({ ...GB, bytes: 0 }), /has no bytes/],
    ['bytes with a speed', sold({ ...GB, downBps: 1 }), /has a speed/],
    [
      'a boost without a speed',
      sold({ ...GB, kind: 'boost', bytes: 0, upBps: 1 }),
      /without downBps and upBps/,
    ],
    ['a boost with bytes', sold({ ...GB, kind: 'boost', downBps: 1, upBps: 1 }), /has bytes/],
  ])('%s', (_name, control, problem) => {
    const decoded = decodeControl(Buffer.from(JSON.stringify(control)));
    expect(!decoded.ok && decoded.problem).toMatch(problem);
  });
});
