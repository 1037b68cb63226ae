import { z } from 'zod';
import type { PolicyFile } from '../schemas/policy.ts';
import type {
  PolicyChangeView,
  PolicyCheckView,
  PolicyContentView,
  PolicyDetailView,
  PolicyDraftView,
  PolicyFindingView,
  PolicyInForceView,
  PolicyListView,
  PolicyPublishedView,
  PolicyVersionView,
  PolicyView,
  ProviderSettingsView,
  ShadowReportView,
  ShadowSampleView,
} from '../schemas/policy-views.ts';
import { CHANGE_SOURCES } from '../storage/policy-ports.ts';
import { count, time } from './schema-parts.ts';

const MODES = ['off', 'shadow', 'percent', 'enforce'] as const;
const source = z.enum(CHANGE_SOURCES);
const author = {
  by: z.string().nullable().describe('name of the key; null = not known'),
  source: source.nullable().describe('the way by which it came'),
  comment: z.string(),
};
const version = z.string().describe('SHA-256 of the content');
const mode = z.enum(MODES);
const percent = z.number().nullable().describe('with mode percent; else null');

const inForce = z.object({
  ...{ version, mode, percent },
  publishedAt: time,
  ...author,
  partitions: count.describe('partitions whose worker runs it'),
}) satisfies z.ZodType<PolicyInForceView>;

const policyShape = {
  id: z.string(),
  description: z.string(),
  base: inForce.nullable().describe('acts on whom the candidate does not reach'),
  candidate: inForce.nullable().describe('in shadow, or on a share of the subscribers'),
  elsewhere: count.describe('partitions whose worker runs something else of it'),
  waiting: count.describe('partitions that leave out some of its rules until `weir upgrade-state`'),
  newest: version.nullable().describe('the newest version, where it is not in force; null = it is'),
  folderVersion: version.nullable().describe('version of the folder’s file, where it is not in force'),
  faults: z.array(z.string()).describe('what is wrong with its file: `file:line:column: text`'),
};
const policy = z.object(policyShape) satisfies z.ZodType<PolicyView>;

const list = z.object({
  policies: z.array(policy),
  partitions: count.describe('of the log'),
  reporting: count.describe('partitions whose worker said what it runs, within two minutes'),
  refused: z.array(z.object({ file: z.string(), id: z.string().nullable(), faults: z.array(z.string()) })),
}) satisfies z.ZodType<PolicyListView>;

const versionShape = {
  ...{ version, mode, percent },
  description: z.string(),
  storedAt: time.describe('when it was first given to Weir'),
  ...author,
};
const versionView = z.object(versionShape) satisfies z.ZodType<PolicyVersionView>;

const change = z.object({
  at: time,
  kind: z.enum(['publish', 'rollback', 'withdraw']),
  base: version.nullable(),
  candidate: version.nullable(),
  ...author,
}) satisfies z.ZodType<PolicyChangeView>;

const detail = z.object({
  ...policyShape,
  ofPartitions: count.describe('of the log'),
  versions: z.array(versionView).describe('the newest first'),
  changes: z.array(change).describe('the newest first'),
}) satisfies z.ZodType<PolicyDetailView>;

/** Its form is docs/facts.md's and schemas/policy.schema.json's; it goes out as it was given. */
const file = z.record(z.string(), z.unknown()) as unknown as z.ZodType<PolicyFile>;
const content = z.object({ ...versionShape, id: z.string(), file }) satisfies z.ZodType<PolicyContentView>;

const finding = z.object({
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  file: z.string(),
  line: count,
  column: count,
  message: z.string(),
  suggestion: z.string().nullable(),
}) satisfies z.ZodType<PolicyFindingView>;

const check = z.object({
  ok: z.boolean(),
  id: z.string().nullable(),
  version: version.nullable(),
  findings: z.array(finding),
  tests: z.object({ passed: count, failed: count }).nullable().describe('null = none, or not run'),
}) satisfies z.ZodType<PolicyCheckView>;

const draft = z.object({
  id: z.string(),
  version,
  stored: z.boolean().describe('false = it was stored before'),
  findings: z.array(finding).describe('warnings'),
}) satisfies z.ZodType<PolicyDraftView>;

const published = z.object({
  id: z.string(),
  changed: z.boolean().describe('false = it is so already'),
  base: version.nullable(),
  candidate: version.nullable(),
  actsOn: count.nullable().describe('subscribers on whom it acts at once; null = it was not in shadow'),
  subscribers: count,
}) satisfies z.ZodType<PolicyPublishedView>;

const settings = z.object({
  offPeak: z.object({
    hours: z.array(z.object({ days: z.array(z.number()), from: z.string(), to: z.string() })),
    dates: z.array(z.string()),
  }),
  throttleProfiles: z.record(z.string(), z.object({ downBps: z.number(), upBps: z.number() })),
  redirectProfiles: z.array(z.string()),
  topUps: z.record(
    z.string(),
    z.object({
      bytes: z.number(),
      priceMinor: z.number(),
      currency: z.string(),
      validSeconds: z.number().nullable(),
    }),
  ),
  neutrality: z.boolean(),
});
const settingsView = z.object({
  version: version.nullable().describe('null = never set'),
  publishedAt: time.nullable(),
  settings,
  ...author,
}) satisfies z.ZodType<ProviderSettingsView>;

const counts = z.array(z.object({ kind: z.string(), decisions: count, subscribers: count }));
const sample = z.object({
  subscriberId: z.string(),
  planId: z.string().nullable(),
  rule: z.string(),
  kind: z.string().nullable(),
  decidedAt: time.describe('event time, UTC'),
  explanation: z.array(
    z.object({
      fact: z.string(),
      operator: z.string(),
      expected: z.unknown(),
      actual: z.unknown(),
      result: z.boolean(),
    }),
  ),
}) satisfies z.ZodType<ShadowSampleView>;
const sides = { same: count, gained: count, lost: count };

const shadowReport = z.object({
  id: z.string(),
  versions: z.array(version),
  since: time,
  shadow: counts.describe('what the shadow began'),
  live: counts.describe('what the same policy did live'),
  ...sides,
  gainedHeld: count.describe('of those gained, whom another policy or a hold had already'),
  byPlan: z.array(z.object({ planId: z.string().nullable(), ...sides })),
  gainedSamples: z.array(sample),
  lostSamples: z.array(sample),
}) satisfies z.ZodType<ShadowReportView>;

/** Answers about policies, by the name that OpenAPI gives them. */
export const POLICY_SCHEMAS = {
  PolicyList: list,
  Policy: detail,
  PolicyVersion: content,
  PolicyCheck: check,
  PolicyDraft: draft,
  PolicyPublished: published,
  ProviderSettings: settingsView,
  ShadowReport: shadowReport,
} as const;
