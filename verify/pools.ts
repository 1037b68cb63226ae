import type { PolicyVersion } from '../schemas/policy.ts';
import type { SubscriberProfile } from '../schemas/profile.ts';
import type { PoolContribution, PoolEffect, PoolProfile, PoolRule } from '../schemas/pool.ts';
import type { Change, Moment } from './actions.ts';
import { asNumber, cover } from './allowance.ts';
import type { Coverage } from './allowance.ts';
import type { Facts } from './conditions.ts';
import { IN_FULL, countedOf, inDirection } from './counted.ts';
import type { Cycle } from './cycle-book.ts';
import { extrasIn } from './extras.ts';
import type { FactWorld } from './facts.ts';
import type { Line } from './line.ts';
import type { Span } from './totals.ts';
import type { LocalCalendar } from './local-calendar.ts';
import { newLine, ruleOf } from './line.ts';
import { countedIn, currentView, pastView, planNow, poolOf } from './tariff.ts';
import { toldChanges } from './told.ts';

const TEN_MINUTES = 600_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
/** As many as the product keeps: members beyond are not the pool's. */
const MOST_MEMBERS = 5_000;
const MOST_TOTALS = 3;
/** The same while the pool's own cycle is known. */
const MOST_TOTALS_IN_CYCLE = 40;
/** Before the keys of rules that a pool holds. */
export const HELD = 'pool:';

/** What a member knows of its pool. */
export interface MemberOf {
  poolId: string;
  /** cycle that the rest is of; 0 = none yet */
  cycleStartMs: number;
  /** what was counted in it before it joined */
  before: bigint;
  seq: number;
  told: bigint;
  toldAtMs: number;
  heard: { seq: number; usedBytes: number; allowanceBytes: number | null; rules: PoolRule[] };
}

/** Takes a subscriber's pool from its profile, and gives what that makes it tell: totals of its cycle since it joined. */
export function contributionsOf(
  line: Line,
  world: FactWorld,
  { nowMs, offset }: Pick<Moment, 'nowMs' | 'offset'>,
): PoolContribution[] {
  const left: PoolContribution[] = [];
  const isHeldBack = isAbsurd(line);
  const tell = (pool: MemberOf, total: bigint, leaving: boolean): void => {
    pool.seq = Math.max(pool.seq + 1, 8 * (offset + 1));
    pool.told = total;
    pool.toldAtMs = nowMs;
    const { poolId, cycleStartMs, seq } = pool;
    left.push({ poolId, member: line.id, cycleStartMs, seq, countedBytes: Number(total), leaving });
  };
  const cycle = line.book.current;
  const enter = (pool: MemberOf): void => {
    if (cycle === null || cycle.startMs === pool.cycleStartMs) return;
    if (pool.seq > 0 && !isHeldBack) {
      const last = line.book.cycles.find(({ startMs }) => startMs === pool.cycleStartMs);
      const total = last === undefined ? 0n : shareOf(countedInPast(line, last, world, nowMs), pool);
      if (total !== pool.told) tell(pool, total, false);
    }
    Object.assign(pool, { cycleStartMs: cycle.startMs, before: 0n, told: 0n });
  };
  const wanted = poolOf(line, nowMs);
  if (line.pool !== null && line.pool.poolId !== wanted) {
    enter(line.pool);
    if (line.pool.seq > 0)
      tell(line.pool, isHeldBack ? line.pool.told : currentShare(line, world, nowMs, line.pool), true);
    line.pool = null;
  }
  if (wanted === null) return left;
  line.pool ??= join(wanted, cycle, countedNow(line, world, nowMs));
  enter(line.pool);
  if (line.pool.cycleStartMs === 0 || nowMs <= 0) return left;
  const share = isHeldBack ? line.pool.told : currentShare(line, world, nowMs, line.pool);
  const grown = Number(share - line.pool.told);
  const isMuch = grown >= partOfRest(line.pool, 200);
  const isOld = grown !== 0 && nowMs >= line.pool.toldAtMs + waits(line.pool, grown);
  if (line.pool.seq === 0 || grown < 0 || isMuch || isOld) tell(line.pool, share, false);
  return left;
}

