import type { Dated } from '../schemas/tariff.ts';
import type { When } from '../storage/tariff-ports.ts';
import { INSTANT, instantMs } from './instant.ts';
import { Problem } from './problem.ts';

/** Schema of when a change takes effect. */
export const AT = {
  anyOf: [{ type: 'string', enum: ['now', 'cycle-end'] }, INSTANT],
  description: 'now, cycle-end (the end of the running billing cycle), or an instant',
} as const;

/** Query of a request that ends something. */
export const AT_QUERY = {
  type: 'object',
  properties: { at: { ...AT, description: `${AT.description}; now if not given` } },
  additionalProperties: false,
} as const;

/** Schema of whether that instant has passed. */
export const BACK_DATE = {
  type: 'boolean',
  description: '`at` is a local midnight that has passed, within the running cycle',
} as const;

/** Schema of the ends of a time. */
export const SPAN = {
  from: { ...INSTANT, description: 'now if not given' },
  to: { anyOf: [INSTANT, { type: 'null' }], description: 'open if not given' },
} as const;

/**
 * @throws Problem 400 for no instant, or where the end of a cycle is to have passed
 */
export function whenOf(at: string, backDate = false): When {
  if (at === 'now' || at === 'cycle-end') {
    if (!backDate) return { at };
    throw new Problem(400, 'invalid-input', 'with backDate, at is the instant from which on it holds');
  }
  return { at: backDate ? 'back' : 'time', ms: instantMs(at, 'at') };
}

/**
 * @param nowMs the log's clock
 * @throws Problem 400 where it ends before it begins
 */
export function spanOf({ from, to }: { from?: string; to?: string | null }, nowMs: number): Dated {
  const fromMs = from === undefined ? nowMs : instantMs(from, 'from');
  const toMs = to === undefined || to === null ? null : instantMs(to, 'to');
  if (toMs !== null && toMs <= fromMs) throw new Problem(400, 'invalid-input', 'it ends before it begins');
  return { fromMs, toMs };
}
