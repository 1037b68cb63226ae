import type { PolicyVersion } from './policy.ts';
import type { NasProfile, PlanVersion, SubscriberProfile } from './profile.ts';

/** Header that marks a log entry as a control: `<source>:<n>`, n a positive safe integer that grows per source. */
export const CONTROL_HEADER = 'weir-control';

/** Everything besides accounting records that changes state; the entry's value is this as UTF-8 JSON. */
export type Control =
  | { kind: 'subscriber-profile'; profile: SubscriberProfile }
  | { kind: 'plan-version'; plan: PlanVersion }
  | { kind: 'policy-version'; policy: PolicyVersion }
  | { kind: 'policy-withdrawn'; policyId: string }
  | { kind: 'nas-profile'; nas: NasProfile }
  /** the log's clock on an idle partition: event time has reached `t`, ms since 1970 UTC */
  | { kind: 'tick'; t: number };

export const CONTROL_KINDS = [
  'subscriber-profile',
  'plan-version',
  'policy-version',
  'policy-withdrawn',
  'nas-profile',
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

/** Key of the log partition that a control goes to; null = a copy to every partition. */
export function controlKey(control: Control): string | null {
  return control.kind === 'subscriber-profile' ? control.profile.subscriberId : null;
}
