import type { ActionIntent, ShadowDecision } from './action.ts';
import type { Control, ControlId } from './control.ts';
import type { DeadLetter } from './outcome.ts';
import type { ClosedCycle, UsageAdjustment } from './usage-record.ts';

/** What a slot's commit leaves to be delivered: to the ledger, or (the slot's own controls) into the log. */
export type OutboxRecord =
  | { kind: 'action'; intent: ActionIntent }
  | { kind: 'shadow'; decision: ShadowDecision }
  | { kind: 'adjustment'; adjustment: UsageAdjustment }
  | { kind: 'closed-cycle'; cycle: ClosedCycle }
  | { kind: 'dead-letter'; letter: DeadLetter }
  /**
   * for the partitions that its content names (`controlKey`); its number is made from the offset that caused it, so a repeat is
   * known as one; `appendTimeMs` is that entry's
   */
  | { kind: 'control'; id: ControlId; control: Control; appendTimeMs: number };
