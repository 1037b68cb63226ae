import type { Boost, Hold, NasProfile, PlanVersion, SubscriberProfile, TopUp } from '../schemas/profile.ts';
import { defaultNasProfile } from '../schemas/profile.ts';
import { SIMULATED_PLANS } from './plans.ts';
import { Random, type Shares } from './random.ts';

const DAY_MS = 86_400_000;
const GB = 1_000_000_000;

/** How a simulated subscriber uses the line; not part of what Weir is told. */
export type Appetite = 'starter' | 'heavy' | 'ordinary' | 'light';

/** A subscriber of the simulated provider: what Weir is told, and what only the model knows. */
export interface SimSubscriber {
  readonly index: number;
  readonly profile: SubscriberProfile;
  readonly appetite: Appetite;
  /** hours to add to UTC for the day's shape; the nearest whole hour, without daylight saving */
  readonly utcOffsetHours: number;
  /** simultaneous lines or devices, each with sessions of its own */
  readonly devices: number;
}

/** A NAS of the simulated provider. */
export interface SimNas {
  readonly index: number;
  readonly profile: NasProfile;
  readonly address: string;
  readonly vendor: 'mikrotik' | 'wispr';
  /** leaves Acct-*-Gigawords out while they are zero */
  readonly omitsZeroGigawords: boolean;
  /** reports the IPv6 share of the octets */
  readonly countsIpv6: boolean;
}

const ZONES: Shares<{ zone: string; utcOffsetHours: number }> = [
  [{ zone: 'Europe/Berlin', utcOffsetHours: 1 }, 80],
  [{ zone: 'Europe/Lisbon', utcOffsetHours: 0 }, 10],
  [{ zone: 'America/Sao_Paulo', utcOffsetHours: -3 }, 5],
  [{ zone: 'Asia/Kolkata', utcOffsetHours: 6 }, 5],
];

const PLAN_SHARES: Shares<PlanVersion> = [
  [SIMULATED_PLANS.home100, 45],
  [SIMULATED_PLANS.home300, 30],
  [SIMULATED_PLANS.homeLite, 15],
  [SIMULATED_PLANS.business500, 10],
];

/** One in this many subscribers downloads at full speed from the first second (the first one always does). */
const STARTER_EVERY = 50;

/**
 * Subscriber number `index` (from 0) of a provider. Pure: depends on the seed, the index and `originMs` (when the
 * provider was first started, ms since 1970 UTC) only, so growing the provider changes nobody.
 */
export function simulatedSubscriber(seed: number, index: number, originMs: number): SimSubscriber {
  return index % STARTER_EVERY === 0 ? starter(seed, index, originMs) : regular(seed, index, originMs);
}

/**
 * A starter is on the small plan of 50 GB and takes all that the line of 500 Mbit/s gives: 18.75 GB in 5 minutes, so
 * the cap is crossed in the third interim, about 15 s after the start at 60 times real time. The anchor lies 10 days
 * back, so that no roll comes in between.
 */
function starter(seed: number, index: number, originMs: number): SimSubscriber {
  const { boosts: _, ...base } = regular(seed, index, originMs).profile;
  const profile: SubscriberProfile = {
    ...base,
    segment: 'residential',
    tags: ['simulated', 'starter'],
    zone: 'Europe/Berlin',
    anchorDay: Math.min(28, new Date(originMs - 10 * DAY_MS).getUTCDate()),
    assignments: [{ planId: SIMULATED_PLANS.homeLite.planId, fromMs: originMs - 90 * DAY_MS, toMs: null }],
    topUps: [],
    carryOverBytes: 0,
    holds: [],
    poolId: null,
    billingStatus: 'current',
    overageConsent: false,
  };
  return { index, profile, appetite: 'starter', utcOffsetHours: 1, devices: 1 };
}

