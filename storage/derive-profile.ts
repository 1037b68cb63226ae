import { LONGEST_CYCLE_MS } from '../rules/cycle.ts';
import type {
  AddOn,
  Boost,
  PoolMembership,
  SubscriberProfile,
  TopUp,
  UnlimitedSpan,
} from '../schemas/profile.ts';
import type { AddOnTerms, BoughtTopUp, Dated, SubscriberRows } from '../schemas/tariff.ts';

/**
 * What ended so long before the last change is not told any more, ms: cycles that it may count for are closed by then. The oldest
 * that is open began 62 days before: LONGEST_CYCLE_MS, and the longest grace of 30 days.
 */
const KEPT_MS = 120 * 86_400_000;

/**
 * The profile that the fold is told of a subscriber with these rows. The second writing of the SQL function weir_profiles
 * (migration 034): the contract suite of the stores holds the two against each other.
 *
 * @param addOnVersions of an add-on, in any order
 */
export function deriveProfile(
  rows: SubscriberRows,
  addOnVersions: (addOnId: string) => readonly AddOnTerms[],
): SubscriberProfile {
  const seenMs = rows.asOfMs ?? Number.POSITIVE_INFINITY;
  const keptMs = rows.asOfMs === null ? Number.NEGATIVE_INFINITY : rows.asOfMs - KEPT_MS;
  const kept = <T extends Dated>(all: readonly T[]): T[] =>
    all.filter((one) => endOf(one) > keptMs).sort((a, b) => a.fromMs - b.fromMs);
  const { account } = rows;
  return {
    subscriberId: rows.subscriberId,
    userName: userNameOf(rows, seenMs),
    segment: rows.segment,
    tags: rows.tags,
    zone: rows.zone,
    anchorDay: account.cycle.kind === 'month' ? account.cycle.anchorDay : 1,
    assignments: kept(rows.assignments).map(({ planId, fromMs, toMs }) => ({ planId, fromMs, toMs })),
    carryOverBytes: rows.openingCarry.bytes,
    holds: kept(rows.holds)
      .sort((a, b) => a.fromMs - b.fromMs || compare(a.kind, b.kind))
      .map(({ kind, fromMs, toMs }) => ({ kind, fromMs, toMs })),
    billingStatus: account.billingStatus,
    overageConsent: rows.overageConsent,
    ...purchases(rows, seenMs, keptMs),
    ...pools(kept(rows.pools), seenMs),
    ...(rows.asOfMs === null ? {} : { asOfMs: rows.asOfMs }),
    ...(rows.openingCarry.untilMs === null ? {} : { carryOverUntilMs: rows.openingCarry.untilMs }),
    ...some('addOns', addOns(kept(rows.addOns), addOnVersions)),
    ...(account.cycle.kind === 'month' ? {} : { cycle: account.cycle }),
    ...some(
      'cycleChanges',
      account.cycleChanges.map(({ fromMs, cycle }) => ({ fromMs, cycle })),
    ),
  };
}

/** Boosts a profile may hold; readers of the log refuse more. */
const MAX_BOOSTS = 20;
/** Items of the other lists in a profile. */
const MAX_ITEMS = 1000;
/** Of those that the fold goes through with each record. */
const MAX_SPANS = 200;
/** Of changes of the cycle: none of them is left out, each ends a cycle. */
const MAX_CHANGES = 100;

/** Fields that readers of a layout before 5 refuse. */
const SINCE_LAYOUT_5 = [
  'asOfMs',
  'cycle',
  'cycleChanges',
  'carryOverUntilMs',
  'unlimited',
  'addOns',
  'poolMemberships',
] as const;

/** The first field of a profile that readers of a layout before 5 refuse; null = they read all of it. */
export function newField(profile: SubscriberProfile): string | null {
  return SINCE_LAYOUT_5.find((field) => profile[field] !== undefined) ?? null;
}

/** The first list that is longer than readers take; null = none is. */
export function tooLong(profile: SubscriberProfile): string | null {
  const { assignments, topUps, holds, boosts = [], unlimited = [], addOns: added = [] } = profile;
  const limits: [name: string, length: number, most: number][] = [
    ['boosts', boosts.length, MAX_BOOSTS],
    ['assignments', assignments.length, MAX_ITEMS],
    ['topUps', topUps.length, MAX_ITEMS],
    ['holds', holds.length, MAX_ITEMS],
    ['unlimited', unlimited.length, MAX_SPANS],
    ['addOns', added.length, MAX_SPANS],
    ['pools', profile.poolMemberships?.length ?? 0, MAX_SPANS],
    ['cycleChanges', profile.cycleChanges?.length ?? 0, MAX_CHANGES],
  ];
  const found = limits.find(([, length, most]) => length > most);
  if (found !== undefined) return found[0];
  return isCutTooOften([...assignments, ...unlimited])
    ? 'changes of plan and unlimited times in a cycle'
    : null;
}

