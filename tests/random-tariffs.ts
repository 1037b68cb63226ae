import { CycleCalendar } from '../rules/cycle.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { CycleRule, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import { DAY, HOUR, MINUTE, plan } from './factories.ts';
import { pick } from './pick.ts';
import { somePlan } from './random-policies.ts';

const CALENDAR = new CycleCalendar();

/** Plans that are assigned in random logs; the last one nobody publishes. */
const PLANS = ['home-100', 'home-200', 'home-300', 'firm-50', 'unknown'];

/** Instants around the log's clock: now, soon, days before and after, midnights of the zone, ends of cycles. */
function someInstant(zone: string, anchorDay: number, n: number, clock: number): number {
  const midnight = (days: number): number => CALENDAR.day(zone, clock - days * DAY).startMs;
  const cycle = CALENDAR.at(zone, anchorDay, clock);
  return pick(
    [
      clock,
      clock,
      midnight(0),
      midnight(1 + (n % 4)),
      midnight(-1),
      clock + (n % 50) * MINUTE,
      clock - (n % 100) * MINUTE,
      clock + HOUR,
      clock + 2 * DAY,
      cycle.endMs,
      cycle.startMs,
      clock - 9 * DAY,
    ],
    n,
  );
}

/** Long and short: of days, late and widely spread bytes reach many that are over. */
function someCycle(n: number): CycleRule {
  return pick<CycleRule>(
    [
      { kind: 'month', anchorDay: 1 + (n % 31) },
      { kind: 'week', weekday: 1 + (n % 7) },
      { kind: 'days', days: 1 + (n % 3), from: '2026-10-07' },
      { kind: 'days', days: 15 + (n % 17), from: '2026-10-05' },
      { kind: 'days', days: 21, from: '2027-01-01' },
    ],
    n,
  );
}

/** From an instant on another plan, or none; what was to come later is forgotten. */
function assign(
  assignments: SubscriberProfile['assignments'],
  planId: string | null,
  atMs: number,
): SubscriberProfile['assignments'] {
  const kept = assignments
    .filter(({ fromMs }) => fromMs < atMs)
    .map((one) => (one.toMs === null || one.toMs > atMs ? { ...one, toMs: atMs } : one));
  return planId === null ? kept : [...kept, { planId, fromMs: atMs, toMs: null }];
}

