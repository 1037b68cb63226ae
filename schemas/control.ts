import type { UsageEvent } from './accounting-record.ts';
import type { PolicyVersion } from './policy.ts';
import type { PoolContribution, PoolEffect, PoolProfile } from './pool.ts';
import type { ProviderSettings } from './provider.ts';
import type { FeedProfile, NasProfile, PlanVersion, SubscriberProfile } from './profile.ts';

/** Header that marks a log entry as a control: `<source>:<n>`, n a positive safe integer that grows per source. */
export const CONTROL_HEADER = 'weir-control';

/** Everything besides accounting records that changes state; the entry's value is this as UTF-8 JSON. */
export type Control =
  | { kind: 'subscriber-profile'; profile: SubscriberProfile }
  | { kind: 'plan-version'; plan: PlanVersion }
  | { kind: 'policy-version'; policy: PolicyVersion }
  | { kind: 'policy-withdrawn'; policyId: string }
  | { kind: 'provider-settings'; settings: ProviderSettings }
  | { kind: 'nas-profile'; nas: NasProfile }
  | { kind: 'feed-profile'; feed: FeedProfile }
  | { kind: 'pool-profile'; pool: PoolProfile }
  /** from the owner of a member's slot to the owner of the pool's */
  | { kind: 'pool-contribution'; contribution: PoolContribution }
  /** back, to the owner of a member's slot */
  | { kind: 'pool-effect'; effect: PoolEffect }
  /** Accounting-On or -Off of a NAS at `atMs`, brought to every slot by the owner of the slot that read it */
  | { kind: 'nas-event'; nasId: string; event: 'on' | 'off'; atMs: number }
  | { kind: 'operator'; command: OperatorCommand }
  | ReplayControl
  /** from here on the slot's values are written in this layout */
  | { kind: 'fold-version'; version: number }
  /** the log's clock on an idle partition: event time has reached `t`, ms since 1970 UTC */
  | { kind: 'tick'; t: number };

/** What an operator may do to one subscriber's state. `by` names who, for the audit. Bytes may be negative. */
export type OperatorCommand =
  | { type: 'close-session'; subscriberId: string; nasId: string; sessionId: string; by: string }
  | {
      type: 'adjust';
      subscriberId: string;
      /** an instant within the cycle, ms since 1970 UTC */
      atMs: number;
      downBytes: number;
      upBytes: number;
      reason: string;
      by: string;
    }
  /** decides anew, and lets go of what an absurd record (accounting case 20) held back */
  | { type: 're-evaluate'; subscriberId: string; by: string };

/** A dead letter's record, put right: metered by the same rules; its letter is replayed once. */
export interface ReplayControl {
  kind: 'replay';
  /** the letter's place in the log */
  letter: { partition: number; offset: number };
  /** its append time then, ms since 1970 UTC */
  appendTimeMs: number;
  event: UsageEvent;
  by: string;
}

export const CONTROL_KINDS = [
  'subscriber-profile',
  'plan-version',
  'policy-version',
  'policy-withdrawn',
  'provider-settings',
  'nas-profile',
  'feed-profile',
  'pool-profile',
  'pool-contribution',
  'pool-effect',
  'nas-event',
  'operator',
  'replay',
  'fold-version',
  'tick',
] as const satisfies readonly Control['kind'][];

/** Identity of a control: the slot keeps the highest n of each source and skips repeats. */
export interface ControlId {
  source: string;
  n: number;
}

/** Text of the header for an id. */
export function formatControlId(id: ControlId): string {
  return `${id.source}:${id.n}`;
}

/** Reads the header's text; null where it is not of the form. */
export function parseControlId(text: string): ControlId | null {
  const match = /^([a-z][a-z0-9-]{0,63}):([1-9][0-9]{0,15})$/.exec(text);
  if (match === null) return null;
  const [, source = '', digits = ''] = match;
  const n = Number(digits);
  return Number.isSafeInteger(n) ? { source, n } : null;
}

/** Subscriber or pool whose log partition a control goes to; null = a copy to every partition. */
export function controlKey(control: Control): string | null {
  switch (control.kind) {
    case 'subscriber-profile':
      return control.profile.subscriberId;
    case 'operator':
      return control.command.subscriberId;
    case 'replay':
      return control.event.subscriberId;
    case 'pool-profile':
      return control.pool.poolId;
    case 'pool-contribution':
      return control.contribution.poolId;
    case 'pool-effect':
      return control.effect.member;
    default:
      return null;
  }
}
