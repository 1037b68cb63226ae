import type { Speed } from '../../schemas/action.ts';
import type {
  AddOn,
  Assignment,
  Boost,
  ClassMatch,
  FeedProfile,
  Hold,
  NasProfile,
  OverageTerms,
  PlanVersion,
  PoolMembership,
  SubscriberProfile,
  TopUp,
  UnlimitedSpan,
} from '../../schemas/profile.ts';
import { isZone } from '../../rules/cycle.ts';
import { cycleChanges, cycleRule } from './cycle-shape.ts';
import type { Check } from './shape.ts';
import {
  boolean,
  currency,
  instant,
  integer,
  list,
  nullable,
  object,
  oneOf,
  optional,
  record,
  text,
  where,
} from './shape.ts';

const id = text(1, 256);
const name = text(0, 256);
const bytes = integer(0, Number.MAX_SAFE_INTEGER);
const bitsPerSecond = integer(0, 1e15);
/** Items of a list in a profile. */
const MAX_ITEMS = 1000;
/** The same of those that each record of the subscriber, or each look, goes through. */
const MAX_SPANS = 200;

const assignment = object<Assignment>({ planId: id, fromMs: instant, toMs: nullable(instant) });

const assignments = where(list(assignment, MAX_ITEMS), inOrder);

const poolMemberships = where(
  list(object<PoolMembership>({ poolId: id, fromMs: instant, toMs: nullable(instant) }), MAX_SPANS),
  inOrder,
);

/** One after the other, each with an end but for the last. */
function inOrder(items: readonly { fromMs: number; toMs: number | null }[]): string | null {
  let open = Number.NEGATIVE_INFINITY;
  for (const item of items) {
    if (item.fromMs < open) return 'overlap or are not ordered';
    open = item.toMs ?? Number.POSITIVE_INFINITY;
    if (open < item.fromMs) return 'end before they begin';
  }
  return null;
}

const unlimited = where(object<UnlimitedSpan>({ id, fromMs: instant, toMs: instant }), ({ fromMs, toMs }) =>
  toMs < fromMs ? 'ends before it begins' : null,
);

const addOn = where(
  object<AddOn>({ id, fromMs: instant, toMs: nullable(instant), capBytes: bytes, prorated: boolean }),
  ({ fromMs, toMs }) => (toMs !== null && toMs < fromMs ? 'ends before it begins' : null),
);

/** Bytes bought, as they stand in the profile of a subscriber or pool. */
export const topUps: Check<TopUp[]> = list(
  object<TopUp>({ id, bytes, fromMs: instant, expiresMs: instant }),
  MAX_ITEMS,
);

/** Boosts in a profile: one that is in force is a part of the value that each record of the subscriber writes. */
const MAX_BOOSTS = 20;
/** It is part of a rule's key and of actions' ids, so it must come back from any store as it was. */
const boostId: Check<string> = where(text(1, 64), (value) =>
  /^[!-~]+$/.test(value) ? null : 'is not printable ASCII without spaces',
);
const boostSpeed = integer(1, 1e15);
const boost = object<Boost>({
  id: boostId,
  downBps: boostSpeed,
  upBps: boostSpeed,
  fromMs: instant,
  expiresMs: instant,
});

const boosts: Check<Boost[]> = where(list(boost, MAX_BOOSTS), (items) =>
  new Set(items.map(({ id }) => id)).size === items.length ? null : 'have one id twice',
);

/** Zones that were looked up: a lookup takes about 50 µs. Only names that exist are kept, so it is bounded. */
const zones = new Set<string>();

export const zone: Check<string> = where(text(1, 64), (value) => {
  if (zones.has(value)) return null;
  if (!isZone(value)) return 'is not a known time zone';
  zones.add(value);
  return null;
});

export const subscriberProfile = object<SubscriberProfile>({
  subscriberId: id,
  userName: name,
  segment: name,
  tags: list(name, 100),
  zone,
  anchorDay: integer(1, 31),
  assignments,
  topUps,
  carryOverBytes: bytes,
  holds: list(
    object<Hold>({
      kind: oneOf(['non-payment', 'customer', 'fraud', 'legal']),
      fromMs: instant,
      toMs: nullable(instant),
    }),
    MAX_ITEMS,
  ),
  boosts: optional(boosts),
  poolId: nullable(id),
  billingStatus: oneOf(['current', 'overdue', 'suspended']),
  overageConsent: boolean,
  asOfMs: optional(instant),
  cycle: optional(cycleRule),
  cycleChanges: optional(cycleChanges),
  carryOverUntilMs: optional(instant),
  unlimited: optional(list(unlimited, MAX_SPANS)),
  addOns: optional(list(addOn, MAX_SPANS)),
  poolMemberships: optional(poolMemberships),
});

export const planVersion = object<PlanVersion>({
  planId: id,
  version: integer(0, Number.MAX_SAFE_INTEGER),
  family: name,
  capBytes: nullable(bytes),
  counted: oneOf(['down', 'up', 'both', 'max']),
  downBps: bitsPerSecond,
  upBps: bitsPerSecond,
  overage: nullable(
    object<OverageTerms>({
      blockBytes: integer(1, Number.MAX_SAFE_INTEGER),
      blockPriceMinor: integer(0, Number.MAX_SAFE_INTEGER),
      currency,
      maxBlocks: nullable(integer(0, 1_000_000)),
    }),
  ),
  classFactors: record(integer(0, 1_000_000), 100),
  offPeakFactors: optional(record(integer(0, 1_000_000), 100)),
  effectiveFromMs: optional(instant),
  capProration: optional(oneOf(['whole', 'prorated'])),
  usedBefore: optional(oneOf(['counts', 'fresh'])),
  carryOver: optional(object<{ limitBytes: number }>({ limitBytes: bytes })),
  throttled: optional(object<Speed>({ downBps: bitsPerSecond, upBps: bitsPerSecond })),
});

export const nasProfile = object<NasProfile>({
  nasId: id,
  reversed: boolean,
  unit: oneOf(['octets', 'kilobytes']),
  startToleranceSeconds: integer(0, 86_400),
  gigawords: boolean,
  countersReset: boolean,
  redundancyGroup: nullable(id),
  onOff: oneOf(['close', 'ignore']),
  interimSeconds: nullable(integer(0, 604_800)),
  subSessions: oneOf(['sum', 'parent', 'children', 'split', 'shared']),
  ipv6: oneOf(['subset', 'additive']),
  classes: list(object<ClassMatch>({ match: id, serviceClass: name }), MAX_ITEMS),
});

export const feedProfile = object<FeedProfile>({ feedId: name, countFromMs: nullable(instant) });
