import { z } from 'zod';
import type {
  AuditEntryView,
  JobPausedView,
  JobRequestView,
  JobRunsView,
  JobRunView,
  JobsView,
  JobView,
  KeysView,
  KeyView,
  NewKeyView,
  RevokedKeyView,
} from '../schemas/admin-views.ts';
import { ROLES } from '../schemas/roles.ts';
import { count, time } from './schema-parts.ts';
import { list } from './tariff-parts.ts';

const run = z.object({
  id: count,
  due: time.nullable().describe('the time it was for; null = none: by hand'),
  by: z.string().nullable().describe('who asked for it; null = nobody, it was due'),
  started: time,
  ended: time.nullable().describe('null = it runs'),
  durationMs: count.nullable(),
  outcome: z
    .enum(['done', 'failed', 'lost'])
    .nullable()
    .describe('lost = the process that led the jobs went away; what it was for is due again'),
  error: z.string().nullable(),
  result: z.unknown().describe('how far it is; in the end what it did'),
}) satisfies z.ZodType<JobRunView>;

const job = z.object({
  name: z.string(),
  cron: z.string().describe('when it is due, in UTC'),
  nextDue: time.nullable().describe('null = never; in the past = it waits for its turn'),
  paused: z.boolean().describe('it runs by hand alone'),
  requestedBy: z.string().nullable().describe('who asked for a run that has not begun'),
  running: run.nullable(),
  lastRun: run.nullable().describe('the last one that ended'),
}) satisfies z.ZodType<JobView>;

const jobs = z.object({ jobs: z.array(job).describe('by name') }) satisfies z.ZodType<JobsView>;

const jobRuns = z.object({
  runs: z.array(run).describe('the last one first'),
}) satisfies z.ZodType<JobRunsView>;

const jobRequest = z.object({ name: z.string(), by: z.string() }) satisfies z.ZodType<JobRequestView>;

const jobPaused = z.object({
  name: z.string(),
  paused: z.boolean(),
  by: z.string(),
}) satisfies z.ZodType<JobPausedView>;

const about = {
  id: z.string(),
  name: z.string(),
  roles: z.array(z.enum(ROLES)),
  expires: time.nullable().describe('null = it works until it is revoked'),
  rateLimit: count.nullable().describe('requests a minute; null = the usual limit'),
};

const key = z.object({
  ...about,
  prefix: z.string().nullable().describe('its first characters; null = made before they were kept'),
  created: time,
  createdBy: z.string().nullable(),
  lastUsed: time.nullable().describe('to the minute or so; null = never'),
  revoked: time.nullable(),
}) satisfies z.ZodType<KeyView>;

const keys = z.object({ keys: z.array(key).describe('the last made first') }) satisfies z.ZodType<KeysView>;

const newKey = z.object({
  ...about,
  prefix: z.string(),
  key: z.string().describe('told here and never again'),
}) satisfies z.ZodType<NewKeyView>;

const revokedKey = z.object({ id: z.string() }) satisfies z.ZodType<RevokedKeyView>;

const auditEntry = z.object({
  id: z.string(),
  at: time,
  who: z.string().nullable().describe('name of the key; null = the system'),
  action: z.string(),
  subject: z.string().describe('id of what was changed'),
  content: z.unknown(),
}) satisfies z.ZodType<AuditEntryView>;

/** Answers about jobs, keys and the audit, by the name that OpenAPI gives them. */
export const ADMIN_SCHEMAS = {
  Jobs: jobs,
  JobRuns: jobRuns,
  JobRequest: jobRequest,
  JobPaused: jobPaused,
  Keys: keys,
  NewKey: newKey,
  RevokedKey: revokedKey,
  AuditEntries: list(auditEntry),
} as const;
