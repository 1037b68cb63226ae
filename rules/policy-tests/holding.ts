import type { Holding, PolicyEvent } from '../../schemas/policy.ts';
import type { Facts } from '../facts/catalogue.ts';

/** An effect is held at least this long while its conditions come and go, unless the rule says otherwise. */
const DEFAULT_MIN_HOLD_SECONDS = 900;

/** A rule in the course of a case. */
export interface RuleCourse {
  active: boolean;
  sinceSeconds: number;
  cycle: number;
}

/** A moment of a case. */
export interface CourseMoment {
  atSeconds: number;
  /** counts up when the billing cycle rolls */
  cycle: number;
  facts: Facts;
}

/**
 * What a rule does at this moment: it begins when its conditions begin to hold, and ends as `until` and
 * `minHoldSeconds` say. The fold decides the same with its own code (pipeline/decide/transitions.ts), which a test holds
 * against this one.
 */
export function stepOf(
  event: PolicyEvent,
  course: RuleCourse,
  holds: boolean,
  { atSeconds, cycle, facts }: CourseMoment,
): 'begin' | 'end' | null {
  if (!course.active) return holds ? 'begin' : null;
  if (holds) return null;
  const holding = holdingOf(event);
  if (holding === null) return 'end';
  const { until = 'while', minHoldSeconds = DEFAULT_MIN_HOLD_SECONDS } = holding;
  const rolled = cycle > course.cycle;
  if (until === 'cycle-end') return rolled || (facts.capRemainingBytes ?? 1) > 0 ? 'end' : null;
  if (until === 'while' && rolled) return 'end';
  const heldSeconds = until === 'while' ? minHoldSeconds : until.seconds;
  return atSeconds >= course.sinceSeconds + heldSeconds ? 'end' : null;
}

/** How long an event's effect lasts; null where it has none that lasts. */
function holdingOf(event: PolicyEvent): Holding | null {
  switch (event.type) {
    case 'throttle':
    case 'block':
    case 'redirect':
      return event.params;
    case 'overage':
    case 'topup':
    case 'notify':
      return null;
  }
}
