import type { PolicyEvent, PolicyVersion } from '../../schemas/policy.ts';
import { POLICY_FACTS_VERSION } from './slot-state.ts';

/** What people have to do about rules that wait. */
export const WAITS_TEXT = `waits for weir upgrade-state ${String(POLICY_FACTS_VERSION)}`;

/** True where a slot of this layout cannot store what such a rule of a subscriber does, and so leaves the rule out. */
export function waitsForLayout(event: PolicyEvent, blobVersion: number): boolean {
  if (blobVersion >= POLICY_FACTS_VERSION) return false;
  return event.type !== 'notify' && (event.type !== 'throttle' || 'profile' in event.params);
}

/** True where some rule of it waits. */
export function policyWaits(policy: PolicyVersion | undefined, blobVersion: number): boolean {
  if (policy === undefined || policy.file.mode === 'off' || policy.file.subject === 'pool') return false;
  return policy.file.rules.some(({ event }) => waitsForLayout(event, blobVersion));
}
