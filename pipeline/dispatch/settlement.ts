import type { ActionState } from '../../schemas/action.ts';
import { backoffMs as doubledMs } from '../../storage/backoff.ts';
import type { SinkResult } from '../../storage/ports.ts';
import type { DispatchSettings } from './dispatch-settings.ts';

/** What the ledger is told about an attempt. */
export interface Settlement {
  state: Exclude<ActionState, 'sending' | 'superseded'>;
  detail: string;
  /** ms since 1970 UTC; absent = not again */
  retryAtMs?: number;
  /** what only some ledgers keep */
  more?: SettlementExtra;
}

/** What a ledger of items for another system keeps besides. */
export interface SettlementExtra {
  /** it may have been done: the other side is asked before it is sent again */
  askFirst?: boolean;
  /** the other side's id of it */
  remoteId?: string;
  /** nothing was tried: the claim does not count as an attempt */
  uncounted?: boolean;
}

/** A sink's answer, with what only some ledgers keep. `held` = it waits for somebody to send it again. */
export type SendResult = (SinkResult | { state: 'held'; detail: string }) & { more?: SettlementExtra };

/** What a settlement is made from besides the sink's answer. `random` gives 0 <= x < 1, for jitter. */
export interface AttemptContext {
  /** attempts so far, this one included */
  attempts: number;
  nowMs: number;
  random: () => number;
  settings: DispatchSettings;
}

/**
 * The sink's answer -> what becomes of the action. Pure.
 * - `retry`: again after a growing wait, dead after maxAttempts: an operator looks at it.
 * - `unknown`: it may have been done. Desired state is absolute, so it is sent again, unknownAttempts times in all;
 *   then it rests as unknown for whoever compares desired with actual state.
 */
export function settlementOf(result: SinkResult, context: AttemptContext): Settlement {
  const { attempts, settings } = context;
  const { state, detail } = result;
  if (state === 'retry') {
    if (attempts >= settings.maxAttempts) {
      return { state: 'dead', detail: `gave up after ${attempts} attempts: ${detail}` };
    }
    const waitMs = Math.max(result.afterMs, backoffMs(attempts, context));
    return { state: 'pending', detail, retryAtMs: context.nowMs + waitMs };
  }
  if (state === 'unknown' && attempts < settings.unknownAttempts) {
    const waitMs = jittered(settings.unknownDelayMs * 2 ** (attempts - 1), context.random);
    return { state, detail, retryAtMs: context.nowMs + waitMs };
  }
  return { state, detail };
}

/** Wait before the attempt after this one: doubling, bounded, with up to half taken off so that a crowd spreads. */
export function backoffMs(attempts: number, context: Pick<AttemptContext, 'random' | 'settings'>): number {
  const { firstBackoffMs, longestBackoffMs } = context.settings;
  return jittered(doubledMs(Math.max(1, attempts), firstBackoffMs, longestBackoffMs), context.random);
}

function jittered(ms: number, random: () => number): number {
  return Math.ceil(ms * (1 - random() / 2));
}
