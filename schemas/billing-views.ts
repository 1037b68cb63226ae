import type { ActionState } from './action.ts';
import type { DifferenceClass, ReconciliationKind, ReconciliationSummary } from './billing.ts';
import type { ItemView } from './tariff-views.ts';

/* What the API tells of items, their delivery, and what differs from the billing system. Instants are ISO 8601 UTC. */

/** An item and how its delivery stands. */
export interface DeliveredItemView extends ItemView {
  state: ActionState;
  /** what was said of the last try */
  detail: string;
  attempts: number;
  /** the billing system's own id of it */
  remoteId: string | null;
  createdAt: string;
  updatedAt: string;
}

/** An item that is to be sent again. */
export interface ResentItemView {
  key: string;
  by: string;
}

/** All items of a state that are to be sent again. */
export interface ResentItemsView {
  resent: number;
  by: string;
}

/** A comparison of this side with the other. */
export interface ReconciliationView {
  id: string;
  kind: ReconciliationKind;
  from: string;
  to: string;
  started: string;
  /** null = it runs, or its process went away in between */
  ended: string | null;
  summary: ReconciliationSummary | null;
}

export interface DifferenceView {
  class: DifferenceClass;
  /** key of the item, or id of the account */
  subject: string;
  /** what each side has; null = nothing */
  ours: unknown;
  theirs: unknown;
}

/** A comparison with part of what differed. */
export interface ReconciliationReportView extends ReconciliationView {
  differences: DifferenceView[];
  /** null = there is no more */
  next: string | null;
}

/** A comparison that was begun. */
export interface BegunReconciliationView {
  id: string;
}
