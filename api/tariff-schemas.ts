import { z } from 'zod';
import type {
  AccountView,
  CycleChangeView,
  CycleSummaryView,
  CycleView,
  ErasureView,
  ListView,
  PoolSummaryView,
  PoolUsageView,
  PoolView,
  PreviewView,
  SubscriberChangeView,
  SubscriberSummaryView,
  SubscriberTariffView,
  TopUpChangeView,
  TopUpView,
} from '../schemas/tariff-views.ts';
import { count, time } from './schema-parts.ts';
import { charged, cycleRule, dated, list, money, octets, rowSource, span, speed } from './tariff-parts.ts';

const holdKind = z.enum(['non-payment', 'customer', 'fraud', 'legal']);

const account = z.object({
  accountId: z.string(),
  currency: z.string(),
  taxClass: z.string(),
  cycle: cycleRule,
  cycleChanges: z
    .array(z.object({ from: time, cycle: cycleRule, source: rowSource }))
    .describe('each rule holds from its instant on'),
  billingStatus: z.enum(['current', 'overdue', 'suspended']),
  billingRef: z.string().nullable().describe('its id in the billing system; null = ours'),
  revision: count,
}) satisfies z.ZodType<AccountView>;

const cycleChange = z.object({
  account,
  from: time.nullable().describe('the new rule holds from here on; null = it held already'),
  stub: span.nullable().describe('the cycle between both rules, in the zone of the first service'),
  ...charged,
}) satisfies z.ZodType<CycleChangeView>;

const topUp = z.object({
  id: z.string(),
  kind: z.enum(['bytes', 'boost', 'unlimited']),
  bytes: octets.nullable(),
  speed: speed.nullable(),
  from: time.nullable(),
  expires: time.nullable(),
  source: rowSource,
  productId: z.string().nullable(),
  cancelled: time.nullable(),
}) satisfies z.ZodType<TopUpView>;

/** What one subscriber has; a part of the answer of `/v1/subscribers/:id`. */
export const tariff = z.object({
  account,
  externalId: z.string().nullable(),
  segment: z.string(),
  tags: z.array(z.string()),
  zone: z.string(),
  overageConsent: z.boolean(),
  credentials: z.array(z.object({ userName: z.string(), ...dated })),
  assignments: z.array(z.object({ id: z.string(), planId: z.string(), source: rowSource, ...dated })),
  addOns: z.array(z.object({ id: z.string(), addOnId: z.string(), ...dated })),
  topUps: z.array(topUp),
  holds: z.array(z.object({ id: z.string(), kind: holdKind, source: rowSource, ...dated })),
  pools: z.array(z.object({ poolId: z.string(), source: rowSource, ...dated })),
  cycle: span.describe('running billing cycle'),
  terminatedAt: time.nullable(),
  revision: count,
}) satisfies z.ZodType<SubscriberTariffView>;

const summary = z.object({
  subscriberId: z.string(),
  accountId: z.string(),
  segment: z.string(),
  planId: z.string().nullable(),
  status: z.enum(['active', 'held', 'terminated']),
  revision: count,
}) satisfies z.ZodType<SubscriberSummaryView>;

const change = z.object({
  subscriberId: z.string(),
  id: z.string().nullable().describe('of the row that it made or ended'),
  ...charged,
  tariff,
}) satisfies z.ZodType<SubscriberChangeView>;

const preview = z.object({
  ...charged,
  allowance: z
    .object({ before: octets.nullable(), after: octets.nullable() })
    .describe('of the running cycle; null = no limit, or not known'),
  countedBytes: z
    .object({ before: octets.nullable(), after: octets.nullable() })
    .describe('what of the running cycle counts against it; null = not known'),
  cycle: span,
}) satisfies z.ZodType<PreviewView>;

