import type { SlotState, Subscriber } from './slot-state.ts';
import { TARIFF_VERSION } from './tariff-state.ts';

/** Takes what the store held of a subscriber into memory. */
export function takeStored(state: SlotState, subscriber: Subscriber): void {
  let newestMs = Math.max(subscriber.forgottenMs, subscriber.strayMs);
  for (const { lastEventMs } of subscriber.sessions) newestMs = Math.max(newestMs, lastEventMs);
  for (const { lastEventMs } of subscriber.tombstones) newestMs = Math.max(newestMs, lastEventMs);
  subscriber.rowsThroughMs = newestMs;
  subscriber.counted = {
    nas: subscriber.sessions.map(({ nasId }) => nasId),
    sessions: subscriber.sessions.length,
    throttled: isThrottled(subscriber) ? 1 : 0,
  };
  subscriber.keepsParts = state.blobVersion >= TARIFF_VERSION;
  const isAhead = subscriber.mark >= state.position;
  subscriber.dueMs = isAhead ? subscriber.touchedDueMs : state.due.get(subscriber.id);
  state.subscribers.set(subscriber.id, subscriber);
}

function isThrottled({ effect }: Subscriber): boolean {
  return effect?.state === 'throttle';
}

/** Brings the population up to a subscriber's present sessions and throttle. */
export function countPopulation(state: SlotState, subscriber: Subscriber): void {
  const { population } = state;
  const { counted } = subscriber;
  const throttled = isThrottled(subscriber) ? 1 : 0;
  population.openSessions += subscriber.sessions.length - counted.sessions;
  population.throttled += throttled - counted.throttled;
  counted.sessions = subscriber.sessions.length;
  counted.throttled = throttled;
}
