import type { ShadowDecision } from '../schemas/action.ts';
import type { PolicyInForce } from '../schemas/policy.ts';
import type { UsageAdjustment } from '../schemas/usage-record.ts';
import type { PolicyChange } from './policy-ports.ts';
import type { LedgerAction } from './ports.ts';

/** A stretch of a history, [fromMs, throughMs], ms since 1970 UTC; at most `limit` entries of it, the newest first. */
export interface HistorySpan {
  fromMs: number;
  throughMs: number;
  limit: number;
}

/** A change as the audit keeps it. */
export interface AuditEntry {
  /** ms since 1970 UTC, the database's clock */
  atMs: number;
  /** name of an API key; null = not known */
  who: string | null;
  action: string;
  subject: string;
  content: unknown;
}

/** Who changed what. */
export interface AuditTrail {
  /** Entries of one subject with one of these actions, the newest first; of one ms the last written first. */
  of(subject: string, actions: readonly string[], span: HistorySpan): Promise<AuditEntry[]>;
}

/**
 * What is stored of one subscriber besides usage. All lists are the newest first and, of one ms, in the reverse order in which
 * they were stored, so that the same question has the same answer. Each is one read by index. Throws 'unreachable',
 * 'timeout' (retriable).
 */
export interface SubscriberHistory extends AuditTrail {
  /** By the event time of the decision. Costs a look at every newer action of the subscriber. */
  actions(subscriberId: string, span: HistorySpan): Promise<LedgerAction[]>;
  /** By the event time of the decision. */
  shadowDecisions(subscriberId: string, span: HistorySpan): Promise<ShadowDecision[]>;
  /** By the time at which they were stored, the database's clock. */
  adjustments(
    subscriberId: string,
    span: HistorySpan,
  ): Promise<{ atMs: number; adjustment: UsageAdjustment }[]>;
  /** Changes of what is in force of these policies, by the database's clock. */
  policyChanges(policyIds: readonly string[], span: HistorySpan): Promise<PolicyChange[]>;
  /** What was in force of every policy at an instant of the database's clock; those with nothing in force are left out. */
  policiesAt(atMs: number): Promise<Map<string, PolicyInForce>>;
}
