import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Control, ControlId } from '../../schemas/control.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';

/**
 * What one log entry is to the fold. Every entry gives exactly one input, in offset order.
 * `appendTimeMs` is the log's clock (ms since 1970 UTC).
 */
export type Input =
  | { kind: 'usage'; offset: number; appendTimeMs: number; event: UsageEvent }
  | { kind: 'control'; offset: number; appendTimeMs: number; id: ControlId; control: Control }
  | {
      kind: 'dead';
      offset: number;
      appendTimeMs: number;
      reason: DeadLetterReason;
      /** what exactly was wrong, one line, no payload */
      detail: string;
      key: Uint8Array | null;
      value: Uint8Array | null;
    };