/** Beginnings and ends within it: a cycle is counted in so many parts, and a few. */
const MAX_CUTS = 120;

function isCutTooOften(spans: readonly Dated[]): boolean {
  const cuts = [...new Set(spans.flatMap(({ fromMs, toMs }) => (toMs === null ? [fromMs] : [fromMs, toMs])))];
  cuts.sort((a, b) => a - b);
  return cuts.some((atMs, i) => (cuts[i + MAX_CUTS] ?? Number.POSITIVE_INFINITY) - atMs <= LONGEST_CYCLE_MS);
}

function endOf({ toMs }: Dated): number {
  return toMs ?? Number.POSITIVE_INFINITY;
}

/** By code point, as the store compares in byte order. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** In force at an instant; where that is not known, whatever has no end. */
function isSeen(dated: Dated, seenMs: number): boolean {
  return dated.fromMs <= seenMs && (dated.toMs === null || dated.toMs > seenMs);
}

function userNameOf({ credentials }: SubscriberRows, seenMs: number): string {
  const [first] = credentials
    .filter((one) => isSeen(one, seenMs))
    .sort((a, b) => b.fromMs - a.fromMs || compare(a.userName, b.userName));
  return first?.userName ?? '';
}

function pools(
  members: readonly SubscriberRows['pools'][number][],
  seenMs: number,
): Pick<SubscriberProfile, 'poolId' | 'poolMemberships'> {
  const [poolId = null] = members
    .filter((one) => isSeen(one, seenMs))
    .map((one) => one.poolId)
    .sort(compare);
  const dated = members.some(({ fromMs, toMs }) => fromMs > seenMs || toMs !== null);
  const all: PoolMembership[] = members.map((one) => ({
    poolId: one.poolId,
    fromMs: one.fromMs,
    toMs: one.toMs,
  }));
  return dated ? { poolId, poolMemberships: all } : { poolId };
}

function purchases(
  { topUps }: SubscriberRows,
  seenMs: number,
  keptMs: number,
): Pick<SubscriberProfile, 'topUps' | 'boosts' | 'unlimited'> {
  const bytes: TopUp[] = [];
  const boosts: Boost[] = [];
  const unlimited: UnlimitedSpan[] = [];
  const live = topUps
    .map((bought) => ({ ...bought, id: idWithin(bought), expiresMs: endOfTopUp(bought) }))
    .filter(({ fromMs, expiresMs }) => expiresMs > keptMs && expiresMs > fromMs)
    .sort((a, b) => a.expiresMs - b.expiresMs || a.fromMs - b.fromMs || compare(a.id, b.id));
  for (const { id, kind, fromMs, expiresMs, bytes: size, speed } of live) {
    if (kind === 'bytes') bytes.push({ id, bytes: size ?? 0, fromMs, expiresMs });
    else if (kind === 'unlimited') unlimited.push({ id, fromMs, toMs: expiresMs });
    else if (speed !== null && (seenMs === Number.POSITIVE_INFINITY || expiresMs > seenMs))
      boosts.push({ id, downBps: speed.downBps, upBps: speed.upBps, fromMs, expiresMs });
  }
  return { topUps: bytes, ...some('boosts', boosts), ...some('unlimited', unlimited) };
}

/** When a top-up ends: it expires, or was cancelled before. */
export function endOfTopUp({ expiresMs, cancelledMs }: BoughtTopUp): number {
  return Math.min(expiresMs, cancelledMs ?? Number.POSITIVE_INFINITY);
}

/** A directory's top-ups have an id of their own within a profile alone, stored as `<subscriber>/<kind>/<id>`. */
function idWithin({ id, source }: BoughtTopUp): string {
  return source === 'directory' ? id.split('/').slice(2).join('/') : id;
}

function addOns(
  assigned: readonly SubscriberRows['addOns'][number][],
  versionsOf: (addOnId: string) => readonly AddOnTerms[],
): AddOn[] {
  return assigned
    .flatMap(({ addOnId, fromMs, toMs }) => {
      const terms = addOnTermsAt(versionsOf(addOnId), fromMs);
      if (terms === null || terms.capBytes === 0) return [];
      return [{ id: addOnId, fromMs, toMs, capBytes: terms.capBytes, prorated: terms.prorated }];
    })
    .sort((a, b) => a.fromMs - b.fromMs || compare(a.id, b.id));
}

/** The version of an add-on that is in effect at an instant; null = none yet. */
export function addOnTermsAt(versions: readonly AddOnTerms[], atMs: number): AddOnTerms | null {
  let found: AddOnTerms | null = null;
  for (const terms of versions)
    if (terms.effectiveFromMs <= atMs && (found === null || terms.effectiveFromMs > found.effectiveFromMs))
      found = terms;
  return found;
}

function some<K extends string, T>(name: K, items: readonly T[]): Partial<Record<K, T[]>> {
  const field: Partial<Record<K, T[]>> = {};
  if (items.length > 0) field[name] = [...items];
  return field;
}