function regular(seed: number, index: number, originMs: number): SimSubscriber {
  const random = new Random(seed, `subscriber-${index}`);
  const number = String(index + 1).padStart(6, '0');
  const plan = random.weighted(PLAN_SHARES);
  const business = plan.family === 'business';
  const { zone, utcOffsetHours } = random.weighted(ZONES);
  const drawn = random.weighted<Appetite>([
    ['ordinary', 65],
    ['light', 25],
    ['heavy', 10],
  ]);
  // Who takes the small plan uses little: otherwise all of them would be throttled within days.
  const appetite = plan.planId === SIMULATED_PLANS.homeLite.planId ? 'light' : drawn;
  const tags = ['simulated'];
  if (random.chance(0.1)) tags.push('gamer');
  if (random.chance(0.05)) tags.push('employee');
  const profile: SubscriberProfile = {
    subscriberId: `sub-${number}`,
    userName: `${business ? 'office' : 'home'}${number}@isp.example`,
    segment: business ? 'business' : 'residential',
    tags,
    zone,
    anchorDay: random.chance(0.5) ? 1 : random.between(1, 31),
    assignments: [{ planId: plan.planId, fromMs: originMs - 90 * DAY_MS, toMs: null }],
    topUps: random.chance(0.05) ? [topUp(random, number, originMs)] : [],
    carryOverBytes: random.chance(0.08) ? random.between(1, 20) * GB : 0,
    holds: random.chance(0.03) ? [hold(random, originMs)] : [],
    ...boosted(seed, index, plan, originMs),
    // Three neighbours by number are a household.
    poolId:
      !business && random.chance(0.06) ? `pool-${String(Math.floor(index / 3)).padStart(6, '0')}` : null,
    billingStatus: random.weighted([
      ['current', 92],
      ['overdue', 6],
      ['suspended', 2],
    ]),
    overageConsent: random.chance(0.3),
  };
  if (random.chance(0.04)) changePlan(profile, originMs + random.between(1, 20) * DAY_MS);
  const devices = random.weighted([
    [1, 70],
    [2, 22],
    [3, 8],
  ]);
  return { index, profile, appetite, utcOffsetHours, devices };
}

function topUp(random: Random, number: string, originMs: number): TopUp {
  const fromMs = originMs - random.between(0, 5) * DAY_MS;
  const bytes = random.between(1, 5) * 10 * GB;
  return { id: `topup-${number}-1`, bytes, fromMs, expiresMs: fromMs + 30 * DAY_MS };
}

function hold(random: Random, originMs: number): Hold {
  const kind = random.weighted<Hold['kind']>([
    ['customer', 50],
    ['non-payment', 40],
    ['fraud', 5],
    ['legal', 5],
  ]);
  const fromMs = originMs + random.between(-3, 10) * DAY_MS;
  return { kind, fromMs, toMs: random.chance(0.7) ? fromMs + random.between(1, 14) * DAY_MS : null };
}

/** Twice the plan's speed for some days; drawn apart, so that everything else is as it was before there were boosts. */
function boosted(
  seed: number,
  index: number,
  plan: PlanVersion,
  originMs: number,
): Pick<SubscriberProfile, 'boosts'> {
  const random = new Random(seed, `boost-${index}`);
  if (!random.chance(0.03)) return {};
  const fromMs = originMs + random.between(-24, 72) * 3_600_000;
  const boost: Boost = {
    id: `boost-${String(index + 1).padStart(6, '0')}-1`,
    downBps: 2 * plan.downBps,
    upBps: 2 * plan.upBps,
    fromMs,
    expiresMs: fromMs + random.between(6, 168) * 3_600_000,
  };
  return { boosts: [boost] };
}

/** A later move to another plan, in place of the open end of the first assignment. */
function changePlan(profile: SubscriberProfile, atMs: number): void {
  const [first] = profile.assignments;
  if (first === undefined) return;
  const next =
    first.planId === SIMULATED_PLANS.home300.planId ? SIMULATED_PLANS.home100 : SIMULATED_PLANS.home300;
  profile.assignments = [
    { ...first, toMs: atMs },
    { planId: next.planId, fromMs: atMs, toMs: null },
  ];
}

/** NAS number `index` (from 0). Makes alternate; every fourth one counts Input as download. Pure. */
export function simulatedNas(index: number): SimNas {
  const nasId = `nas-${String(index + 1).padStart(2, '0')}`;
  return {
    index,
    profile: { ...defaultNasProfile(nasId), reversed: index % 4 === 3 },
    address: `10.255.${index >> 8}.${index & 255}`,
    vendor: index % 2 === 0 ? 'mikrotik' : 'wispr',
    omitsZeroGigawords: index % 3 === 1,
    countsIpv6: index % 3 === 2,
  };
}
