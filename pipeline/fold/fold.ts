import type { CycleCalendar } from '../../rules/cycle.ts';
import type { Cause } from '../decide/intents.ts';
import type { Input } from '../decode/input.ts';
import { foldControl } from './controls.ts';
import { drainDue, hasWork } from './drain.ts';
import type { BatchEffects } from './effects.ts';
import { noEffects } from './effects.ts';
import type { Hearing } from '../meter/session-end.ts';
import { groupsOf, hearingOf } from './feeds.ts';
import type { Folding } from './requests.ts';
import type { SlotState } from './slot-state.ts';
import { foldUsage, noteDead } from './usage.ts';

/**
 * Subscribers that draining and sweeping look at before a batch is cut: it bounds what one commit holds. Where it is cut
 * changes nothing of the state, the rest is folded with the next commit.
 */
export const MAX_DRAINED_A_COMMIT = 4000;

/**
 * Feeds, and catalogue entries with pools, that a commit holds before a batch is cut: they are written together with the
 * position, and Redis takes 3,000 fields in one write. One input adds at most the feeds that the subscribers it drains have
 * sessions with, and 200 pools.
 */
const MAX_FIELDS_A_COMMIT = 1000;

/** What every part of the fold works on. */
export interface FoldContext {
  state: SlotState;
  effects: BatchEffects;
  calendar: CycleCalendar;
  hearing: Hearing;
  /** redundancy group of a NAS, '' = on its own */
  groupOf: (nasId: string) => string;
  touch: Touch;
  /** controls that the input at `offset` has left so far */
  own: { offset: number; left: number };
}

/**
 * Names what one input's look at one subscriber leaves behind. Not by a number that counts within the input: after a torn
 * write those whose value is ahead are passed over, and the others would get the names of what these had left.
 */
export interface Touch {
  /** t: timers, s: sweep, i: the input itself */
  origin: 't' | 's' | 'i';
  /** running number within the look */
  serial: number;
}

/**
 * Folds decoded inputs, in offset order, into the slot's state. A generator: it yields only where json-rules-engine has to
 * confirm a transition or something must be read from the store, and is resumed with the answer. Returns what must be
 * committed, together with what `effects` holds of inputs before; `state.position` says up to where it came: what sets much
 * event-time work free is committed in parts.
 * Pure: the same inputs give the same state, whatever the batch boundaries and whatever is in memory.
 * On an exception the state is unusable.
 */
export function* foldBatch(
  state: SlotState,
  inputs: readonly Input[],
  nextOffset: number,
  calendar: CycleCalendar,
  effects: BatchEffects = noEffects(),
): Folding<BatchEffects> {
  const touch: Touch = { origin: 'i', serial: 0 };
  const context: FoldContext = {
    state,
    effects,
    calendar,
    hearing: hearingOf(state),
    groupOf: groupsOf(state),
    touch,
    own: { offset: -1, left: 0 },
  };
  for (const input of inputs) {
    if (input.offset < state.position) continue;
    const fields = Math.max(effects.feeds.size, effects.catalogue.size);
    if (effects.drained >= MAX_DRAINED_A_COMMIT || fields >= MAX_FIELDS_A_COMMIT) {
      state.position = input.offset;
      return effects;
    }
    const cause: Cause = { offset: input.offset, appendTimeMs: input.appendTimeMs };
    if (input.kind === 'usage') {
      const rest = foldUsage(context, input.event, cause);
      if (rest !== null) yield* rest;
    } else if (input.kind === 'control') {
      yield* foldControl(context, input, cause);
      if (hasWork(state)) yield* drainDue(context, cause);
    } else {
      noteDead(context, { ...input, nasId: null });
      if (hasWork(state)) yield* drainDue(context, cause);
    }
  }
  state.position = Math.max(state.position, nextOffset);
  return effects;
}
