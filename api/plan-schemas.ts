import { z } from 'zod';
import type {
  AddOnVersionView,
  ListView,
  MeteringView,
  PlanSummaryView,
  PlanTermsView,
  PlanVersionView,
  PlanView,
} from '../schemas/tariff-views.ts';
import { count, time } from './schema-parts.ts';
import { list, octets, speed } from './tariff-parts.ts';

const perMille = z.int().describe('per mille');
const when = z.enum(['advance', 'arrears']);

const metering = z.object({
  family: z.string(),
  capBytes: octets.nullable().describe('a cycle; null = no cap'),
  counted: z.enum(['down', 'up', 'both', 'max']),
  downBps: z.number().describe('bit/s'),
  upBps: z.number().describe('bit/s'),
  overage: z
    .object({ blockBytes: octets, blockPriceMinor: z.int(), maxBlocks: z.int().nullable() })
    .nullable()
    .describe('paid blocks beyond the cap; null = none'),
  classFactors: z.record(z.string(), perMille).describe('share that counts, by service class'),
  offPeakFactors: z.record(z.string(), perMille).describe('the same off-peak, * = all other classes'),
  capProration: z.enum(['whole', 'prorated']).describe('what a part of a cycle gives of the cap'),
  usedBefore: z.enum(['counts', 'fresh']).describe('bytes used before a change to this plan'),
  carryOver: z.object({ limitBytes: octets }).nullable().describe('into the next cycle; null = nothing'),
  throttled: speed.nullable().describe('speed of a line that used its cap up; null = policies say it'),
}) satisfies z.ZodType<MeteringView>;

const terms = z.object({
  name: z.string(),
  currency: z.string(),
  taxClass: z.string(),
  recurring: z.object({ feeMinor: z.int(), when }).nullable().describe('fee of a whole cycle'),
  usage: z
    .object({
      mode: z.enum(['graduated', 'volume', 'package']),
      tiers: z.array(
        z.object({
          toBytes: octets.nullable().describe('null = no end'),
          unitBytes: octets,
          priceMicro: z.int().describe('of a unit, millionths of a minor unit'),
        }),
      ),
      includedBytes: octets,
    })
    .nullable(),
  heldPerMille: z
    .object({ 'non-payment': perMille, customer: perMille, fraud: perMille, legal: perMille })
    .describe('share of the fees while the service is on hold'),
  metering,
}) satisfies z.ZodType<PlanTermsView>;

const planVersion = z.object({
  planId: z.string(),
  version: count,
  effectiveFrom: time
    .nullable()
    .describe('holds from the first cycle or assignment that begins at or after it; null = for any'),
  terms,
}) satisfies z.ZodType<PlanVersionView>;

const summaryShape = { planId: z.string(), name: z.string(), archived: z.boolean(), revision: count };
const summary = z.object(summaryShape) satisfies z.ZodType<PlanSummaryView>;

const plan = z.object({
  ...summaryShape,
  current: planVersion.nullable().describe('of cycles that begin now; null = metered alone, or none'),
  upcoming: z.array(planVersion),
}) satisfies z.ZodType<PlanView>;

const addOnVersion = z.object({
  addOnId: z.string(),
  version: count,
  name: z.string(),
  currency: z.string(),
  feeMinor: z.int(),
  when,
  capBytes: octets.describe('on top of the cap, every cycle'),
  prorated: z.boolean(),
  effectiveFrom: time,
}) satisfies z.ZodType<AddOnVersionView>;

/** Answers about plans and add-ons, by the name that OpenAPI gives them. */
export const PLAN_SCHEMAS = {
  Plan: plan,
  PlanSummary: summary,
  Plans: list(summary) satisfies z.ZodType<ListView<PlanSummaryView>>,
  PlanVersion: planVersion,
  PlanVersions: z.object({ versions: z.array(planVersion) }),
  AddOnVersion: addOnVersion,
  AddOnVersions: z.object({ versions: z.array(addOnVersion) }),
} as const;
