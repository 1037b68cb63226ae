import { dayAt } from '../../rules/cycle.ts';
import { runningCycle } from '../../rules/tariff/timeline.ts';
import type { TariffTimeline } from '../../rules/tariff/timeline.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Span, SubscriberRows } from '../../schemas/tariff.ts';
import type { When } from '../tariff-ports.ts';

const DAY_MS = 86_400_000;
/** How far ahead a change may be stored. */
const AHEAD_MS = 400 * DAY_MS;

/** What of a subscriber decides what it costs. */
export function timelineOf(rows: SubscriberRows): TariffTimeline {
  const { account } = rows;
  return {
    currency: account.currency,
    taxClass: account.taxClass,
    zone: rows.zone,
    cycle: account.cycle,
    cycleChanges: account.cycleChanges,
    assignments: rows.assignments,
    addOns: rows.addOns,
    holds: rows.holds,
  };
}

/** The billing cycle of a subscriber that runs at an instant. */
export function cycleOf(rows: SubscriberRows, atMs: number): Span {
  return runningCycle(timelineOf(rows), rows.closedThroughMs, atMs);
}

/**
 * The instant at which a change takes effect, ms since 1970 UTC.
 *
 * @throws AppError 'invalid-input' for one in the past or too far ahead, 'conflict' for a back-dated one that is not a
 *   local midnight of the running cycle
 */
export function instantOf(rows: SubscriberRows, when: When, atMs: number): number {
  switch (when.at) {
    case 'now':
      return atMs;
    case 'cycle-end':
      return cycleOf(rows, atMs).endMs;
    case 'time':
      if (!Number.isSafeInteger(when.ms) || when.ms < atMs)
        throw new AppError('invalid-input', 'a change can take effect now or later');
      if (when.ms > atMs + AHEAD_MS)
        throw new AppError('invalid-input', 'a change can be stored 400 days ahead');
      return when.ms;
    case 'back':
      return midnight(rows, when.ms, atMs);
  }
}

function midnight(rows: SubscriberRows, ms: number, atMs: number): number {
  if (!Number.isSafeInteger(ms) || dayAt(rows.zone, ms).startMs !== ms)
    throw new AppError('invalid-input', `a change is back-dated to a midnight in ${rows.zone}`);
  if (ms > atMs) throw new AppError('invalid-input', 'a change that is back-dated took effect before now');
  if (ms < cycleOf(rows, atMs).startMs)
    throw new AppError('conflict', 'beyond-cycle: a change is back-dated within the running cycle alone');
  return ms;
}
