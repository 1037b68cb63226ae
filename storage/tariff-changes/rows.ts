import { isIn } from '../../rules/tariff/timeline.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Hold } from '../../schemas/profile.ts';
import type { BoughtTopUp, Dated, SubscriberRows } from '../../schemas/tariff.ts';
import type { SubscriberGiven, When } from '../tariff-ports.ts';
import { cycleOf, instantOf } from './instants.ts';

/** A row that the store has not named yet. */
export const UNNAMED = '';

/** Rows with another plan from an instant on. @param replaceLater what is stored for later goes */
export function withPlan(
  rows: SubscriberRows,
  planId: string,
  when: When,
  replaceLater: boolean,
  atMs: number,
): SubscriberRows {
  const fromMs = instantOf(rows, when, atMs);
  if (!replaceLater) refuseLater(rows, fromMs, atMs);
  const before = cutAt(rows.assignments, fromMs);
  const assigned = { id: UNNAMED, planId, fromMs, toMs: null, source: 'api' } as const;
  const isBack = rows.terminatedMs !== null;
  return { ...rows, assignments: [...before, assigned], ...(isBack ? { terminatedMs: null } : {}) };
}

function refuseLater({ assignments }: SubscriberRows, fromMs: number, atMs: number): void {
  for (const { fromMs: beganMs, toMs } of assignments) {
    if (beganMs > fromMs && beganMs <= atMs)
      throw new AppError('conflict', 'beyond-cycle: the plan was changed after that instant');
    if (beganMs >= fromMs && beganMs > atMs)
      throw new AppError('conflict', 'later-change: another change is stored for then or later');
    if (toMs !== null && toMs > fromMs && toMs > atMs)
      throw new AppError('conflict', 'later-change: an end of the plan is stored for later');
  }
}

/** Rows of a subscriber that ends: plan, add-ons and membership with it. */
export function terminated(rows: SubscriberRows, when: When, atMs: number): SubscriberRows {
  const endMs = instantOf(rows, when, atMs);
  if (rows.terminatedMs !== null && rows.terminatedMs <= atMs)
    throw new AppError('conflict', 'the subscriber is terminated');
  return {
    ...rows,
    assignments: cutAt(rows.assignments, endMs),
    addOns: cutAt(rows.addOns, endMs),
    pools: cutAt(rows.pools, endMs),
    terminatedMs: endMs,
  };
}

export function withHold(
  rows: SubscriberRows,
  kind: Hold['kind'],
  span: Dated,
  atMs: number,
  source: 'api' | 'billing' = 'api',
): SubscriberRows {
  checkSpan(span);
  if (span.fromMs < cycleOf(rows, atMs).startMs)
    throw new AppError('conflict', 'beyond-cycle: a hold begins within the running cycle or later');
  refuseOverlap(
    rows.holds.filter((hold) => hold.kind === kind),
    span,
    'a hold of this kind',
  );
  return { ...rows, holds: [...rows.holds, { ...span, id: UNNAMED, kind, source }] };
}

export function withoutHold(rows: SubscriberRows, holdId: string, atMs: number): SubscriberRows {
  const hold = rows.holds.find(({ id }) => id === holdId);
  if (hold === undefined) throw new AppError('not-found', 'the subscriber has no such hold');
  return { ...rows, holds: rows.holds.flatMap((one) => (one === hold ? ended(one, atMs) : [one])) };
}

export function withTopUp(rows: SubscriberRows, topUp: BoughtTopUp): SubscriberRows {
  return { ...rows, topUps: [...rows.topUps, topUp] };
}

/** Rows with an add-on. @throws AppError 'conflict' where the subscriber has it, or no plan to put it on, at that time */
export function withAddOn(rows: SubscriberRows, addOnId: string, when: When, atMs: number): SubscriberRows {
  const span = { fromMs: instantOf(rows, when, atMs), toMs: null };
  if (!rows.assignments.some((one) => isIn(one, span.fromMs)))
    throw new AppError(
      'conflict',
      'no-plan: the subscriber has no plan at that time, or is terminated by then',
    );
  refuseOverlap(
    rows.addOns.filter((one) => one.addOnId === addOnId),
    span,
    'this add-on',
  );
  return { ...rows, addOns: [...rows.addOns, { ...span, id: UNNAMED, addOnId }] };
}

export function withoutAddOn(rows: SubscriberRows, id: string, when: When, atMs: number): SubscriberRows {
  const addOn = rows.addOns.find((one) => one.id === id);
  if (addOn === undefined) throw new AppError('not-found', 'the subscriber has no such add-on');
  const endMs = instantOf(rows, when, atMs);
  return { ...rows, addOns: rows.addOns.flatMap((one) => (one === addOn ? ended(one, endMs) : [one])) };
}

export function inPool(rows: SubscriberRows, poolId: string, span: Dated): SubscriberRows {
  checkSpan(span);
  refuseOverlap(rows.pools, span, 'a pool');
  return { ...rows, pools: [...rows.pools, { ...span, poolId, source: 'api' }] };
}

export function outOfPool(rows: SubscriberRows, poolId: string, when: When, atMs: number): SubscriberRows {
  const endMs = instantOf(rows, when, atMs);
  const isMeant = (one: SubscriberRows['pools'][number]): boolean =>
    one.poolId === poolId && (one.toMs === null || one.toMs > endMs);
  if (!rows.pools.some(isMeant)) throw new AppError('not-found', 'the subscriber is not in this pool');
  return { ...rows, pools: rows.pools.flatMap((one) => (isMeant(one) ? cutAt([one], endMs) : [one])) };
}

/** What is given whole; plans and purchases stay. */
export function asGiven(rows: SubscriberRows, given: SubscriberGiven): SubscriberRows {
  for (const credential of given.credentials) checkSpan(credential);
  const { externalId, segment, tags, zone, overageConsent } = given;
  const credentials = given.credentials.map((one) => ({ ...one, exclusive: true }));
  return { ...rows, externalId, segment, tags, zone, overageConsent, credentials };
}

function checkSpan({ fromMs, toMs }: Dated): void {
  if (toMs !== null && toMs <= fromMs) throw new AppError('invalid-input', 'it ends before it begins');
}

function refuseOverlap(standing: readonly Dated[], span: Dated, what: string): void {
  const end = span.toMs ?? Number.POSITIVE_INFINITY;
  if (standing.some(({ fromMs, toMs }) => fromMs < end && (toMs ?? Number.POSITIVE_INFINITY) > span.fromMs))
    throw new AppError('conflict', `overlap: the subscriber has ${what} at that time`);
}

/** What holds at an instant ends there, what comes later goes. */
function cutAt<T extends Dated>(rows: readonly T[], endMs: number): T[] {
  return rows.flatMap((row) => {
    if (row.fromMs >= endMs) return [];
    return row.toMs === null || row.toMs > endMs ? [{ ...row, toMs: endMs }] : [row];
  });
}

/** @throws AppError 'conflict' where it is over already */
function ended<T extends Dated>(row: T, endMs: number): T[] {
  if (row.toMs !== null && row.toMs <= endMs) throw new AppError('conflict', 'it is over already');
  return cutAt([row], endMs);
}
