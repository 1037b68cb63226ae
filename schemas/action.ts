/** Speed of a line in bit/s, as the subscriber sees it. */
export interface Speed {
  downBps: number;
  upBps: number;
}

/** A session that an action concerns, as far as a NAS must be told. */
export interface ActionSession {
  nasId: string;
  nasIp: string | null;
  sessionId: string;
  framedIp: string | null;
}

/** One condition's part in a decision. */
export interface ConditionResult {
  fact: string;
  operator: string;
  expected: unknown;
  actual: unknown;
  result: boolean;
}

export type ActionKind = 'throttle' | 'restore' | 'notify';

/**
 * What a decision asks the world to do. `id` is deterministic: the same decision has the same id on every replay.
 * `desired` is absolute: the subscriber's effective speed after this action, so sending it twice is harmless.
 */
export interface ActionIntent {
  id: string;
  kind: ActionKind;
  subscriberId: string;
  userName: string;
  policyId: string;
  policyVersion: string;
  rule: string;
  /** start of the billing cycle it belongs to, ms since 1970 UTC */
  cycleStartMs: number;
  /** how often this rule has acted on this subscriber in this cycle, from 1 */
  ordinal: number;
  desired: Speed;
  notice: { template: string; channel: string } | null;
  sessions: ActionSession[];
  /** watermark at which it was decided, ms since 1970 UTC */
  decidedAtMs: number;
  /** log position that caused it */
  partition: number;
  offset: number;
  /** append time of that log entry, ms since 1970 UTC */
  appendTimeMs: number;
  explanation: ConditionResult[];
}

/** States of an action in the ledger. */
export const ACTION_STATES = [
  'pending',
  'sending',
  'delivered',
  'rejected',
  'unknown',
  'held',
  'superseded',
  'dead',
] as const;
export type ActionState = (typeof ACTION_STATES)[number];
