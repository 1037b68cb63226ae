import { overageItemKey } from '../rules/tariff/blocks.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { CycleChange, CycleRule, Hold } from '../schemas/profile.ts';
import type { AddOnTerms, PlanTerms, Span } from '../schemas/tariff.ts';
import type { ClosedCycle, ClosedOverage, UsageAdjustment } from '../schemas/usage-record.ts';
import { anIntent } from './action-factory.contract.ts';
import type { CycleKeeping, InvoiceLedger, ItemBook } from './billing-ports.ts';
import type { ActionLedger, SlotId } from './ports.ts';
import type { CycleRow } from './tariff-ports.ts';

export const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 0 };
export const DAY = 86_400_000;
export const JANUARY: Span = { startMs: Date.UTC(2026, 0, 1), endMs: Date.UTC(2026, 1, 1) };
export const FEBRUARY: Span = { startMs: JANUARY.endMs, endMs: Date.UTC(2026, 2, 1) };
export const GB = 1_000_000_000;

/** Who has what, whole: replaces what was given before. */
export interface GivenTariff {
  subscriberId: string;
  /** null = on no account */
  currency: string | null;
  zone: string;
  cycle: CycleRule;
  cycleChanges: CycleChange[];
  assignments: { planId: string; fromMs: number; toMs: number | null }[];
  addOns: { addOnId: string; fromMs: number; toMs: number | null }[];
  holds: Hold[];
  overageConsent: boolean;
}

/** A book under test, with a ledger that stores closes through it, and what a test needs around them. */
export interface BookFixture<Tx> {
  book: ItemBook<Tx>;
  ledger: ActionLedger;
  deliveries: InvoiceLedger;
  keeping: CycleKeeping;
  /** one transaction */
  run<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** @returns its number */
  give(tariff: GivenTariff): Promise<number>;
  terms(plans: readonly PlanTerms[], addOns: readonly AddOnTerms[]): Promise<void>;
  cyclesOf(subscriberId: string): Promise<CycleRow[]>;
  /** what could not be itemised or opened, since it was opened */
  faults: unknown[];
}

/** 'home' at 31.00 a month in advance, 'metered' at 10.00 in arrears with bytes at 1.00 a GB and blocks, 'dear' in dollars. */
export const PLANS: PlanTerms[] = [
  aPlan('home', { recurring: { feeMinor: 3_100, when: 'advance' } }),
  aPlan('fast', { recurring: { feeMinor: 6_200, when: 'advance' } }),
  aPlan('metered', {
    recurring: { feeMinor: 1_000, when: 'arrears' },
    usage: {
      mode: 'graduated',
      includedBytes: 10 * GB,
      tiers: [{ toBytes: null, unitBytes: GB, priceMicro: 100_000_000 }],
    },
  }),
  aPlan('blocks', { overage: { blockBytes: 10 * GB, blockPriceMinor: 500, currency: 'EUR', maxBlocks: 4 } }),
  aPlan('dear', { currency: 'USD', recurring: { feeMinor: 9_900, when: 'advance' } }),
];
/** 'tv' at 7.00 a month in advance. */
export const ADD_ONS: AddOnTerms[] = [
  {
    ...{ addOnId: 'tv', version: 1, name: 'TV', currency: 'EUR', feeMinor: 700, when: 'advance' },
    ...{ capBytes: 0, prorated: false, effectiveFromMs: 0 },
  },
];

/** Terms of a plan for tests. */
export function aPlan(
  planId: string,
  over: Partial<PlanTerms> & Pick<Partial<PlanTerms['metering']>, 'overage'> = {},
): PlanTerms {
  const { overage = null, ...terms } = over;
  return {
    ...{
      planId,
      version: 1,
      name: `Plan ${planId}`,
      currency: 'EUR',
      taxClass: 'standard',
      effectiveFromMs: null,
    },
    ...{ recurring: null, usage: null },
    heldPerMille: { customer: 0, 'non-payment': 1000, fraud: 1000, legal: 1000 },
    metering: {
      ...{
        family: 'f',
        capBytes: 100 * GB,
        counted: 'down',
        downBps: 1,
        upBps: 1,
        overage,
        classFactors: {},
      },
    },
    ...terms,
  };
}

/** A subscriber on a plan from January on. */
export function aTariff(subscriberId: string, planId: string, over: Partial<GivenTariff> = {}): GivenTariff {
  return {
    ...{
      subscriberId,
      currency: 'EUR',
      zone: 'UTC',
      cycle: { kind: 'month', anchorDay: 1 },
      cycleChanges: [],
    },
    assignments: [{ planId, fromMs: JANUARY.startMs, toMs: null }],
    ...{ addOns: [], holds: [], overageConsent: true },
    ...over,
  };
}

/** January of a subscriber that was on one plan all the time. */
export function aClose(
  subscriberId: string,
  planId: string,
  downBytes: number,
  over: Partial<ClosedCycle> = {},
): ClosedCycle {
  const [cycleStartMs, cycleEndMs] = [over.cycleStartMs ?? JANUARY.startMs, over.cycleEndMs ?? JANUARY.endMs];
  const classes = [{ serviceClass: '', downBytes, upBytes: 0 }];
  const part = {
    ...{
      fromMs: cycleStartMs,
      toMs: cycleEndMs,
      planId,
      version: 1,
      unlimited: false,
      countedBytes: downBytes,
    },
    ...{ classes, offPeak: [] },
  };
  return {
    ...{ subscriberId, cycleStartMs, cycleEndMs, planId, classes, adjustedDownBytes: 0, adjustedUpBytes: 0 },
    parts: [part],
    ...{ partition: 0, offset: 1_000 },
    ...over,
  };
}

/** What the slot says of paid blocks; nothing sold and nothing used but what a test says. */
export function overage(over: Partial<ClosedOverage>): { overage: ClosedOverage } {
  return { overage: { blocks: 0, soldBytes: 0, overBytes: 0, correctedBytes: 0, ...over } };
}

/** What comes later to January. */
export function late(
  id: string,
  subscriberId: string,
  downBytes: number,
  over: Partial<UsageAdjustment> = {},
): UsageAdjustment {
  return {
    ...{ id, subscriberId, cycleStartMs: JANUARY.startMs, cycleEndMs: JANUARY.endMs, serviceClass: '' },
    ...{ downBytes, upBytes: 0, reason: 'late-usage', detail: '', partition: 0, offset: 2_000 },
    ...over,
  };
}

/** The intent of a block as the fold makes it. */
export function aBlock(subscriberId: string, block: number, priceMinor = 450): ActionIntent {
  return anIntent({
    ...{ id: overageItemKey(subscriberId, JANUARY.startMs, 'data', block), kind: 'overage', subscriberId },
    ...{ cycleStartMs: JANUARY.startMs, ordinal: block },
    overage: { block, blockBytes: 10 * GB, priceMinor, currency: 'EUR' },
  });
}

/** Items of a subscriber, the first made first. */
export async function itemsOf<Tx>(
  { deliveries }: BookFixture<Tx>,
  subscriberId: string,
): Promise<BillingItem[]> {
  const filter = { accountId: null, subscriberId, type: null, state: null, fromMs: null, toMs: null };
  return (await deliveries.list(filter, 500, null)).items.map(({ item }) => item).reverse();
}

/** What the items of a subscriber come to, by line. */
export async function sums<Tx>(
  fixture: BookFixture<Tx>,
  subscriberId: string,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { line, amountMinor } of await itemsOf(fixture, subscriberId))
    found[line] = (found[line] ?? 0) + amountMinor;
  return found;
}
