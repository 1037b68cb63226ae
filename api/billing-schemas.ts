import { z } from 'zod';
import { ACTION_STATES } from '../schemas/action.ts';
import { DIFFERENCE_CLASSES, RECONCILIATION_KINDS } from '../schemas/billing.ts';
import type { ReconciliationSummary } from '../schemas/billing.ts';
import type {
  BegunReconciliationView,
  DeliveredItemView,
  DifferenceView,
  ReconciliationReportView,
  ReconciliationView,
  ResentItemsView,
  ResentItemView,
} from '../schemas/billing-views.ts';
import { count, time } from './schema-parts.ts';
import { item, list } from './tariff-parts.ts';

const deliveredItem = item.extend({
  state: z.enum(ACTION_STATES).describe('of its delivery to the billing system'),
  detail: z.string().describe('what was said of the last try'),
  attempts: count,
  remoteId: z.string().nullable().describe('the billing system’s own id of it'),
  createdAt: time,
  updatedAt: time,
}) satisfies z.ZodType<DeliveredItemView>;

const resentItem = z.object({ key: z.string(), by: z.string() }) satisfies z.ZodType<ResentItemView>;

const resentItems = z.object({
  resent: count.describe('items that are on their way'),
  by: z.string(),
}) satisfies z.ZodType<ResentItemsView>;

const summary = z.object({
  ours: count.describe('looked at here'),
  theirs: count.describe('looked at there'),
  leftOut: count.describe('too young, or not delivered yet'),
  differences: z.partialRecord(z.enum(DIFFERENCE_CLASSES), count).describe('all of them, by class'),
  truncated: z.boolean().describe('more differed than is listed'),
  failure: z.string().nullable().describe('why it could not be finished; null = it is complete'),
}) satisfies z.ZodType<ReconciliationSummary>;

const reconciliation = z.object({
  id: z.string(),
  kind: z.enum(RECONCILIATION_KINDS),
  from: time,
  to: time,
  started: time,
  ended: time.nullable().describe('null = it runs, or its process went away in between'),
  summary: summary.nullable().describe('null until it ended'),
}) satisfies z.ZodType<ReconciliationView>;

const difference = z.object({
  class: z.enum(DIFFERENCE_CLASSES),
  subject: z.string().describe('key of the item, or id of the account'),
  ours: z.unknown().describe('null = nothing'),
  theirs: z.unknown().describe('null = nothing'),
}) satisfies z.ZodType<DifferenceView>;

const report = reconciliation.extend({
  differences: z.array(difference).describe('in the order in which they were found'),
  next: z.string().nullable().describe('sent as `after` it gives what follows; null = there is no more'),
}) satisfies z.ZodType<ReconciliationReportView>;

const begun = z.object({ id: z.string() }) satisfies z.ZodType<BegunReconciliationView>;

/** Answers of items and reconciliations, by the name that OpenAPI gives them. */
export const BILLING_SCHEMAS = {
  DeliveredItems: list(deliveredItem),
  BookedItem: item,
  ResentItem: resentItem,
  ResentItems: resentItems,
  Reconciliations: list(reconciliation),
  ReconciliationReport: report,
  BegunReconciliation: begun,
} as const;