/** When something that was not told has to be; null = there is nothing. */
export function contributionDueMs(line: Line, world: FactWorld, nowMs: number): number | null {
  if (line.pool === null || isAbsurd(line)) return null;
  const grown = Number(currentShare(line, world, nowMs, line.pool) - line.pool.told);
  return grown === 0 ? null : line.pool.toldAtMs + waits(line.pool, grown);
}

/** One in `parts` of what the pool has left, as far as the member heard; bytes. */
function partOfRest({ heard: { allowanceBytes, usedBytes } }: MemberOf, parts: number): number {
  if (allowanceBytes === null) return Infinity;
  return Math.max(1, (usedBytes < allowanceBytes ? allowanceBytes - usedBytes : allowanceBytes) / parts);
}

function waits(pool: MemberOf, grown: number): number {
  const { allowanceBytes, usedBytes } = pool.heard;
  const isFar = allowanceBytes !== null && usedBytes < 0.8 * allowanceBytes;
  return isFar && grown < partOfRest(pool, 2000) ? HOUR : TEN_MINUTES;
}

function join(poolId: string, cycle: Cycle | null, before: bigint): MemberOf {
  const heard = { seq: 0, usedBytes: 0, allowanceBytes: null, rules: [] };
  return { poolId, cycleStartMs: cycle?.startMs ?? 0, before, seq: 0, told: 0n, toldAtMs: 0, heard };
}

function isAbsurd({ sessions }: Line): boolean {
  return [...sessions.open, ...sessions.closed].some(({ absurd }) => absurd);
}

function currentShare(line: Line, world: FactWorld, nowMs: number, pool: MemberOf): bigint {
  if (line.book.current?.startMs !== pool.cycleStartMs) return pool.told;
  return shareOf(countedNow(line, world, nowMs), pool);
}

function shareOf(counted: bigint, { before }: MemberOf): bigint {
  return counted > before ? counted - before : 0n;
}

/** Octets of the current cycle that count, whatever plan they were carried by. */
function countedNow(line: Line, { plans }: FactWorld, nowMs: number): bigint {
  const view = currentView(line, plans, nowMs);
  return view === null ? 0n : asNumber(countedIn(view, 'nothing'));
}

/** Of a cycle that rolled; in slots that know no parts by the plan that is in force now. */
function countedInPast(line: Line, cycle: Cycle, { plans, tariffs }: FactWorld, nowMs: number): bigint {
  if (tariffs) return asNumber(countedIn(pastView(line, cycle, plans), 'nothing'));
  const plan = planNow(line, plans, nowMs) ?? IN_FULL;
  return asNumber(inDirection(countedOf(cycle, plan, cycle.adjusted), plan.counted));
}

/** What the pool's rules begin and end for a member. */
export function heldChanges(line: Line, nowMs: number): Change[] {
  const isMember = line.pool !== null && line.pool.poolId === poolOf(line, nowMs);
  const rules = isMember ? (line.pool?.heard.rules ?? []) : [];
  const wanted = new Map(
    rules.map(({ policyId, rule, effect }) => [`${HELD}${policyId}/${rule}`, effect] as const),
  );
  return toldChanges(line, HELD, wanted, nowMs);
}

/** Takes what the pool tells a member; what is older than what it knows says nothing. False where nothing is taken. */
export function hear(line: Line, { poolId, seq, usedBytes, allowanceBytes, rules }: PoolEffect): boolean {
  if (line.pool?.poolId !== poolId || seq <= line.pool.heard.seq) return false;
  line.pool.heard = { seq, usedBytes, allowanceBytes, rules };
  return true;
}

interface MemberBook {
  seq: number;
  hasLeft: boolean;
  /** cycle start -> bytes of this membership and of those before */
  totals: Map<number, { now: bigint; before: bigint }>;
}

