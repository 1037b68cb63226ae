import type { Cycle } from '../../rules/cycle.ts';
import { rolledUses } from '../../rules/tariff/allowance.ts';
import type { TopUpUse } from '../../rules/tariff/allowance.ts';
import type { PoolContribution, PoolProfile, PoolRule } from '../../schemas/pool.ts';
import type { OverageState, RuleState } from '../fold/slot-state.ts';

/** Members of one pool, with those who left in this cycle; a pool is one value of the slot. */
export const MAX_MEMBERS = 5_000;
/** Cycles of a member that are kept: the current one, and those whose member is ahead of the pool. Also before the pool is described. */
const MAX_TOTALS = 3;
/**
 * The same of one pool's cycle: a member should have cycles of the pool's length, as the store sees to, but whatever a control says
 * nothing of the cycle is forgotten. A month of days, and some ahead.
 */
const MAX_TOTALS_IN_CYCLE = 40;
/**
 * A member's cycle is the pool's that contains this instant of it: where both have one anchor the zones may differ by 26 hours,
 * with different anchors it is the one in which more of it lies.
 */
const INTO_CYCLE_MS = 14 * 24 * 3_600_000;
const SHORTEST_MONTH_MS = 27 * 24 * 3_600_000;

/** What one member has used of one of its cycles. */
export interface MemberTotal {
  cycleStartMs: number;
  bytes: number;
  /** of memberships that ended within the cycle */
  frozenBytes: number;
}

/** One member as its pool's owner knows it. */
export interface PoolMember {
  seq: number;
  left: boolean;
  /** oldest first */
  totals: MemberTotal[];
}

/** How the pool stood when members were told last. */
export interface ToldMembers {
  cycleStartMs: number;
  usedBytes: number;
  allowanceBytes: number | null;
  rules: PoolRule[];
}

/** A pool in the slot of its owner. */
export interface Pool {
  poolId: string;
  /** null = members have come before it */
  profile: PoolProfile | null;
  members: Map<string, PoolMember>;
  /** null = no profile, or no event time yet */
  cycle: Cycle | null;
  rules: RuleState[];
  overage: OverageState | null;
  /** of what was told last; 0 = nothing yet */
  seq: number;
  told: ToldMembers | null;
  /** members still to be told, and the id after which to go on; null = all know */
  telling: { after: string; left: number } | null;
  dueMs: number | null;
  /** contributions of members for whom there was no room */
  refused: number;
  /** what of its top-ups is used */
  topUpUses: TopUpUse[];
  /** append time of the newest profile with top-ups, ms since 1970 UTC: what began by then is in force; 0 = none had any */
  asOfMs: number;
}

/** A pool of which nothing is known. */
export function newPool(poolId: string): Pool {
  return {
    poolId,
    profile: null,
    members: new Map(),
    cycle: null,
    rules: [],
    overage: null,
    seq: 0,
    told: null,
    telling: null,
    dueMs: null,
    refused: 0,
    topUpUses: [],
    asOfMs: 0,
  };
}

/**
 * Takes a contribution: totals are absolute, so of one member the one with the greatest number counts, whatever came before.
 * Says whether it is one of somebody who joins; null = it changes nothing.
 */
export function takeContribution(pool: Pool, contribution: PoolContribution): { joins: boolean } | null {
  const { member: id, seq, cycleStartMs, countedBytes, leaving } = contribution;
  const known = pool.members.get(id);
  if (known !== undefined && seq <= known.seq) return null;
  if (known === undefined && !hasRoom(pool)) {
    pool.refused += 1;
    return null;
  }
  const joins = !leaving && known?.left !== false;
  const member = known ?? { seq, left: leaving, totals: [] };
  pool.members.set(id, member);
  member.seq = seq;
  member.left = leaving;
  let total = member.totals.find((one) => one.cycleStartMs === cycleStartMs);
  if (total === undefined) {
    total = { cycleStartMs, bytes: 0, frozenBytes: 0 };
    member.totals = [...member.totals, total]
      .sort((a, b) => a.cycleStartMs - b.cycleStartMs)
      .slice(pool.cycle === null ? -MAX_TOTALS : -MAX_TOTALS_IN_CYCLE);
  }
  if (leaving) {
    total.frozenBytes += countedBytes;
    total.bytes = 0;
  } else total.bytes = countedBytes;
  return { joins };
}

