import { CycleCalendar } from '../../rules/cycle.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { factsOf } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import { rollOn } from '../fold/cycle-end.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { takeProfile } from '../fold/take-profile.ts';
import { readStoredSubscriber } from './stored-subscriber.ts';
import type { StateReader } from './stored-subscriber.ts';

/** How much of the running cycle is used, octets. */
export interface CycleStanding {
  /** null = no limit */
  allowanceBytes: number | null;
  countedBytes: number;
}

/**
 * What the running cycle of a subscriber may carry as it stands, and as it would with another profile: by what the last commit
 * has metered. What a policy would make of it is not foretold. Null where nothing is known of the subscriber.
 */
export async function readCycleStanding(
  reader: StateReader,
  profile: SubscriberProfile,
): Promise<{ before: CycleStanding; after: CycleStanding } | null> {
  const stored = await readStoredSubscriber(reader, profile.subscriberId);
  if (stored === null) return null;
  const { state, subscriber } = stored;
  // The copy that was read is nobody else's. Its cycle may be over: it was written when it was last looked at.
  const calendar = new CycleCalendar();
  rollOn(state, subscriber, calendar);
  const before = standingOf(state, subscriber);
  takeProfile(state, subscriber, profile, calendar);
  return { before, after: standingOf(state, subscriber) };
}

function standingOf(state: SlotState, subscriber: Subscriber): CycleStanding {
  const facts = factsOf(state, subscriber, planOf(state, subscriber));
  return { allowanceBytes: facts.allowanceBytes, countedBytes: facts.cycleCountedBytes };
}
