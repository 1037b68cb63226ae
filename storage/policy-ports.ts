import type { ActionKind, ShadowDecision } from '../schemas/action.ts';
import type { PolicyEventType, PolicyVersion } from '../schemas/policy.ts';
import type { ProviderSettings } from '../schemas/provider.ts';

/** The way by which a change came. */
export const CHANGE_SOURCES = ['folder', 'api', 'cli'] as const;
export type ChangeSource = (typeof CHANGE_SOURCES)[number];

/** Who changes something, and why. */
export interface Authorship {
  /** name of the key; `folder` for the policies folder */
  by: string;
  source: ChangeSource;
  comment: string;
}

/** A version as it is kept. What is null was stored before it was noted. Times are ms since 1970 UTC. */
export interface StoredPolicyVersion extends PolicyVersion {
  storedAtMs: number;
  by: string | null;
  source: ChangeSource | null;
  comment: string;
}

/** One change of what is in force of a policy id; `base` and `candidate` are the versions after it. */
export interface PolicyChange {
  policyId: string;
  kind: 'publish' | 'rollback' | 'withdraw';
  base: string | null;
  candidate: string | null;
  atMs: number;
  by: string | null;
  source: ChangeSource;
  comment: string;
}

/** What is in force of one policy id, and the change by which each came into force. */
export interface PolicyHead {
  policyId: string;
  base: { version: StoredPolicyVersion; change: PolicyChange } | null;
  candidate: { version: StoredPolicyVersion; change: PolicyChange } | null;
  /** the newest version that was stored, in force or not */
  newest: StoredPolicyVersion;
  /** version that the folder's file had when it was last taken; null = never */
  folderVersion: string | null;
}

/** Provider settings in force; `by` and so on are those of their publication. */
export interface StoredSettings {
  version: string;
  settings: ProviderSettings;
  publishedAtMs: number;
  by: string | null;
  source: ChangeSource | null;
  comment: string;
}

/** What of a policies folder is to come into force. */
export interface FolderContent {
  /** null = the folder says nothing of them */
  settings: ProviderSettings | null;
  /** one a policy id */
  policies: readonly PolicyVersion[];
}

/**
 * Versions of policies and of provider settings, and which are in force. Each change writes versions, heads, audit and
 * controls in one transaction, one after the other: the log has them in the order of their commits. What is in force
 * already makes no change and no control; that somebody asked for it is audited (`"changed": false`). All throw 'unreachable', 'timeout' (retriable).
 */
export interface PolicyStore {
  /** Keeps a version that is not in force. True where it was not known. @throws AppError 'conflict': known with other content */
  draft(policy: PolicyVersion, author: Authorship): Promise<boolean>;
  /**
   * Brings versions into force, each by its mode: enforce and off become the base and end a candidate, shadow and percent
   * become the candidate. Returns the changes, in order. @throws AppError 'conflict' as draft
   */
  publish(policies: readonly PolicyVersion[], author: Authorship): Promise<PolicyChange[]>;
  /** Notes that somebody had a policy checked; null = its id, or version, can not be said. */
  noteValidated(policyId: string | null, version: string | null, author: Authorship): Promise<void>;
  /**
   * As publish, for what a policies folder holds: only what was never taken from a folder. An unchanged file does not undo
   * what people published since, nor do two folders that differ undo each other.
   * @param changed policy ids and `provider.json` whose files were seen to change: those go back to a content of before too
   */
  takeFolder(
    content: FolderContent,
    author: Authorship,
    changed?: ReadonlySet<string>,
  ): Promise<{ changes: PolicyChange[]; settings: boolean }>;
  /** Ids of those that takeFolder would take. */
  untaken(policies: readonly PolicyVersion[], changed?: ReadonlySet<string>): Promise<string[]>;
  /**
   * Back to what was before: a candidate is dropped; without one the base before this one comes back, and where there was
   * none the policy is withdrawn. @throws AppError 'not-found' (no such policy), 'conflict' (there is nothing before it)
   */
  rollback(policyId: string, author: Authorship): Promise<PolicyChange>;
  /** Nothing of it stays in force; null where nothing was. @throws AppError 'not-found' */
  withdraw(policyId: string, author: Authorship): Promise<PolicyChange | null>;
  /** All policies that have a version, by id. */
  heads(): Promise<PolicyHead[]>;
  head(policyId: string): Promise<PolicyHead | null>;
  /** The newest first. */
  versions(policyId: string, limit: number): Promise<StoredPolicyVersion[]>;
  version(policyId: string, version: string): Promise<StoredPolicyVersion | null>;
  /** Versions that are the same but for mode and percent, this one too. */
  inOtherModes(policyId: string, version: string): Promise<string[]>;
  /** The newest first. */
  changes(policyId: string, limit: number): Promise<PolicyChange[]>;
  /** null = never set */
  settings(): Promise<StoredSettings | null>;
  /** False where they are in force already. */
  putSettings(settings: ProviderSettings, author: Authorship): Promise<boolean>;
}

