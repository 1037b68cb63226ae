import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { Control } from '../schemas/control.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { Buckets } from './rounds.ts';

/** One decoded log entry, in log order; gaps between offsets mean nothing. What decodes them is given by the caller. */
export type VerifyEntry =
  | { kind: 'usage'; offset: number; appendTimeMs: number; event: UsageEvent }
  | {
      kind: 'control';
      offset: number;
      appendTimeMs: number;
      id: { source: string; n: number };
      control: Control;
    }
  | { kind: 'dead'; offset: number; appendTimeMs: number; reason: string };

/** What the meaning of a log depends on besides the log. Pinned in the slot, so read from there. */
export interface Settings extends Buckets {
  partition: number;
  /** zone of subscribers without a profile */
  defaultZone: string;
  /** records older than this before their append time are not metered (case 10), ms */
  acceptLatenessMs: number;
  /** a cycle goes to billing this long after its end, ms */
  cycleCloseGraceMs: number;
  /** why a policy can not come into force, null where it can; the format's own checks are not recomputed here */
  policyFault: (policy: PolicyVersion) => string | null;
  /**
   * Sessions that began before and are not known are taken over, since what they carried is no longer in the log, ms; null =
   * all that belongs to the log is read.
   */
  unknownBeforeMs: number | null;
  /** only this subscriber is metered; the others still move event time and what is learned of NAS. null = everybody */
  onlySubscriber: string | null;
}
