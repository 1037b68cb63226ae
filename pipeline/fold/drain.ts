import type { Cause } from '../decide/intents.ts';
import { drainPools } from '../pool/drain-pools.ts';
import { hasNumbers, leftBy } from '../pool/own-control.ts';
import type { DueEntry } from '../window/due-queue.ts';
import type { FoldContext } from './fold.ts';
import type { Folding } from './requests.ts';
import { settle } from './settle.ts';
import type { SlotState, Subscriber } from './slot-state.ts';

/** Subscribers that one input looks at besides its own, at most: no input does unbounded work. */
export const MAX_DRAIN = 2000;
/** Buckets that a sweep takes an input, at most: each is read from the store as a whole. */
const MAX_BUCKETS = 4;

/** True while something is due or a sweep is under way. */
export function hasWork(state: SlotState): boolean {
  const { watermarkMs } = state;
  return state.sweep !== null || state.due.hasDue(watermarkMs) || state.pools.hasWork(watermarkMs);
}

/** Takes what is due at the watermark, then goes on with the sweep, together at most MAX_DRAIN subscribers; then pools. */
export function* drainDue(context: FoldContext, cause: Cause): Folding<void> {
  const { state } = context;
  const before = leftBy(context, cause);
  if (state.due.hasDue(state.watermarkMs)) yield* drainTimers(context, cause, before);
  else if (state.sweep !== null) yield* sweepOn(context, cause, before, MAX_DRAIN);
  if (state.pools.hasWork(state.watermarkMs)) yield* drainPools(context, cause);
}

function* drainTimers(context: FoldContext, cause: Cause, before: number): Folding<void> {
  const { state, effects } = context;
  const due: DueEntry[] = [];
  while (due.length < MAX_DRAIN) {
    const entry = state.due.take(state.watermarkMs);
    if (entry === null) break;
    due.push(entry);
  }
  yield* load(
    state,
    due.map(({ key }) => key),
  );
  for (const { key: id, dueMs } of due) {
    if (!hasNumbers(context, cause, before)) {
      state.due.set(id, dueMs);
      continue;
    }
    effects.due.set(id, null);
    const subscriber = state.subscribers.get(id);
    if (subscriber === undefined) continue;
    if (isAhead(context, subscriber, cause)) armAgain(context, subscriber);
    else {
      subscriber.dueMs = null;
      context.touch = { origin: 't', serial: 0 };
      yield* settle(context, subscriber, cause, false);
    }
  }
  effects.drained += due.length;
  if (state.sweep !== null && due.length < MAX_DRAIN)
    yield* sweepOn(context, cause, before, MAX_DRAIN - due.length);
}

/** Everybody is to be looked at once more, from where the sweep stands; and every pool. */
export function startSweep(state: SlotState): void {
  state.pools.startSweep();
  state.sweep = { bucket: state.sweep?.bucket ?? 0, after: '', left: state.settings.bucketCount };
}

function* sweepOn(context: FoldContext, cause: Cause, before: number, room: number): Folding<void> {
  const { state, effects } = context;
  const { sweep } = state;
  if (sweep === null) return;
  const { bucketCount } = state.settings;
  const buckets = [...Array(Math.min(MAX_BUCKETS, sweep.left)).keys()].map(
    (i) => (sweep.bucket + i) % bucketCount,
  );
  const { ids = [] } = yield { kind: 'buckets', buckets };
  const byBucket = inOrder(context, buckets, ids);
  let { after, left } = sweep;
  for (const bucket of buckets) {
    for (const subscriber of byBucket.get(bucket) ?? []) {
      if (subscriber.id <= after) continue;
      if (room === 0 || !hasNumbers(context, cause, before)) {
        state.sweep = { bucket, after, left };
        return;
      }
      if (isAhead(context, subscriber, cause)) armAgain(context, subscriber);
      else {
        context.touch = { origin: 's', serial: 0 };
        yield* settle(context, subscriber, cause, false);
      }
      after = subscriber.id;
      room -= 1;
      effects.drained += 1;
    }
    after = '';
    left -= 1;
    state.sweep = left === 0 ? null : { bucket: (bucket + 1) % bucketCount, after, left };
  }
}

/** Subscribers of some buckets by id: those stored, and those made since the last commit. */
function inOrder(
  { state, effects }: FoldContext,
  buckets: readonly number[],
  stored: readonly string[],
): Map<number, Subscriber[]> {
  const found = new Set<Subscriber>();
  for (const id of stored) {
    const subscriber = state.subscribers.get(id);
    if (subscriber !== undefined) found.add(subscriber);
  }
  for (const subscriber of effects.hot) if (buckets.includes(subscriber.bucket)) found.add(subscriber);
  const byBucket = new Map<number, Subscriber[]>(buckets.map((bucket) => [bucket, []]));
  for (const subscriber of [...found].sort((a, b) => (a.id < b.id ? -1 : 1)))
    byBucket.get(subscriber.bucket)?.push(subscriber);
  return byBucket;
}

/** Asks for those that are neither in memory nor known to be absent. */
export function* load(state: SlotState, ids: readonly string[]): Folding<void> {
  const missing = ids.filter((id) => !state.subscribers.has(id) && !state.absent.has(id));
  if (missing.length > 0) yield { kind: 'subscribers', ids: missing };
}

/** True only after a torn write: the subscriber's value holds this input already. */
export function isAhead({ effects }: FoldContext, subscriber: Subscriber, cause: Cause): boolean {
  const ahead = subscriber.mark >= cause.offset && !effects.hot.has(subscriber);
  if (ahead) effects.sawAhead = true;
  return ahead;
}

/** The due time of a value that is ahead may not have been written any more. */
export function armAgain({ state, effects }: FoldContext, subscriber: Subscriber): void {
  state.due.set(subscriber.id, subscriber.dueMs);
  effects.due.set(subscriber.id, subscriber.dueMs);
}
