import type { ActionKind, ActionState, ConditionResult, DesiredState } from './action.ts';
import type { BytesView } from './views.ts';

/** Of every entry. `text` is one line for people. Times are ISO 8601 UTC. */
interface EntryBase {
  /** event time; of what people change and of adjustments when it was stored */
  at: string;
  text: string;
}

/** An action as a timeline tells it: why it was decided, and what the other side answered. */
export interface TimelineAction {
  id: string;
  action: ActionKind;
  policyId: string;
  policyVersion: string;
  rule: string;
  desired: DesiredState;
  state: ActionState;
  /** what the other side answered */
  detail: string;
  attempts: number;
  /** when its state last changed */
  updatedAt: string;
  /** place of the record that caused it, in the log */
  partition: number;
  offset: number;
  explanation: ConditionResult[];
}

/** What happened to a subscriber. */
export type TimelineEntry = EntryBase &
  (
    | ({
        kind: 'usage';
        from: string;
        to: string;
        /** by service class, '' = the default class */
        classes: (BytesView & { serviceClass: string })[];
        /** part of it was spread over time by estimate */
        estimated: boolean;
      } & BytesView)
    /** arrived after its window was closed */
    | ({ kind: 'late-usage'; from: string; to: string; serviceClass: string } & BytesView)
    | { kind: 'session-start'; nasId: string; sessionId: string; estimated: boolean; open: boolean }
    | ({ kind: 'session-end'; nasId: string; sessionId: string; start: string; cause: string } & BytesView)
    /** a billing cycle ended; octets as measured */
    | ({ kind: 'cycle-end'; start: string; end: string; closed: boolean } & BytesView)
    | ({ kind: 'action' } & TimelineAction)
    | {
        kind: 'shadow';
        policyId: string;
        policyVersion: string;
        rule: string;
        began: boolean;
        event: string | null;
        explanation: ConditionResult[];
      }
    /** signed octets; negative takes away */
    | ({
        kind: 'adjustment';
        reason: string;
        detail: string;
        cycleStart: string;
        cycleEnd: string;
      } & BytesView)
    /** an operator's command */
    | { kind: 'command'; command: string; by: string | null }
    | {
        kind: 'policy-change';
        policyId: string;
        change: string;
        base: string | null;
        candidate: string | null;
        by: string | null;
      }
    /** plans, top-ups and holds as the profile has them */
    | { kind: 'profile'; what: 'plan' | 'top-up' | 'hold' | 'boost'; name: string; begins: boolean }
  );

/** A page of what happened to a subscriber, the newest first. */
export interface TimelineView {
  subscriberId: string;
  /** IANA zone of the subscriber */
  zone: string;
  from: string;
  to: string;
  entries: TimelineEntry[];
  /** `before` of the next page; null = there is no more */
  next: string | null;
}

/** How a value is known. */
export type Known =
  /** from the state that decides */
  | 'stored'
  /** computed anew from what analytics and the ledger hold */
  | 'reconstructed'
  /** not kept for the past: what holds now */
  | 'as of now'
  | 'not known';

export interface FactView {
  name: string;
  value: unknown;
  unit: string;
  known: Known;
  description: string;
}

/** One line of a rule's conditions, in order; `depth` tells what it is part of. */
export interface ConditionView {
  depth: number;
  /** what combines those below; null = a comparison */
  group: 'all' | 'any' | 'not' | null;
  /** name of the named condition that it comes from; null = none */
  named: string | null;
  /** of a comparison: the fact with its path, the operator, the values compared */
  fact: string | null;
  operator: string | null;
  expected: unknown;
  actual: unknown;
  /** null = it was not asked, as others had decided */
  result: boolean | null;
  /** how it reads, with what is missing to it */
  text: string;
}

export interface RuleView {
  rule: string;
  priority: number;
  /** what it asks for, in words */
  asks: string;
  /** its conditions hold */
  holds: boolean;
  /** it has begun and not ended; null = not known */
  acting: boolean | null;
  /** since when it acts; null = it does not */
  since: string | null;
  /** how long it is held, in words; null where nothing lasts */
  until: string | null;
  conditions: ConditionView[];
}

/** One version of a policy that is in force for somebody. */
export interface PolicyPartView {
  policyId: string;
  policyVersion: string;
  role: 'base' | 'candidate';
  mode: 'off' | 'shadow' | 'percent' | 'enforce';
  /** it decides about this subscriber, or as a shadow shows what it would decide */
  applies: boolean;
  /** why, in words */
  why: string;
  rules: RuleView[];
}

/** A wish for the line, the strongest first. */
export interface WishView {
  /** what asks for it: `<policy>/<rule>`, or the hold */
  by: string;
  wants: string;
  wins: boolean;
}

/** Why the line is as it is, at one time. */
export interface ExplainView {
  subscriberId: string;
  zone: string;
  /** event time of the facts, ISO 8601 UTC */
  at: string;
  basis: 'stored' | 'reconstructed';
  /** what the reader must know of how this came about */
  notes: string[];
  desired: DesiredState;
  /** why, in words */
  because: string;
  wishes: WishView[];
  /** the last action that set the line and what the network answered; null = there was none */
  lastChange: TimelineAction | null;
  /** the last decision of any kind before this time */
  lastDecision: (TimelineAction & { at: string }) | null;
  /** when something changes by itself at the latest; null = never, or not known for the past */
  nextDue: string | null;
  policies: PolicyPartView[];
  facts: FactView[];
  /** what happened last, the newest first */
  timeline: TimelineEntry[];
}
