import { cycleCountedBytes } from '../decide/counted.ts';
import { poolIdOf } from '../decide/in-force.ts';
import type { Cause } from '../decide/intents.ts';
import type { FoldContext } from '../fold/fold.ts';
import { POLICY_FACTS_VERSION } from '../fold/slot-state.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { newMembership } from './membership.ts';
import type { Membership } from './membership.ts';
import { leaveControl } from './own-control.ts';

/** Share of what the pool has left that is told at once, 0.5 %; of the whole allowance where nothing is left. */
const SHARE_TOLD_AT_ONCE = 200;
/** Less is told when it is this old in event time. */
const TOLD_AFTER_MS = 600_000;
/** Share that may wait for longer, 0.05 %, as long as no more than 80 % of the allowance is used: many members add up. */
const SHARE_OF_LITTLE = 2000;
const LITTLE_TOLD_AFTER_MS = 3_600_000;
const NEARLY_USED = 0.8;
/** Numbers that each input has for contributions of one subscriber: at most three looks of two each, and one more where it changes its pool. */
const SEQS_AN_INPUT = 8;

/**
 * Brings a subscriber's membership up to its profile, and tells its pool what it has used since it joined: as it joins,
 * leaves, rolls or uses less than it did; when it has used 0.5 % of what is left more; else after 10 minutes, or less than
 * 0.05 % after an hour as long as the pool is not nearly used up. One whose claim is absurd (accounting case 20) tells nothing
 * new. To be called at the end of each look; true where the membership changed.
 */
export function contribute(context: FoldContext, subscriber: Subscriber, cause: Cause): boolean {
  const wanted = poolIdOf(context.state, subscriber);
  if (wanted === null && subscriber.pool === null) return false;
  // The layout before has no room for memberships.
  if (context.state.blobVersion < POLICY_FACTS_VERSION) return false;
  let changed = false;
  if (subscriber.pool !== null && subscriber.pool.poolId !== wanted) {
    leave(context, subscriber, subscriber.pool, cause);
    subscriber.pool = null;
    changed = true;
  }
  if (wanted === null) return changed;
  if (subscriber.pool === null) {
    subscriber.pool = join(context.state, subscriber, wanted);
    changed = true;
  }
  return tell(context, subscriber, subscriber.pool, cause) || changed;
}

/** When a change that was not told yet has to be, ms since 1970 UTC; null = there is none. */
export function contributionDueMs(state: SlotState, subscriber: Subscriber): number | null {
  const { pool, suspended } = subscriber;
  if (pool === null || suspended) return null;
  const grown = shareOf(state, subscriber, pool) - pool.sentBytes;
  return grown === 0 ? null : pool.sentAtMs + patience(pool, grown);
}

/** What it used before is its own. */
function join(state: SlotState, subscriber: Subscriber, poolId: string): Membership {
  const membership = newMembership(poolId);
  const cycle = subscriber.cycles[0];
  // Before event time began no cycle is the current one, whatever bytes wait in theirs.
  if (cycle === undefined || state.watermarkMs <= 0) return membership;
  membership.cycleStartMs = cycle.startMs;
  membership.baseBytes = cycleCountedBytes(state, subscriber, cycle);
  return membership;
}

function leave(context: FoldContext, subscriber: Subscriber, pool: Membership, cause: Cause): void {
  roll(context, subscriber, pool, cause);
  if (pool.seq === 0) return;
  const bytes = subscriber.suspended ? pool.sentBytes : shareOf(context.state, subscriber, pool);
  send(context, subscriber, pool, { bytes, leaving: true }, cause);
}

function tell(context: FoldContext, subscriber: Subscriber, pool: Membership, cause: Cause): boolean {
  const { state } = context;
  const rolled = roll(context, subscriber, pool, cause);
  if (pool.cycleStartMs === 0 || state.watermarkMs <= 0) return rolled;
  const bytes = subscriber.suspended ? pool.sentBytes : shareOf(state, subscriber, pool);
  const grown = bytes - pool.sentBytes;
  const isDue = grown !== 0 && state.watermarkMs >= pool.sentAtMs + patience(pool, grown);
  if (pool.seq > 0 && !isDue && grown >= 0 && grown < partOfRest(pool, SHARE_TOLD_AT_ONCE)) return rolled;
  send(context, subscriber, pool, { bytes, leaving: false }, cause);
  return true;
}

/**
 * One in `parts` of what the pool has left, as far as the member was told, bytes: the nearer it is to its allowance, the finer;
 * without one nothing waits for the sum.
 */
function partOfRest({ told: { allowanceBytes, usedBytes } }: Membership, parts: number): number {
  if (allowanceBytes === null) return Infinity;
  const left = usedBytes < allowanceBytes ? allowanceBytes - usedBytes : allowanceBytes;
  return Math.max(1, left / parts);
}

/** How long what came on top may wait, ms of event time. */
function patience(pool: Membership, grown: number): number {
  const { allowanceBytes, usedBytes } = pool.told;
  if (allowanceBytes === null || usedBytes >= NEARLY_USED * allowanceBytes) return TOLD_AFTER_MS;
  return grown < partOfRest(pool, SHARE_OF_LITTLE) ? LITTLE_TOLD_AFTER_MS : TOLD_AFTER_MS;
}

/** Another cycle is the current one: the last word on the one before, and everything of the new one is the pool's. */
function roll(context: FoldContext, subscriber: Subscriber, pool: Membership, cause: Cause): boolean {
  const current = subscriber.cycles[0];
  if (current === undefined || current.startMs === pool.cycleStartMs) return false;
  const before = subscriber.pastCycles.find(({ startMs }) => startMs === pool.cycleStartMs);
  if (pool.seq > 0 && !subscriber.suspended) {
    // Where zone or anchor changed, the cycles were made anew: what the one before had lies in others now.
    const counted = before === undefined ? 0 : cycleCountedBytes(context.state, subscriber, before);
    const bytes = beyond(pool, counted);
    if (bytes !== pool.sentBytes) send(context, subscriber, pool, { bytes, leaving: false }, cause);
  }
  pool.cycleStartMs = current.startMs;
  pool.baseBytes = 0;
  pool.sentBytes = 0;
  return true;
}

function shareOf(state: SlotState, subscriber: Subscriber, pool: Membership): number {
  const cycle = subscriber.cycles[0];
  if (cycle?.startMs !== pool.cycleStartMs) return pool.sentBytes;
  return beyond(pool, cycleCountedBytes(state, subscriber, cycle));
}

function beyond({ baseBytes }: Membership, countedBytes: number): number {
  return Math.max(0, countedBytes - baseBytes);
}

/** Numbers come from the offset, so that they grow over memberships too, of which nothing is kept. */
function send(
  context: FoldContext,
  subscriber: Subscriber,
  pool: Membership,
  { bytes, leaving }: { bytes: number; leaving: boolean },
  cause: Cause,
): void {
  const { poolId, cycleStartMs } = pool;
  pool.seq = Math.max(pool.seq + 1, (cause.offset + 1) * SEQS_AN_INPUT);
  pool.sentBytes = bytes;
  pool.sentAtMs = context.state.watermarkMs;
  const contribution = {
    poolId,
    member: subscriber.id,
    cycleStartMs,
    seq: pool.seq,
    countedBytes: bytes,
    leaving,
  };
  leaveControl(context, { kind: 'pool-contribution', contribution }, cause);
}
