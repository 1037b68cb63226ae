import type { PoolContribution, PoolEffect, PoolProfile } from '../../schemas/pool.ts';
import type { Cause } from '../decide/intents.ts';
import { tellMember } from '../pool/drain-pools.ts';
import { lookAtPool } from '../pool/look-at-pool.ts';
import { takeContribution } from '../pool/pool.ts';
import { claimed } from './commands.ts';
import { load } from './drain.ts';
import { poolFor } from './for-layout.ts';
import type { FoldContext } from './fold.ts';
import type { Folding } from './requests.ts';
import { settle } from './settle.ts';

/** What is agreed for a pool. */
export function* foldPoolProfile(context: FoldContext, profile: PoolProfile, cause: Cause): Folding<void> {
  const { pools, blobVersion } = context.state;
  const pool = pools.of(profile.poolId);
  pool.profile = poolFor(profile, blobVersion);
  if (pool.profile.topUps !== undefined) pool.asOfMs = Math.max(pool.asOfMs, cause.appendTimeMs);
  yield* lookAtPool(context, pool, cause);
}

/** A member's total. Who joins is told at once how the pool stands. */
export function* foldContribution(
  context: FoldContext,
  contribution: PoolContribution,
  cause: Cause,
): Folding<void> {
  const { state, effects } = context;
  const pool = state.pools.of(contribution.poolId);
  effects.catalogue.add(`pool:${pool.poolId}`);
  const { seq } = pool;
  const taken = takeContribution(pool, contribution);
  if (taken === null) return;
  // One more than the round was to tell: nobody is left out because of it.
  if (taken.joins && pool.telling !== null) pool.telling.left += 1;
  yield* lookAtPool(context, pool, cause);
  if (taken.joins && pool.seq === seq) tellMember(context, pool, contribution.member, cause);
}

/** How the pool stands, for one member. What is older than what it knows, or of another pool, says nothing. */
export function* foldPoolEffect(context: FoldContext, effect: PoolEffect, cause: Cause): Folding<void> {
  yield* load(context.state, [effect.member]);
  if (!context.state.subscribers.has(effect.member)) return;
  const subscriber = yield* claimed(context, effect.member, cause);
  const pool = subscriber?.pool ?? null;
  if (subscriber === null || pool?.poolId !== effect.poolId || effect.seq <= pool.told.seq) return;
  const { seq, usedBytes, allowanceBytes, rules } = effect;
  pool.told = { seq, usedBytes, allowanceBytes, rules };
  yield* settle(context, subscriber, cause, true);
}