/** Versions in force of one policy, as a slot has them; null = none. */
export interface VersionsInForce {
  base: string | null;
  candidate: string | null;
}

/** What a slot runs of one policy. */
export interface PoliciesOfSlot extends VersionsInForce {
  /** some of its rules are left out until the state is written in a newer layout */
  waits?: boolean;
}

/** What a slot runs. */
export interface PartitionPolicies {
  partition: number;
  /** next offset to fold */
  position: number;
  /** layout that it is written in */
  layout: number;
  policies: Record<string, PoliciesOfSlot>;
}

/** A file of the policies folder that was refused, with what is wrong: `file:line:column: text`. */
export interface RefusedFile {
  file: string;
  /** id of its policy, where that can be read */
  policyId: string | null;
  faults: string[];
}

/** What a process found in its policies folder. */
export interface FolderReport {
  folder: string;
  files: number;
  refused: RefusedFile[];
}

/** What workers run and what folders hold; each row is written again and again, and old ones count no more. */
export interface PolicyReports {
  /** Replaces all that this reporter said before. Idempotent. */
  report(reporter: string, partitions: readonly PartitionPolicies[]): Promise<void>;
  /** The newest of each partition that is not stale, by partition. */
  partitions(): Promise<PartitionPolicies[]>;
  reportFolder(reporter: string, report: FolderReport): Promise<void>;
  /** Of every process, those not stale. */
  folders(): Promise<FolderReport[]>;
}

/** Which shadow decisions; what is null does not restrict. Times are those of storing, ms since 1970 UTC. */
export interface ShadowFilter {
  policyId: string;
  versions: readonly string[] | null;
  subscriberId: string | null;
  fromMs: number | null;
  toMs: number | null;
}

/**
 * A time in which a policy was in shadow without a break, whatever its versions: a rule's state goes from one to the next.
 * Times are those of changes, ms since 1970 UTC.
 */
export interface ShadowPeriod {
  beganMs: number;
  /** null = it is in shadow. Not included: with the end of a shadow all that it began ends. */
  untilMs: number | null;
}

/** Decisions and distinct subscribers of one kind. */
export interface ShadowCount {
  kind: PolicyEventType | ActionKind;
  decisions: number;
  subscribers: number;
}

/** A subscriber of a comparison, with why. */
export interface ShadowSample {
  subscriberId: string;
  planId: string | null;
  rule: string;
  /** null = the rule is gone */
  kind: PolicyEventType | ActionKind | null;
  decidedAtMs: number;
  explanation: ShadowDecision['explanation'];
}

/**
 * What a policy in shadow did beside what the same policy did live. A subscriber counts where something was stored as begun
 * within the time, or before and had not ended.
 */
export interface ShadowComparison {
  /** what the shadow began */
  shadow: ShadowCount[];
  /** what live versions of the policy did */
  live: ShadowCount[];
  /** distinct subscribers: both act, only the shadow does, only the live one does */
  same: number;
  gained: number;
  lost: number;
  /** of those gained, how many another policy or a hold had already at that moment */
  gainedHeld: number;
  /** by plan, the most concerned first; null = not known */
  byPlan: { planId: string | null; same: number; gained: number; lost: number }[];
  gainedSamples: ShadowSample[];
  lostSamples: ShadowSample[];
}

/** What policies in shadow decided; the ledger stores it. */
export interface ShadowDecisions {
  /** Newest first; `before` is the `seq` that the page before ended with. */
  list(
    filter: ShadowFilter,
    limit: number,
    before: string | null,
  ): Promise<{ seq: string; decision: ShadowDecision }[]>;
  /**
   * Distinct subscribers on whom something was begun in the period, by whichever version, and had not ended by its end;
   * null = nothing was decided in it.
   */
  holding(policyId: string, period: ShadowPeriod): Promise<number | null>;
  /** From `sinceMs`, which lies in the period, to its end. What had begun before in the period and had not ended counts. */
  compare(
    policyId: string,
    period: ShadowPeriod,
    sinceMs: number,
    samples: number,
  ): Promise<ShadowComparison>;
}