/** The profile after one more change of tariffs: what stood stays, but for what is changed. */
export function nextTariff(
  known: SubscriberProfile,
  n: number,
  other: number,
  clock: number,
): SubscriberProfile {
  const { zone, anchorDay, assignments } = known;
  const atMs = someInstant(zone, anchorDay, other, clock);
  const id = `x${n % 5}`;
  const without = <T extends { id: string }>(items: readonly T[] | undefined): T[] =>
    (items ?? []).filter((item) => item.id !== id);
  const changes: Partial<SubscriberProfile>[] = [
    { assignments: assign(assignments, pick(PLANS, other + n), atMs) },
    { assignments: assign(assignments, pick(PLANS, other), clock) },
    { assignments: other % 4 === 0 ? assign(assignments, null, atMs) : assignments },
    {
      assignments: assign(
        assign(assignments, pick(PLANS, n), atMs),
        pick(PLANS, other),
        atMs + (n % 3) * DAY + 1,
      ),
    },
    // One that ends as it begins.
    {
      assignments: [
        ...assign(assignments, null, atMs),
        { planId: pick(PLANS, n), fromMs: atMs, toMs: atMs },
        { planId: pick(PLANS, other), fromMs: atMs, toMs: null },
      ],
    },
    { topUps: [...without(known.topUps), { id, bytes: n, fromMs: atMs, expiresMs: atMs + other * 100_000 }] },
    {
      topUps: [
        ...without(known.topUps),
        { id, bytes: n, fromMs: clock, expiresMs: clock + (1 + n) * 20_000 },
      ],
    },
    { unlimited: [...without(known.unlimited), { id, fromMs: atMs, toMs: atMs + (n % 30) * HOUR }] },
    { unlimited: [...without(known.unlimited), { id, fromMs: clock, toMs: clock + n * MINUTE }] },
    {
      addOns: [
        ...without(known.addOns),
        {
          ...{ id, fromMs: atMs, capBytes: other, prorated: n % 2 === 0 },
          toMs: n % 3 === 0 ? null : atMs + (n % 20) * DAY,
        },
      ],
    },
    { carryOverBytes: n, ...(other % 3 > 0 && { carryOverUntilMs: atMs }) },
    { carryOverBytes: Number.MAX_SAFE_INTEGER, ...(other % 3 > 0 && { carryOverUntilMs: atMs }) },
    { cycle: someCycle(n), cycleChanges: [] },
    { cycleChanges: [{ fromMs: CALENDAR.at(zone, anchorDay, clock).endMs, cycle: someCycle(other) }] },
    { cycleChanges: [{ fromMs: atMs, cycle: someCycle(n) }] },
    {
      poolMemberships: [
        { poolId: pick(['family', 'firm'], n), fromMs: 0, toMs: atMs },
        { poolId: pick(['firm', 'family'], n), fromMs: atMs, toMs: n % 2 ? null : atMs + 3 * DAY },
      ],
    },
    { poolMemberships: [{ poolId: 'family', fromMs: clock, toMs: n % 2 ? null : clock + n * MINUTE }] },
    { holds: [{ kind: 'customer', fromMs: clock, toMs: clock + (n + 1) * 10_000 }] },
    {
      boosts: [
        { id: 'now', downBps: 300_000_000, upBps: 1_000_000, fromMs: clock, expiresMs: clock + n * MINUTE },
      ],
    },
  ];
  const asOfMs = pick([clock, clock, clock, clock - 40_000, clock + 3 * DAY, null], n + 3 * other);
  const { asOfMs: before, ...rest } = { ...known, ...pick(changes, n) };
  const next = asOfMs === null ? {} : { asOfMs: Math.max(before ?? 0, asOfMs) };
  return { ...rest, overageConsent: other % 5 !== 0, ...next };
}

/** A plan with the fields of tariffs, of one of a few ids; many are dated. */
export function someTariffPlan(n: number, other: number, clock: number): PlanVersion {
  const planId = pick(PLANS.slice(0, 4), n + other);
  const effectiveFromMs = pick([null, clock, clock - 5 * DAY, clock + 2 * DAY, clock + 30 * DAY], other);
  return plan({
    ...somePlan(n, other),
    planId,
    version: 1 + (n % 50),
    family: planId.split('-')[0] ?? '',
    ...(effectiveFromMs !== null && { effectiveFromMs }),
    ...pick<Partial<PlanVersion>>(
      [
        {},
        { capProration: 'prorated' },
        { capProration: 'whole', usedBefore: 'fresh' },
        { usedBefore: 'fresh' },
      ],
      other,
    ),
    ...(n % 3 === 0 ? {} : { carryOver: { limitBytes: n } }),
    ...(n % 4 === 0 && { throttled: { downBps: 1_000_000, upBps: 64_000 } }),
  });
}

/** What a pool has besides: top-ups, and cycles that are no months. */
export function somePoolTariff(n: number, other: number, clock: number): Partial<PoolProfile> {
  const topUp = { id: 'p', bytes: n, fromMs: clock - HOUR, expiresMs: clock + other * 100_000 };
  return pick<Partial<PoolProfile>>(
    [
      { topUps: [topUp, { ...topUp, id: 'q', fromMs: clock + HOUR }] },
      { topUps: [topUp] },
      { topUps: [], cycle: someCycle(n) },
      { topUps: [topUp], cycleChanges: [{ fromMs: clock + DAY, cycle: someCycle(other) }] },
    ],
    n,
  );
}