/** A pool as its owner knows it. */
export interface PoolBook {
  profile: PoolProfile | null;
  members: Map<string, MemberBook>;
  /** its rules and extras; its book holds no bytes */
  line: Line;
  /** null = it was not looked at yet */
  cycle: Span | null;
  seq: number;
  standing: Standing | null;
  dueMs: number | null;
  /** append time of the last profile of it that had top-ups; 0 = none */
  boughtMs: number;
}

/** What members are told. */
export interface Standing {
  cycleStartMs: number;
  usedBytes: number;
  allowanceBytes: number | null;
  rules: PoolRule[];
}

export function newPoolBook(poolId: string, calendar: LocalCalendar): PoolBook {
  const line = newLine(`${HELD}${poolId}`, calendar);
  return {
    profile: null,
    members: new Map(),
    line,
    cycle: null,
    seq: 0,
    standing: null,
    dueMs: null,
    boughtMs: 0,
  };
}

/** Takes a member's total; the one with the greatest number counts. False where it says nothing new. */
export function add(book: PoolBook, contribution: PoolContribution): boolean {
  const { member, seq, cycleStartMs, countedBytes, leaving } = contribution;
  const known = book.members.get(member);
  if (known === undefined ? book.members.size >= MOST_MEMBERS : seq <= known.seq) return false;
  const entry = known ?? { seq, hasLeft: leaving, totals: new Map() };
  book.members.set(member, entry);
  entry.seq = seq;
  entry.hasLeft = leaving;
  const bytes = BigInt(countedBytes);
  const before = entry.totals.get(cycleStartMs)?.before ?? 0n;
  entry.totals.set(cycleStartMs, leaving ? { now: 0n, before: before + bytes } : { now: bytes, before });
  const most = book.cycle === null ? MOST_TOTALS : MOST_TOTALS_IN_CYCLE;
  const newest = [...entry.totals].sort(([a], [b]) => a - b).slice(-most);
  entry.totals = new Map(newest);
  return true;
}

/** Brings a pool's cycle up to an instant, and gives what its members have used in it. */
export function usedAt(book: PoolBook, nowMs: number, world: FactWorld): bigint {
  const { profile, line } = book;
  if (profile === null) return 0n;
  line.profile = asSubscriber(profile, line.id, book.boughtMs);
  const fresh = newLine(line.id, world.calendar).book;
  fresh.roll(ruleOf(line, world), nowMs);
  line.book = fresh;
  const span = fresh.current ?? { startMs: 0, endMs: 0 };
  const intoMs = Math.min(14 * DAY, ...(isShort(span) ? [Math.floor((span.endMs - span.startMs) / 2)] : []));
  const isIn = (startMs: number): boolean =>
    startMs + intoMs >= span.startMs && startMs + intoMs < span.endMs;
  const { cycle: before } = book;
  if (span.startMs !== before?.startMs) {
    for (const [id, { totals, hasLeft }] of book.members) {
      for (const startMs of totals.keys()) if (startMs + intoMs < span.startMs) totals.delete(startMs);
      if (hasLeft && totals.size === 0) book.members.delete(id);
    }
    // One that began before the last one was over is that one, with other bounds.
    if (before !== null && span.startMs >= before.endMs) rollUses(book);
  }
  book.cycle = { startMs: span.startMs, endMs: span.endMs };
  let used = 0n;
  for (const { totals } of book.members.values())
    for (const [startMs, { now, before }] of totals) if (isIn(startMs)) used += now + before;
  return asNumber(used);
}

/** A cycle in which no 15th day need be. */
function isShort({ startMs, endMs }: { startMs: number; endMs: number }): boolean {
  return endMs - startMs < 27 * DAY;
}

/** What was used of top-ups was used before, now that another cycle began; what is gone or over is forgotten. */
function rollUses({ line, profile }: PoolBook): void {
  const startMs = line.book.current?.startMs ?? 0;
  const live = new Set(
    (profile?.topUps ?? []).filter(({ expiresMs }) => expiresMs >= startMs).map(({ id }) => id),
  );
  const kept = [...line.topUpUses].filter(([id]) => live.has(id));
  line.topUpUses = new Map(kept.map(([id, { before, used }]) => [id, { before: before + used, used: 0n }]));
}

