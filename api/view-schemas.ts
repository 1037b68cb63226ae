import { z } from 'zod';
import { ACTION_KINDS, ACTION_STATES } from '../schemas/action.ts';
import { OUTCOMES } from '../schemas/outcome.ts';
import type {
  ActionView,
  HealthView,
  OverviewView,
  RunningCycleView,
  SubscriberView,
} from '../schemas/views.ts';
import { ADMIN_SCHEMAS } from './admin-schemas.ts';
import { BILLING_SCHEMAS } from './billing-schemas.ts';
import { DEAD_LETTER_SCHEMAS } from './dead-letter-schemas.ts';
import { FEED_SCHEMAS } from './feed-schemas.ts';
import { IMPORT_SCHEMAS } from './import-schemas.ts';
import { PLAN_SCHEMAS } from './plan-schemas.ts';
import { POLICY_SCHEMAS } from './policy-schemas.ts';
import type { BadRecord, ProblemBody } from './problem.ts';
import { conditionResult, count, desiredState, each, time } from './schema-parts.ts';
import { TARIFF_SCHEMAS, tariff } from './tariff-schemas.ts';
import { TIMELINE_SCHEMAS } from './timeline-schemas.ts';

const octets = z
  .string()
  .regex(/^[0-9]+$/)
  .describe('octets, decimal; may exceed 2^53');
const bytes = { downBytes: octets, upBytes: octets };
const speed = { downBps: z.number().describe('bit/s'), upBps: z.number().describe('bit/s') };

const action = z.object({
  id: z.string(),
  kind: z.enum(ACTION_KINDS),
  subscriberId: z.string(),
  policyId: z.string(),
  policyVersion: z.string(),
  rule: z.string(),
  state: z.enum(ACTION_STATES),
  detail: z.string(),
  attempts: count,
  desired: desiredState,
  decidedAt: time.describe('event time, UTC'),
  updatedAt: time,
  explanation: z.array(conditionResult),
}) satisfies z.ZodType<ActionView>;

const partition = z.object({
  partition: count,
  position: count.describe('next offset to fold'),
  highWatermark: count,
  lag: count.describe('entries'),
  watermark: time.nullable().describe('event time that has been reached'),
  status: z.enum(['running', 'loading', 'halted', 'egress-held']),
  reason: z.string().nullable(),
});

const overview = z.object({
  version: z.string(),
  startedAt: time,
  recordsPerSecond: z.number(),
  outcomes: each(OUTCOMES, count),
  subscribers: count,
  openSessions: count,
  throttledSubscribers: count,
  lag: count.describe('entries, all partitions'),
  partitions: z.array(partition),
  actions: each(ACTION_STATES, count),
  recentActions: z.array(action),
  flush: z.object({ backlogRows: count, lagSeconds: z.number() }),
}) satisfies z.ZodType<OverviewView>;

const session = z.object({
  ...bytes,
  nasId: z.string(),
  sessionId: z.string(),
  framedIp: z.string().nullable(),
  start: time,
  startEstimated: z.boolean(),
  lastEvent: time,
});

const plan = z.object({ planId: z.string(), capBytes: octets.nullable(), ...speed });

const cycle = z.object({
  ...bytes,
  start: time,
  end: time,
  countedBytes: octets.describe('what counts against the cap'),
  allowanceBytes: octets
    .nullable()
    .describe('cap, what was carried over and top-ups: what it may use for nothing; null = no limit'),
  topUpRemainingBytes: octets.describe('of the top-ups that are live'),
  capUsedPercent: z.number().nullable(),
  parts: z
    .array(
      z.object({ ...bytes, from: time, to: time, planId: z.string().nullable(), unlimited: z.boolean() }),
    )
    .describe('stretches with one plan each, where there is more than one'),
}) satisfies z.ZodType<RunningCycleView>;

const subscriber = z.object({
  subscriberId: z.string(),
  userName: z.string().nullable(),
  segment: z.string().nullable(),
  plan: plan.nullable(),
  cycle: cycle.nullable(),
  previousCycles: z.array(z.object({ ...bytes, start: time, end: time })),
  windows: z.array(z.object({ ...bytes, start: time, nasId: z.string(), serviceClass: z.string() })),
  sessions: z.array(session),
  speed: z.object({ ...speed, reason: z.string() }),
  actions: z.array(action),
  tariff: tariff.exactOptional().describe('what it has and who pays'),
}) satisfies z.ZodType<SubscriberView>;

const health = z.object({ ok: z.boolean(), problems: z.array(z.string()) }) satisfies z.ZodType<HealthView>;

const problem = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().describe('for programs; a closed list'),
  records: z
    .array(z.object({ index: count, detail: z.string() }))
    .optional()
    .describe('which records of the request are wrong, by their index from 0'),
}) satisfies z.ZodType<
  Omit<ProblemBody, 'code' | 'records'> & { code: string; records?: BadRecord[] | undefined }
>;

/** Answers by the name that OpenAPI gives them. Their equality with schemas/views.ts is checked by the compiler. */
export const VIEW_SCHEMAS = {
  Overview: overview,
  Subscriber: subscriber,
  Health: health,
  Problem: problem,
  ...FEED_SCHEMAS,
  ...DEAD_LETTER_SCHEMAS,
  ...TIMELINE_SCHEMAS,
  ...POLICY_SCHEMAS,
  ...PLAN_SCHEMAS,
  ...TARIFF_SCHEMAS,
  ...ADMIN_SCHEMAS,
  ...BILLING_SCHEMAS,
  ...IMPORT_SCHEMAS,
} as const;

/** The same as JSON Schema draft 7 with `$id`, for Fastify. */
export function jsonSchemas(): (Record<string, unknown> & { $id: string })[] {
  return Object.entries(VIEW_SCHEMAS).map(([name, schema]) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-7' });
    return { ...rest, $id: name };
  });
}