const poolShape = {
  poolId: z.string(),
  allowanceBytes: octets.nullable().describe('of all members together, a cycle; null = no limit'),
  zone: z.string(),
  anchorDay: count,
  cycle: cycleRule.nullable().describe('null = monthly on anchorDay'),
  segment: z.string(),
  planId: z.string().nullable(),
  overageConsent: z.boolean(),
  billTo: z.string().describe('subscriber that notices and charges go to'),
};
const poolSummary = z.object(poolShape) satisfies z.ZodType<PoolSummaryView>;

const poolUsage = z.object({
  cycle: span.nullable(),
  usedBytes: octets,
  allowanceBytes: octets.nullable(),
  usedPercent: z.number().nullable(),
  members: z.array(z.object({ subscriberId: z.string(), usedBytes: octets, left: z.boolean() })),
  rules: z
    .array(
      z.object({
        policyId: z.string(),
        rule: z.string(),
        policyVersion: z.string(),
        state: z.enum(['throttle', 'redirect', 'block', 'hold', 'boost']),
      }),
    )
    .describe('in force for all members'),
}) satisfies z.ZodType<PoolUsageView>;

const pool = z.object({
  ...poolShape,
  revision: count,
  topUps: z.array(
    z.object({ id: z.string(), bytes: octets, from: time.nullable(), expires: time.nullable() }),
  ),
  members: z.array(z.object({ subscriberId: z.string(), ...dated })),
  usage: poolUsage.nullable().describe('as of its worker’s last commit; null = nothing yet'),
}) satisfies z.ZodType<PoolView>;

const cycleShape = {
  subscriberId: z.string(),
  start: time,
  end: time,
  status: z.enum(['open', 'closing', 'closed']),
  closedAt: time.nullable(),
  termsDiffer: z.boolean().describe('what was metered and who had what differ'),
};
const cycleSummary = z.object(cycleShape) satisfies z.ZodType<CycleSummaryView>;

const cycle = z.object({
  ...cycleShape,
  totals: z.object({ downBytes: octets, upBytes: octets }).nullable(),
  parts: z
    .array(
      z.object({
        from: time,
        to: time,
        planId: z.string(),
        version: count,
        unlimited: z.boolean(),
        countedBytes: octets,
      }),
    )
    .nullable()
    .describe('stretches with one plan version each; null = not closed, or of an older layout'),
  allowance: z
    .object({
      baseBytes: octets.nullable(),
      carryInBytes: octets,
      carryOutBytes: octets,
      topUps: z.array(z.object({ id: z.string(), usedBytes: octets })),
    })
    .nullable(),
  overage: z
    .object({ blocks: count, soldBytes: octets, overBytes: octets, correctedBytes: octets })
    .nullable(),
  items: count.describe('that are of it'),
  sum: money.nullable().describe('what they come to; null = there are none'),
}) satisfies z.ZodType<CycleView>;

/** Answers about accounts, subscribers, pools and cycles, by the name that OpenAPI gives them. */
export const TARIFF_SCHEMAS = {
  Account: account,
  Accounts: list(account) satisfies z.ZodType<ListView<AccountView>>,
  CycleChange: cycleChange,
  Subscribers: list(summary) satisfies z.ZodType<ListView<SubscriberSummaryView>>,
  SubscriberTariff: tariff,
  SubscriberChange: change,
  Preview: preview,
  TopUps: z.object({ topUps: z.array(topUp) }),
  TopUpChange: z.object({ topUp, ...charged }) satisfies z.ZodType<TopUpChangeView>,
  Erasure: z.object({
    subscriberId: z.string(),
    erased: z.record(z.string(), count).describe('values that went, by what they were'),
  }) satisfies z.ZodType<ErasureView>,
  Pool: pool,
  PoolSummary: poolSummary,
  Pools: list(poolSummary) satisfies z.ZodType<ListView<PoolSummaryView>>,
  Cycles: list(cycle) satisfies z.ZodType<ListView<CycleView>>,
  CycleSummaries: list(cycleSummary) satisfies z.ZodType<ListView<CycleSummaryView>>,
} as const;