/** Room is made by those who left. */
function hasRoom({ members, cycle }: Pool): boolean {
  if (members.size < MAX_MEMBERS) return true;
  for (const [id, { left, totals }] of members) {
    if (!left || totals.some((total) => cycle === null || liesIn(total, cycle))) continue;
    members.delete(id);
    return true;
  }
  return false;
}

function liesIn({ cycleStartMs }: MemberTotal, cycle: Cycle): boolean {
  const atMs = cycleStartMs + intoCycleMs(cycle);
  return cycle.startMs <= atMs && atMs < cycle.endMs;
}

/** A pool whose cycles are no months: half of one. */
function intoCycleMs({ startMs, endMs }: Cycle): number {
  const lengthMs = endMs - startMs;
  return lengthMs < SHORTEST_MONTH_MS ? Math.floor(lengthMs / 2) : INTO_CYCLE_MS;
}

/** What all members have used in the pool's cycle. */
export function usedBytes({ members, cycle }: Pool): number {
  if (cycle === null) return 0;
  let sum = 0;
  for (const { totals } of members.values())
    for (const total of totals) if (liesIn(total, cycle)) sum += total.bytes + total.frozenBytes;
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}

/**
 * The pool is in this cycle now: what is older goes, and who left before it. Where it is a later one, what was used of its top-ups was
 * used before; where zone or anchor were corrected it is the same one with other bounds, and its top-ups go on.
 */
export function enterCycle(pool: Pool, cycle: Cycle): void {
  const { cycle: before } = pool;
  pool.cycle = { startMs: cycle.startMs, endMs: cycle.endMs };
  if (before?.startMs === cycle.startMs) return;
  if (before !== null && cycle.startMs >= before.endMs && pool.topUpUses.length > 0) {
    const alive = new Set<string>();
    for (const { id, expiresMs } of pool.profile?.topUps ?? []) if (expiresMs >= cycle.startMs) alive.add(id);
    pool.topUpUses = rolledUses(pool.topUpUses).filter(({ id }) => alive.has(id));
  }
  for (const [id, member] of pool.members) {
    member.totals = member.totals.filter(
      ({ cycleStartMs }) => cycleStartMs + intoCycleMs(cycle) >= cycle.startMs,
    );
    if (member.left && member.totals.length === 0) pool.members.delete(id);
  }
}

/** Members that are told, by id. */
export function presentMembers({ members }: Pool): string[] {
  return [...members]
    .filter(([, { left }]) => !left)
    .map(([id]) => id)
    .sort();
}

/** Bytes of a pool; the same pool gives the same ones. */
export function encodePool(pool: Pool): Uint8Array {
  const members = [...pool.members]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { seq, left, totals }]) => [
      ...[id, seq, left ? 1 : 0],
      totals.map(({ cycleStartMs, bytes, frozenBytes }) => [cycleStartMs, bytes, frozenBytes]),
    ]);
  const { topUpUses, asOfMs, ...others } = pool;
  // Nearly no pool has these, and the layout before does not know them.
  const bought = topUpUses.length > 0 || asOfMs > 0 ? { topUpUses, asOfMs } : {};
  return Buffer.from(JSON.stringify({ ...others, members, ...bought }), 'utf8');
}

/** Reads encodePool's bytes. */
export function decodePool(bytes: Uint8Array): Pool {
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as Omit<
    Pool,
    'members' | 'topUpUses' | 'asOfMs'
  > & {
    topUpUses?: TopUpUse[];
    asOfMs?: number;
    members: [id: string, seq: number, left: number, totals: [number, number, number][]][];
  };
  const members = stored.members.map(([id, seq, left, totals]): [string, PoolMember] => [
    id,
    {
      seq,
      left: left === 1,
      totals: totals.map(([cycleStartMs, bytes_, frozenBytes]) => ({
        cycleStartMs,
        bytes: bytes_,
        frozenBytes,
      })),
    },
  ]);
  const { topUpUses = [], asOfMs = 0, ...others } = stored;
  return { ...others, members: new Map(members), topUpUses, asOfMs };
}
