import type { ConditionResult } from './action.ts';
import type { PolicyFile } from './policy.ts';
import type { ProviderSettings } from './provider.ts';

/** What the API shows of policies. Times are ISO 8601 UTC. */

/** Who gave or published something; null = before it was noted. */
interface AuthorView {
  by: string | null;
  /** the way by which it came */
  source: 'folder' | 'api' | 'cli' | null;
  comment: string;
}

/** A version of a policy, without its content. */
export interface PolicyVersionView extends AuthorView {
  version: string;
  mode: PolicyFile['mode'];
  /** with mode percent; else null */
  percent: number | null;
  description: string;
  /** when it was first given to Weir */
  storedAt: string;
}

/** A version with its content. */
export interface PolicyContentView extends PolicyVersionView {
  id: string;
  file: PolicyFile;
}

/** A version in force. */
export interface PolicyInForceView extends AuthorView {
  version: string;
  mode: PolicyFile['mode'];
  percent: number | null;
  publishedAt: string;
  /** partitions whose worker runs it */
  partitions: number;
}

/** One policy at a glance. */
export interface PolicyView {
  id: string;
  description: string;
  /** acts on whom the candidate does not reach; null = none */
  base: PolicyInForceView | null;
  /** in shadow, or on a share of the subscribers; null = none */
  candidate: PolicyInForceView | null;
  /** partitions whose worker runs something else of it */
  elsewhere: number;
  /** partitions that leave out some of its rules until `weir upgrade-state` */
  waiting: number;
  /** the newest version, where it is not in force: a draft, or what was there before; null = it is */
  newest: string | null;
  /** version of the folder's file, where it is not in force; null = it is, or there is none */
  folderVersion: string | null;
  /** what is wrong with its file in the policies folder: `file:line:column: text`; what was in force stays */
  faults: string[];
}

/** All policies. */
export interface PolicyListView {
  policies: PolicyView[];
  /** partitions of the log */
  partitions: number;
  /** partitions whose worker said what it runs, within two minutes */
  reporting: number;
  /** files of policies folders that were refused */
  refused: { file: string; id: string | null; faults: string[] }[];
}

/** One change of what is in force; `base` and `candidate` are the versions after it. */
export interface PolicyChangeView extends AuthorView {
  at: string;
  kind: 'publish' | 'rollback' | 'withdraw';
  base: string | null;
  candidate: string | null;
}

/** One policy with its history, newest first. */
export interface PolicyDetailView extends PolicyView {
  /** partitions of the log */
  ofPartitions: number;
  versions: PolicyVersionView[];
  changes: PolicyChangeView[];
}

/** Something wrong or doubtful in a text. Lines and columns count from 1. */
export interface PolicyFindingView {
  code: string;
  severity: 'error' | 'warning';
  file: string;
  line: number;
  column: number;
  message: string;
  /** what to write instead; null where nobody can know */
  suggestion: string | null;
}

/** What checking a policy found. */
export interface PolicyCheckView {
  ok: boolean;
  /** id and version that it would have; null with errors */
  id: string | null;
  version: string | null;
  findings: PolicyFindingView[];
  /** null = it has none, or errors */
  tests: { passed: number; failed: number } | null;
}

/** What became of a draft. */
export interface PolicyDraftView {
  id: string;
  version: string;
  /** false = it was stored before */
  stored: boolean;
  findings: PolicyFindingView[];
}

/** What a change did. */
export interface PolicyPublishedView {
  id: string;
  /** false = it is so already, nothing was done */
  changed: boolean;
  base: string | null;
  candidate: string | null;
  /** subscribers whom it acts on at once, by what the shadow decided; null = it was not in shadow */
  actsOn: number | null;
  /** all subscribers */
  subscribers: number;
}

/** Settings of the provider in force. */
export interface ProviderSettingsView extends AuthorView {
  /** null = never set */
  version: string | null;
  publishedAt: string | null;
  settings: ProviderSettings;
}

/** Decisions and distinct subscribers of one kind. */
interface ShadowCountView {
  kind: string;
  decisions: number;
  subscribers: number;
}

/** A subscriber of a report, with why. */
export interface ShadowSampleView {
  subscriberId: string;
  planId: string | null;
  rule: string;
  kind: string | null;
  /** event time */
  decidedAt: string;
  explanation: ConditionResult[];
}

/** What a policy in shadow did beside what the same policy did live. */
export interface ShadowReportView {
  id: string;
  /** versions in shadow that it is about */
  versions: string[];
  since: string;
  shadow: ShadowCountView[];
  live: ShadowCountView[];
  /** subscribers: both act, only the shadow does, only the live one does */
  same: number;
  gained: number;
  lost: number;
  /** of those gained, whom another policy or a hold had already */
  gainedHeld: number;
  byPlan: { planId: string | null; same: number; gained: number; lost: number }[];
  gainedSamples: ShadowSampleView[];
  lostSamples: ShadowSampleView[];
}
