import type { Cause } from '../decide/intents.ts';
import type { OneShotRow } from './effects.ts';
import type { FoldContext } from './fold.ts';
import type { Subscriber } from './slot-state.ts';

/** Name of the next thing that this look at a subscriber leaves: equal on every replay. */
export function nextName({ touch }: FoldContext, subscriber: Subscriber, cause: Cause): string {
  const name = `${cause.offset}.${touch.origin}${touch.serial}.${subscriber.id}`;
  touch.serial += 1;
  return name;
}

/**
 * Keeps a row that is written once until analytics has it. A session that ends twice with one input (a timer, then the Stop
 * that takes it up again) leaves the later row only: both would have the same version.
 */
export function putOneShot(
  context: FoldContext,
  subscriber: Subscriber,
  row: OneShotRow,
  cause: Cause,
): void {
  const { oneShots } = context.effects;
  // Only a record takes up again what a timer before it ended: 2,000 subscribers of a sweep are not looked through for each row.
  if (row.kind === 'session' && context.touch.origin === 'i') {
    for (let i = oneShots.length - 1; i >= 0; i -= 1) {
      const other = oneShots[i]?.row;
      if (other?.kind !== 'session') continue;
      if (other.version !== row.version) break;
      if (
        other.subscriberId === row.subscriberId &&
        other.nasId === row.nasId &&
        other.sessionId === row.sessionId &&
        other.startMs === row.startMs
      ) {
        oneShots.splice(i, 1);
        break;
      }
    }
  }
  oneShots.push({ key: nextName(context, subscriber, cause), row });
}
