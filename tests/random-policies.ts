import type { Condition, PolicyEvent, PolicyFile, PolicyVersion } from '../schemas/policy.ts';
import type { Boost, Hold, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import { DAY, HOUR, plan } from './factories.ts';
import { pick } from './pick.ts';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];
/** Around the clock changes of the random logs. */
const CALENDARS: ProviderSettings['offPeak'][] = [
  { hours: [], dates: [] },
  { hours: [{ days: EVERY_DAY, from: '23:00', to: '07:00' }], dates: [] },
  { hours: [{ days: [6, 7], from: '00:00', to: '24:00' }], dates: ['2026-11-02'] },
  { hours: [{ days: [1, 3, 7], from: '01:30', to: '01:30' }], dates: ['2026-10-25', '2026-12-24'] },
];

/** Settings of a provider, one of a few by each number. */
export function someProvider(n: number, other: number): ProviderSettings {
  return {
    offPeak: pick(CALENDARS, n),
    throttleProfiles: other % 3 === 0 ? {} : { slow: { downBps: 1_000_000 + (other % 2), upBps: 64_000 } },
    redirectProfiles: ['captive'],
    topUps: {
      boost: { bytes: 500, priceMinor: 100, currency: 'EUR', validSeconds: other % 2 ? 3600 : null },
    },
    neutrality: false,
  };
}

/** A plan with factors by class and time, and terms of paid blocks. */
export function somePlan(n: number, other: number): PlanVersion {
  return plan({
    capBytes: n % 7 === 0 ? null : 3 * n,
    counted: pick(['both', 'down', 'up', 'max'], other),
    classFactors: { tv: other % 1500 },
    ...(other % 3 === 0 ? {} : { offPeakFactors: { '*': n % 1200, ...(other % 3 === 1 ? { tv: 0 } : {}) } }),
    overage:
      n % 2
        ? { blockBytes: 400, blockPriceMinor: 250, currency: 'EUR', maxBlocks: other % 2 ? 3 : null }
        : null,
  });
}

/** What a profile has besides its zone, anchor and plan. */
export function someExtras(n: number, other: number, clock: number): Partial<SubscriberProfile> {
  const topUp = { id: 't', bytes: n, fromMs: clock - DAY, expiresMs: clock + other * 100_000 };
  return {
    overageConsent: other % 4 !== 0,
    carryOverBytes: other % 2 ? n : 0,
    topUps: n % 2 ? [topUp, { ...topUp, id: 'u', fromMs: clock + HOUR }] : [],
    ...(n % 5 === 0 ? someGiven(n, other, clock) : {}),
  };
}

/** Holds and boosts, nearly always. */
export function someGiven(n: number, other: number, clock: number): Partial<SubscriberProfile> {
  const holds = someHolds(other, clock);
  const boosts = someBoosts(n, clock);
  return pick<Partial<SubscriberProfile>>([{ holds, boosts }, { holds }, { boosts }, { boosts }], n + other);
}

/** Now, for good, in a while, and what is over; one kind twice. */
function someHolds(n: number, clock: number): Hold[] {
  const now: Hold = { kind: 'customer', fromMs: clock, toMs: clock + (n + 1) * 10_000 };
  const later: Hold = { kind: 'non-payment', fromMs: clock + HOUR, toMs: clock + 2 * HOUR };
  return pick<Hold[]>(
    [
      [now],
      [{ ...later, fromMs: clock - HOUR, toMs: null }],
      [later, { kind: 'fraud', fromMs: 0, toMs: clock - HOUR }],
      [now, { ...now, toMs: clock + HOUR }, { ...later, fromMs: clock }],
    ],
    n,
  );
}

/** Slower and faster than plans; live now, later, and no more; ids of any form. */
function someBoosts(n: number, clock: number): Boost[] {
  const a: Boost = {
    id: 'a/b',
    downBps: 300_000_000,
    upBps: 1_000_000,
    fromMs: 0,
    expiresMs: clock + (n + 1) * 5000,
  };
  const b: Boost = {
    id: 'c',
    downBps: 300_000_000,
    upBps: (n + 1) * 100_000,
    fromMs: clock,
    expiresMs: clock + HOUR,
  };
  return pick<Boost[]>(
    [
      [a, b],
      [{ ...a, downBps: 10_000_000 }],
      [{ ...b, fromMs: clock + HOUR, expiresMs: clock + 2 * HOUR }, a],
      [{ ...b, expiresMs: clock - 1 }],
      [],
    ],
    n,
  );
}