/** What the pool's last profile bought is live with it. */
function poolNow({ boughtMs, line }: PoolBook, nowMs: number): number {
  const { current } = line.book;
  return Math.max(nowMs, current === null ? nowMs : Math.min(boughtMs, current.endMs - 1));
}

/** What covers the pool's use, top-ups among it; null without a limit. Brings up what of them is used. */
export function coverPool(book: PoolBook, used: bigint, nowMs: number): Coverage | null {
  const { profile, line } = book;
  if (profile === null || profile.allowanceBytes === null) return null;
  const sold = BigInt(extrasIn(line, line.book.current?.startMs ?? 0).soldBytes);
  const supply = { counted: used, base: BigInt(profile.allowanceBytes), carried: 0n, sold };
  const coverage = cover(supply, profile.topUps ?? [], line.topUpUses, poolNow(book, nowMs));
  line.topUpUses = coverage.uses;
  return coverage;
}

function asSubscriber(profile: PoolProfile, id: string, asOfMs: number): SubscriberProfile {
  const { poolId, segment, zone, anchorDay, planId, overageConsent, cycle, cycleChanges } = profile;
  const { topUps = [] } = profile;
  const assignments = planId === null ? [] : [{ planId, fromMs: Number.MIN_SAFE_INTEGER, toMs: null }];
  return {
    ...{ subscriberId: id, userName: '', segment, tags: [], zone, anchorDay, assignments, topUps },
    ...{ carryOverBytes: 0, holds: [], poolId, billingStatus: 'current', overageConsent },
    asOfMs,
    ...(cycle && { cycle }),
    ...(cycleChanges && { cycleChanges }),
  };
}

/** Facts that are a pool's own. */
export function poolFacts({ profile }: PoolBook, used: bigint, coverage: Coverage | null): Facts {
  const allowance = coverage === null ? null : Number(coverage.allowance);
  const percent = percentOf(Number(used), allowance);
  return {
    cycleCountedBytes: Number(used),
    capBytes: profile?.allowanceBytes ?? null,
    allowanceBytes: allowance,
    capUsedPercent: percent,
    capRemainingBytes: allowance === null ? null : Math.max(0, allowance - Number(used)),
    topUpRemainingBytes: coverage === null ? 0 : Number(coverage.left),
    projectedCapUsedPercent: null,
    poolUsedPercent: percent,
  };
}

/** What of a pool has been used, %; null without a limit. */
export function percentOf(used: number, allowance: number | null): number | null {
  return allowance === null ? null : allowance === 0 ? 100 : (used * 100) / allowance;
}

/** Notes how the pool stands; true where its members have to hear of it: rules, cycle, allowance, or a point of used percent. */
export function restate(
  book: PoolBook,
  used: bigint,
  coverage: Coverage | null,
  versionOf: (policyId: string) => PolicyVersion | undefined,
): boolean {
  const rules = [...book.line.rules].flatMap(([key, { active, effect }]): PoolRule[] => {
    if (!active || effect === null || key.startsWith('~')) return [];
    const [policyId = '', rule = ''] = key.split('/');
    return [{ policyId, rule, policyVersion: versionOf(policyId)?.version ?? '', effect }];
  });
  const allowanceBytes = coverage === null ? null : Number(coverage.allowance);
  const now: Standing = {
    cycleStartMs: book.cycle?.startMs ?? 0,
    usedBytes: Number(used),
    allowanceBytes,
    rules,
  };
  const { standing } = book;
  const isNews =
    standing === null ||
    standing.cycleStartMs !== now.cycleStartMs ||
    standing.allowanceBytes !== allowanceBytes ||
    JSON.stringify(standing.rules) !== JSON.stringify(rules) ||
    Math.abs(
      (percentOf(now.usedBytes, allowanceBytes) ?? 0) - (percentOf(standing.usedBytes, allowanceBytes) ?? 0),
    ) >= 1;
  if (!isNews) return false;
  book.standing = now;
  book.seq += 1;
  return true;
}
