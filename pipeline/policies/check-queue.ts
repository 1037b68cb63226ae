import { AppError } from '../../schemas/errors.ts';
import type { CheckContext, CheckedFiles, PolicyTexts } from './check-files.ts';

/** A check of policies. `signal`: whoever asked waits no longer. */
export type Check = (
  texts: PolicyTexts,
  context: CheckContext,
  signal?: AbortSignal,
) => Promise<CheckedFiles>;

/** So many wait for a check that another one would not have its turn in time. */
export class TooManyChecks extends Error {
  constructor() {
    super('too many policies wait to be checked; try again in a second');
    this.name = 'TooManyChecks';
  }
}

/**
 * Checks one after the other: each is a thread with memory of its own, and anybody may ask for a hundred at once. Who waits no
 * longer has no turn. The check throws TooManyChecks; AppError 'timeout' when `signal` says so.
 *
 * @param most that wait or are checked
 */
export function inTurn(check: Check, most: number): Check {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (texts, context, signal) => {
    if (waiting >= most) throw new TooManyChecks();
    waiting += 1;
    const next = last.then(() => {
      stillAsked(signal);
      return check(texts, context, signal);
    });
    // Whoever asked is told of a failure; the next one has its turn all the same.
    last = next.catch(() => undefined).finally(() => (waiting -= 1));
    return signal === undefined ? next : Promise.race([next, untilGone(signal)]);
  };
}

/** Rejects when nobody waits any more, though the turn has not come. */
function untilGone(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(tooLong()), { once: true });
  });
}

function tooLong(): AppError {
  return new AppError('timeout', 'it took too long to check; nothing was changed', { retriable: true });
}

/** @throws AppError 'timeout' where whoever asked waits no longer: what he was told did not happen must not happen later */
export function stillAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw tooLong();
}
