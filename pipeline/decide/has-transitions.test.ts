import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fold, freshSlot } from '../../tests/factories.ts';
import { randomLogWithControls } from '../../tests/random-log.ts';
import { factsOf } from './facts-of.ts';
import { planOf } from './in-force.ts';
import { hasTransitions, transitionsOf } from './transitions.ts';

it('says no only where evaluating would change nothing', () => {
  fc.assert(
    fc.property(randomLogWithControls(40), fc.nat({ max: 3000 }), (log, down) => {
      const state = freshSlot();
      fold(state, log.inputs);
      for (const subscriber of state.subscribers.values()) {
        // Other usage than what was decided on: now some must say yes.
        for (const cycle of subscriber.cycles) cycle.down = down;
        const plan = planOf(state, subscriber);
        const facts = factsOf(state, subscriber, plan);
        if (hasTransitions(state, subscriber, plan, facts)) continue;
        const before = structuredClone(subscriber);
        const step = transitionsOf(state, subscriber, plan, facts).next();
        expect(step).toEqual({ done: true, value: [] });
        expect(subscriber).toEqual(before);
      }
    }),
    { numRuns: 200 },
  );
});
