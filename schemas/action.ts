import type { PolicyEventType } from './policy.ts';
import type { TopUpKind } from './tariff.ts';

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
  /** into the fact, where the condition has one */
  path?: string;
  operator: string;
  expected: unknown;
  /** the fact that the expected value came from, where it was no literal */
  expectedFrom?: { fact: string; path?: string };
  actual: unknown;
  result: boolean;
}

/** What sets a line apart from its plan: rules ask for the first three, holds and boosts stand in the profile. */
export type Effect =
  | { state: 'throttle'; downBps: number; upBps: number; profile: string | null }
  | { state: 'redirect'; profile: string }
  | { state: 'block' }
  | { state: 'hold' }
  | { state: 'boost'; downBps: number; upBps: number };

/**
 * How the network is to treat a subscriber, absolute. Of several wishes the first of hold, block, redirect, lowest throttle,
 * boost, plan wins. The speed is what holds while traffic flows at all: the plan's under hold, block and redirect. A boost is
 * never slower than the plan.
 */
export interface DesiredState extends Speed {
  state: 'plan' | 'boost' | 'throttle' | 'redirect' | 'block' | 'hold';
  /** throttle or redirect profile by name */
  profile: string | null;
}

export const ACTION_KINDS = [
  'throttle',
  'restore',
  'block',
  'redirect',
  'hold',
  'boost',
  'notify',
  'overage',
  'topup',
] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

/** Kinds that set the desired state: a newer one makes older ones of the subscriber void. */
export const STATE_KINDS = [
  'throttle',
  'restore',
  'block',
  'redirect',
  'hold',
  'boost',
] as const satisfies readonly ActionKind[];

/**
 * What a decision asks the world to do. `id` is deterministic: the same decision has the same id on every replay.
 * `desired` is absolute: the subscriber's effective speed after this action, so sending it twice is harmless.
 */
export interface ActionIntent {
  id: string;
  kind: ActionKind;
  subscriberId: string;
  userName: string;
  /** of what the profile gives `profile:hold` or `profile:boost`, with kind or id as the rule and no version */
  policyId: string;
  policyVersion: string;
  rule: string;
  /** start of the billing cycle it belongs to, ms since 1970 UTC */
  cycleStartMs: number;
  /** how often this rule has acted on this subscriber in this cycle, from 1 */
  ordinal: number;
  desired: DesiredState;
  /** the state before, where this changes it: some can only be left by ending sessions */
  leaves: DesiredState['state'] | null;
  notice: { template: string; channel: string } | null;
  /** one paid block beyond the allowance, counted from 1 within the cycle */
  overage: OverageBlock | null;
  topUp: TopUpPurchase | null;
  /** what is only recorded is never sent: another notice of the moment says more, it comes too late, or the line is on hold */
  disposition: 'send' | 'superseded' | 'stale' | 'on-hold';
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

/** One block of paid usage; money in minor units of the currency. */
export interface OverageBlock {
  block: number;
  blockBytes: number;
  priceMinor: number;
  currency: string;
}

/** A top-up that a policy buys; price in minor units of the currency, instants ms since 1970 UTC. */
export interface TopUpPurchase {
  productId: string;
  /** absent = 'bytes' */
  kind?: TopUpKind;
  /** 0 of a boost and of what is unlimited */
  bytes: number;
  /** of a boost, both */
  downBps?: number;
  upBps?: number;
  priceMinor: number;
  currency: string;
  fromMs: number;
  expiresMs: number;
}

/** What a policy in shadow would have done. Nothing is sent; `id` is made as an action's. */
export interface ShadowDecision {
  id: string;
  subscriberId: string;
  policyId: string;
  policyVersion: string;
  rule: string;
  cycleStartMs: number;
  ordinal: number;
  /** it began, or ended */
  began: boolean;
  /** null = its rule is gone */
  event: PolicyEventType | null;
  /** effect in force by live policies at that moment, null = the plan's speed */
  liveEffect: Effect | null;
  decidedAtMs: number;
  partition: number;
  offset: number;
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
