import type { PoolRule } from '../../schemas/pool.ts';

/** What the slot of a member knows of its pool; part of the subscriber's hot value. */
export interface Membership {
  poolId: string;
  /** the member's cycle that the bytes below are of, ms since 1970 UTC; 0 = none yet */
  cycleStartMs: number;
  /** counted bytes of that cycle from before it joined: they are not the pool's */
  baseBytes: number;
  /** of the last contribution, 0 = none yet */
  seq: number;
  /** what the last contribution said */
  sentBytes: number;
  /** watermark when it left, ms since 1970 UTC */
  sentAtMs: number;
  told: ToldMember;
}

/** What the pool told last. */
export interface ToldMember {
  /** 0 = nothing yet */
  seq: number;
  usedBytes: number;
  allowanceBytes: number | null;
  rules: PoolRule[];
}

/** One who has just joined. */
export function newMembership(poolId: string): Membership {
  return {
    poolId,
    cycleStartMs: 0,
    baseBytes: 0,
    seq: 0,
    sentBytes: 0,
    sentAtMs: 0,
    told: { seq: 0, usedBytes: 0, allowanceBytes: null, rules: [] },
  };
}
