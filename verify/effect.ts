import type { Effect } from '../schemas/action.ts';

/** An effect as text; equal texts are equal to the network. */
export function effectText(effect: Effect | null): string {
  switch (effect?.state) {
    case undefined:
      return 'the plan’s speed';
    case 'block':
    case 'hold':
      return effect.state;
    case 'boost':
      return `boost to ${effect.downBps}/${effect.upBps} bit/s`;
    case 'redirect':
      return `redirect to ${effect.profile}`;
    case 'throttle':
      return `${effect.downBps}/${effect.upBps} bit/s${effect.profile === null ? '' : ` (${effect.profile})`}`;
  }
}