type Leaf = [fact: string, operator: string, value: unknown, path?: string];

/** Conditions that some use makes true, by the number of bytes that they ask about. */
const LEAVES: ((bytes: number) => Leaf)[] = [
  (bytes) => ['hourBytes', 'greaterThanInclusive', bytes],
  (bytes) => ['last24hBytes', 'greaterThan', 2 * bytes],
  (bytes) => ['dayBytes', 'greaterThanInclusive', bytes],
  (bytes) => ['last5mBytes', 'greaterThanInclusive', bytes / 4],
  (bytes) => ['peakRateBps', 'greaterThan', bytes / 100],
  (bytes) => ['usualDayBytes', 'lessThan', 3 * bytes],
  () => ['dayToUsualPercent', 'greaterThanInclusive', 150],
  () => ['isOffPeak', 'equal', true],
  () => ['hourOfDay', 'greaterThanInclusive', 18],
  () => ['dayOfWeek', 'in', [6, 7]],
  () => ['date', 'notEqual', '2026-10-25'],
  () => ['cycleDay', 'lessThan', 4],
  () => ['cycleDaysLeft', 'lessThanInclusive', 3],
  () => ['cycleElapsedPercent', 'greaterThan', 50],
  (bytes) => ['cycleOffPeakBytes', 'greaterThan', bytes],
  () => ['projectedCapUsedPercent', 'greaterThanInclusive', 100],
  () => ['capUsedPercent', 'greaterThanInclusive', 80],
  (bytes) => ['topUpRemainingBytes', 'lessThan', bytes],
  () => ['overageBlocks', 'lessThan', 2],
  () => ['throttledSeconds', 'greaterThanInclusive', 3600],
  () => ['longestSessionSeconds', 'greaterThanInclusive', 7200],
  () => ['openSessions', 'not:lessThan', 2],
  (bytes) => ['byClass', 'greaterThan', bytes, '$.tv.dayBytes'],
  (bytes) => ['byClass', 'lessThan', bytes, "$['film'].last24hBytes"],
  () => ['dayBytes', 'greaterThan', { fact: 'usualDayBytes' }],
  () => ['isThrottled', 'equal', false],
];

const EVENTS: PolicyEvent[] = [
  { type: 'notify', params: { template: 'half', channel: 'sms' } },
  { type: 'throttle', params: { profile: 'slow', minHoldSeconds: 0 } },
  { type: 'throttle', params: { downBps: 3_000_000, upBps: 1_000_000, until: 'cycle-end' } },
  { type: 'throttle', params: { downBps: 500_000, upBps: 64_000, until: { seconds: 5000 } } },
  { type: 'block', params: {} },
  { type: 'redirect', params: { profile: 'captive', minHoldSeconds: 60 } },
  { type: 'overage', params: {} },
  { type: 'overage', params: { blockBytes: 300, blockPriceMinor: 1, currency: 'EUR', maxBlocks: 5 } },
  { type: 'topup', params: { productId: 'boost', maxPerCycle: 2 } },
];

/** A policy with two rules; equal numbers give equal policies. */
export function somePolicy(n: number, other: number): PolicyVersion {
  const policyId = `policy-${n % 3}`;
  const event = (i: number): PolicyEvent => pick(EVENTS, n + other + i);
  const rule = (i: number): PolicyFile['rules'][number] => ({
    name: `rule-${i}`,
    priority: 1 + ((n + i) % 2),
    conditions:
      i === 0 ? { all: [leaf(other)] } : { any: [leaf(n), { all: [leaf(n + 7), { condition: 'named' }] }] },
    event: event(i),
  });
  const mode = pick(['enforce', 'enforce', 'enforce', 'shadow', 'percent', 'off'] as const, other);
  const leaf = (k: number): Condition => {
    const [fact, operator, value, path] = pick(LEAVES, k)(other);
    return { fact, operator, value, ...(path !== undefined && { path }) };
  };
  return {
    policyId,
    version: `${n}.${other}`,
    file: {
      id: policyId,
      description: 'any',
      mode,
      percent: 50,
      ...(n % 4 === 0 ? { appliesTo: { plans: ['home-*'], segments: ['residential'] } } : {}),
      conditions: { named: { not: leaf(other + 3) } },
      rules: [rule(0), rule(1)],
    },
  };
}
