import { z } from 'zod';
import { ACTION_KINDS, ACTION_STATES } from '../schemas/action.ts';
import type {
  ConditionView,
  ExplainView,
  FactView,
  PolicyPartView,
  RuleView,
  TimelineAction,
  TimelineEntry,
  TimelineView,
  WishView,
} from '../schemas/timeline-views.ts';
import { conditionResult, count, desiredState, time } from './schema-parts.ts';

const octets = z
  .string()
  .regex(/^-?[0-9]+$/)
  .describe('octets, decimal; negative where they are taken away');
const bytes = { downBytes: octets, upBytes: octets };
const entry = {
  at: time.describe('event time; of what people change and of adjustments when it was stored'),
  text: z.string().describe('one line for people'),
};

const actionFields = {
  id: z.string(),
  action: z.enum(ACTION_KINDS),
  policyId: z.string(),
  policyVersion: z.string(),
  rule: z.string(),
  desired: desiredState,
  state: z.enum(ACTION_STATES),
  detail: z.string().describe('what the other side answered'),
  attempts: count,
  updatedAt: time,
  partition: count.describe('of the log, of the record that caused it'),
  offset: count,
  explanation: z.array(conditionResult),
};

const timelineEntry = z.discriminatedUnion('kind', [
  z.object({
    ...entry,
    ...bytes,
    kind: z.literal('usage'),
    from: time,
    to: time,
    classes: z.array(z.object({ ...bytes, serviceClass: z.string() })),
    estimated: z.boolean().describe('part of it was spread over time by estimate'),
  }),
  z.object({
    ...entry,
    ...bytes,
    kind: z.literal('late-usage'),
    from: time,
    to: time,
    serviceClass: z.string(),
  }),
  z.object({
    ...entry,
    kind: z.literal('session-start'),
    nasId: z.string(),
    sessionId: z.string(),
    estimated: z.boolean(),
    open: z.boolean(),
  }),
  z.object({
    ...entry,
    ...bytes,
    kind: z.literal('session-end'),
    nasId: z.string(),
    sessionId: z.string(),
    start: time,
    cause: z.string(),
  }),
  z.object({
    ...entry,
    ...bytes,
    kind: z.literal('cycle-end'),
    start: time,
    end: time,
    closed: z.boolean().describe('its totals went to billing'),
  }),
  z.object({ ...entry, kind: z.literal('action'), ...actionFields }),
  z.object({
    ...entry,
    kind: z.literal('shadow'),
    policyId: z.string(),
    policyVersion: z.string(),
    rule: z.string(),
    began: z.boolean(),
    event: z.string().nullable(),
    explanation: z.array(conditionResult),
  }),
  z.object({
    ...entry,
    ...bytes,
    kind: z.literal('adjustment'),
    reason: z.string(),
    detail: z.string(),
    cycleStart: time,
    cycleEnd: time,
  }),
  z.object({ ...entry, kind: z.literal('command'), command: z.string(), by: z.string().nullable() }),
  z.object({
    ...entry,
    kind: z.literal('policy-change'),
    policyId: z.string(),
    change: z.string(),
    base: z.string().nullable(),
    candidate: z.string().nullable(),
    by: z.string().nullable(),
  }),
  z.object({
    ...entry,
    kind: z.literal('profile'),
    what: z.enum(['plan', 'top-up', 'hold', 'boost']),
    name: z.string(),
    begins: z.boolean(),
  }),
]) satisfies z.ZodType<TimelineEntry>;

const zone = z.string().describe('IANA zone of the subscriber');

const timeline = z.object({
  subscriberId: z.string(),
  zone,
  from: time,
  to: time,
  entries: z.array(timelineEntry).describe('newest first'),
  next: z.string().nullable().describe('`before` of the next page'),
}) satisfies z.ZodType<TimelineView>;

const fact = z.object({
  name: z.string(),
  value: z.unknown(),
  unit: z.string(),
  known: z.enum(['stored', 'reconstructed', 'as of now', 'not known']),
  description: z.string(),
}) satisfies z.ZodType<FactView>;

const condition = z.object({
  depth: count.describe('how deep it lies in those above'),
  group: z.enum(['all', 'any', 'not']).nullable().describe('null = a comparison'),
  named: z.string().nullable().describe('named condition that it comes from'),
  fact: z.string().nullable(),
  operator: z.string().nullable(),
  expected: z.unknown(),
  actual: z.unknown(),
  result: z.boolean().nullable().describe('by json-rules-engine; null = not asked, as others had decided'),
  text: z.string(),
}) satisfies z.ZodType<ConditionView>;

const rule = z.object({
  rule: z.string(),
  priority: z.number(),
  asks: z.string(),
  holds: z.boolean().describe('its conditions hold'),
  acting: z.boolean().nullable().describe('it has begun and not ended; null = not known'),
  since: time.nullable(),
  until: z.string().nullable().describe('how long what it asks for is held; null where nothing lasts'),
  conditions: z.array(condition),
}) satisfies z.ZodType<RuleView>;

const policyPart = z.object({
  policyId: z.string(),
  policyVersion: z.string(),
  role: z.enum(['base', 'candidate']),
  mode: z.enum(['off', 'shadow', 'percent', 'enforce']),
  applies: z.boolean(),
  why: z.string(),
  rules: z.array(rule),
}) satisfies z.ZodType<PolicyPartView>;

const wish = z.object({
  by: z.string(),
  wants: z.string(),
  wins: z.boolean(),
}) satisfies z.ZodType<WishView>;

const action = z.object(actionFields) satisfies z.ZodType<TimelineAction>;

const explanation = z.object({
  subscriberId: z.string(),
  zone,
  at: time.describe('event time of the facts'),
  basis: z.enum(['stored', 'reconstructed']),
  notes: z.array(z.string()).describe('what the reader must know of how this came about'),
  desired: desiredState,
  because: z.string(),
  wishes: z.array(wish).describe('strongest first'),
  lastChange: action.nullable().describe('the last action that set the line, and what the network answered'),
  lastDecision: z.object({ ...actionFields, at: time }).nullable(),
  nextDue: time.nullable().describe('when something changes by itself at the latest'),
  policies: z.array(policyPart),
  facts: z.array(fact),
  timeline: z.array(timelineEntry).describe('newest first'),
}) satisfies z.ZodType<ExplainView>;

/** Answers about a subscriber's past by the name that OpenAPI gives them. */
export const TIMELINE_SCHEMAS = { Timeline: timeline, Explanation: explanation } as const;
