import type { ShadowDecision } from '../../schemas/action.ts';
import type { PolicyInForce, PolicyVersion } from '../../schemas/policy.ts';
import type { UsageAdjustment } from '../../schemas/usage-record.ts';
import type { AuditEntry, HistorySpan, SubscriberHistory } from '../history-ports.ts';
import type { PolicyChange } from '../policy-ports.ts';
import type { LedgerAction } from '../ports.ts';

/** What a history in memory is made of, each in the order in which it was stored. */
export interface StoredHistory {
  actions: LedgerAction[];
  shadows: ShadowDecision[];
  adjustments: { atMs: number; adjustment: UsageAdjustment }[];
  audit: AuditEntry[];
  changes: PolicyChange[];
  /** contents of the versions that the changes name */
  versions: PolicyVersion[];
}

/** The history of subscribers in memory, for unit tests: whoever makes it fills `stored`. */
export class MemorySubscriberHistory implements SubscriberHistory {
  readonly stored: StoredHistory = {
    actions: [],
    shadows: [],
    adjustments: [],
    audit: [],
    changes: [],
    versions: [],
  };

  actions(subscriberId: string, span: HistorySpan): Promise<LedgerAction[]> {
    const own = this.stored.actions.filter(({ intent }) => intent.subscriberId === subscriberId);
    return newest(own, ({ intent }) => intent.decidedAtMs, span);
  }

  shadowDecisions(subscriberId: string, span: HistorySpan): Promise<ShadowDecision[]> {
    const own = this.stored.shadows.filter((each) => each.subscriberId === subscriberId);
    return newest(own, ({ decidedAtMs }) => decidedAtMs, span);
  }

  adjustments(
    subscriberId: string,
    span: HistorySpan,
  ): Promise<{ atMs: number; adjustment: UsageAdjustment }[]> {
    const own = this.stored.adjustments.filter(({ adjustment }) => adjustment.subscriberId === subscriberId);
    return newest(own, ({ atMs }) => atMs, span);
  }

  of(subject: string, actions: readonly string[], span: HistorySpan): Promise<AuditEntry[]> {
    const own = this.stored.audit.filter((each) => each.subject === subject && actions.includes(each.action));
    return newest(own, ({ atMs }) => atMs, span);
  }

  policyChanges(policyIds: readonly string[], span: HistorySpan): Promise<PolicyChange[]> {
    const own = this.stored.changes.filter(({ policyId }) => policyIds.includes(policyId));
    return newest(own, ({ atMs }) => atMs, span);
  }

  policiesAt(atMs: number): Promise<Map<string, PolicyInForce>> {
    const { changes, versions } = this.stored;
    const known = (policyId: string, version: string | null): PolicyVersion | null =>
      versions.find((each) => each.policyId === policyId && each.version === version) ?? null;
    const inForce = new Map<string, PolicyInForce>();
    for (const { policyId, base, candidate, atMs: changedMs } of changes) {
      if (changedMs > atMs) continue;
      inForce.set(policyId, { base: known(policyId, base), candidate: known(policyId, candidate) });
    }
    const left = [...inForce].filter(([, { base, candidate }]) => base !== null || candidate !== null);
    return Promise.resolve(structuredClone(new Map(left.sort(([a], [b]) => (a < b ? -1 : 1)))));
  }
}

function newest<T>(items: readonly T[], atMs: (item: T) => number, span: HistorySpan): Promise<T[]> {
  const { fromMs, throughMs, limit } = span;
  const within = items.filter((item) => atMs(item) >= fromMs && atMs(item) <= throughMs).reverse();
  // Stable: what was stored last comes first within one ms.
  within.sort((a, b) => atMs(b) - atMs(a));
  return Promise.resolve(structuredClone(within.slice(0, limit)));
}
