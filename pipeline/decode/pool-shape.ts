import type { Effect } from '../../schemas/action.ts';
import type { PoolContribution, PoolEffect, PoolProfile, PoolRule } from '../../schemas/pool.ts';
import { cycleChanges, cycleRule } from './cycle-shape.ts';
import { topUps, zone } from './profile-shape.ts';
import { boolean, either, integer, list, nullable, object, oneOf, optional, text } from './shape.ts';

const id = text(1, 256);
const name = text(0, 256);
const bytes = integer(0, Number.MAX_SAFE_INTEGER);
const instant = integer(0, 253_402_300_799_999);
const number = integer(1, Number.MAX_SAFE_INTEGER);
const bitsPerSecond = integer(0, 1e15);
/** Rules of a pool that are in force at once. */
const MAX_RULES = 100;

/** A pool, as it stands in the log. */
export const poolProfile = object<PoolProfile>({
  poolId: id,
  allowanceBytes: nullable(bytes),
  zone,
  anchorDay: integer(1, 31),
  segment: name,
  planId: nullable(id),
  overageConsent: boolean,
  billTo: id,
  topUps: optional(topUps),
  cycle: optional(cycleRule),
  cycleChanges: optional(cycleChanges),
});

/** A member's total, as it stands in the log. */
export const poolContribution = object<PoolContribution>({
  poolId: id,
  member: id,
  cycleStartMs: instant,
  seq: number,
  countedBytes: bytes,
  leaving: boolean,
});

type Throttle = Extract<Effect, { state: 'throttle' }>;
type Redirect = Extract<Effect, { state: 'redirect' }>;
type Block = Extract<Effect, { state: 'block' }>;

const effect = either<Effect, Effect>(
  either<Throttle, Redirect>(
    object<Throttle>({
      state: oneOf(['throttle']),
      downBps: bitsPerSecond,
      upBps: bitsPerSecond,
      profile: nullable(name),
    }),
    object<Redirect>({ state: oneOf(['redirect']), profile: name }),
  ),
  object<Block>({ state: oneOf(['block']) }),
);

/** How a pool stands, as it is told to a member in the log. */
export const poolEffect = object<PoolEffect>({
  poolId: id,
  member: id,
  seq: number,
  usedBytes: bytes,
  allowanceBytes: nullable(bytes),
  rules: list(object<PoolRule>({ policyId: id, rule: id, policyVersion: name, effect }), MAX_RULES),
});
