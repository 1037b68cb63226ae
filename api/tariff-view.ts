import { runningCycle } from '../rules/tariff/timeline.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { Account, BoughtTopUp, Dated, Span, SubscriberRows } from '../schemas/tariff.ts';
import type {
  AccountView,
  DatedView,
  ItemView,
  PoolSummaryView,
  PoolView,
  SubscriberTariffView,
  TopUpView,
} from '../schemas/tariff-views.ts';
import type { StoredPool } from '../storage/tariff-ports.ts';

/** Years 1 to 9999: what an answer's format can say. Beyond it an instant is an open end. */
const FIRST_MS = -62_135_596_800_000;
const LAST_MS = 253_402_300_799_999;

/** An instant as it is answered; null for an open end. */
export function instantView(ms: number | null): string | null {
  return ms === null || ms < FIRST_MS || ms > LAST_MS ? null : new Date(ms).toISOString();
}

/** An instant that somebody named, so it is one. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function datedView({ fromMs, toMs }: Dated): DatedView {
  return { from: instantView(fromMs), to: instantView(toMs) };
}

export function spanView({ startMs, endMs }: Span): { start: string; end: string } {
  return { start: iso(startMs), end: iso(endMs) };
}

export function accountView({ cycleChanges, ...account }: Account): AccountView {
  return {
    ...account,
    cycleChanges: cycleChanges.map(({ fromMs, cycle, source }) => ({ from: iso(fromMs), cycle, source })),
  };
}

/**
 * The billing cycle of a subscriber that an instant lies in.
 *
 * @throws RangeError on a zone that is none: none such is stored
 */
export function cycleOf({ account, zone, closedThroughMs }: SubscriberRows, atMs: number): Span {
  return runningCycle({ zone, ...account }, closedThroughMs, atMs);
}

/** @param nowMs the log's clock */
export function tariffView(rows: SubscriberRows, nowMs: number): SubscriberTariffView {
  const { externalId, segment, tags, zone, overageConsent, revision } = rows;
  return {
    ...{ account: accountView(rows.account), externalId, segment, tags, zone, overageConsent },
    credentials: rows.credentials.map(({ userName, ...time }) => ({ userName, ...datedView(time) })),
    assignments: rows.assignments.map((row) => {
      const { id, planId, source } = row;
      return { id, planId, source, ...datedView(row) };
    }),
    addOns: rows.addOns.map(({ id, addOnId, ...time }) => ({ id, addOnId, ...datedView(time) })),
    topUps: rows.topUps.map(topUpView),
    holds: rows.holds.map(({ id, kind, source, ...time }) => ({ id, kind, source, ...datedView(time) })),
    pools: rows.pools.map(({ poolId, source, ...time }) => ({ poolId, source, ...datedView(time) })),
    cycle: spanView(cycleOf(rows, nowMs)),
    terminatedAt: instantView(rows.terminatedMs),
    revision,
  };
}

export function topUpView(topUp: BoughtTopUp): TopUpView {
  const { id, kind, bytes, speed, source, productId } = topUp;
  return {
    ...{ id, kind, speed, source, productId },
    bytes: bytes === null ? null : String(bytes),
    from: instantView(topUp.fromMs),
    expires: instantView(topUp.expiresMs),
    cancelled: instantView(topUp.cancelledMs),
  };
}

/** An item as every answer shows it. */
export function itemView(item: BillingItem): ItemView {
  const { key, type, accountId, subscriberId, poolId, quantity, taxClass, line, description } = item;
  return {
    ...{ key, type, accountId, subscriberId, poolId, quantity, taxClass, line, description },
    amount: { amountMinor: item.amountMinor, currency: item.currency },
    cycleStart: iso(item.cycleStartMs),
    cycleEnd: instantView(item.cycleEndMs),
    periodFrom: instantView(item.periodFromMs),
    periodTo: instantView(item.periodToMs),
  };
}

export function poolSummaryView(profile: PoolProfile): PoolSummaryView {
  const { poolId, allowanceBytes, zone, anchorDay, cycle, segment, planId, overageConsent, billTo } = profile;
  return {
    ...{ poolId, zone, anchorDay, segment, planId, overageConsent, billTo },
    allowanceBytes: allowanceBytes === null ? null : String(allowanceBytes),
    cycle: cycle ?? null,
  };
}

/** Who is in a pool, and what was bought for it. */
export function poolRowsView({ profile, members, revision }: StoredPool): Omit<PoolView, 'usage'> {
  return {
    ...poolSummaryView(profile),
    revision,
    topUps: (profile.topUps ?? []).map(({ id, bytes, fromMs, expiresMs }) => ({
      ...{ id, bytes: String(bytes) },
      from: instantView(fromMs),
      expires: instantView(expiresMs),
    })),
    members: members.map(({ subscriberId, ...time }) => ({ subscriberId, ...datedView(time) })),
  };
}
