import fc from 'fast-check';
import { expect, it } from 'vitest';
import { transitionsOf } from '../../pipeline/decide/transitions.ts';
import { newSubscriber } from '../../pipeline/fold/slot-state.ts';
import type { CycleTotal } from '../../pipeline/fold/slot-state.ts';
import type { PolicyEvent } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { DAY, NOON, SETTINGS, capPolicy, freshSlot } from '../../tests/factories.ts';
import { compilePolicy } from '../compile/policy.ts';
import { PolicySet } from '../compile/policy-set.ts';
import { stepOf } from './holding.ts';
import type { RuleCourse } from './holding.ts';
import { completeFacts } from './neutral-facts.ts';

const event = fc.oneof(
  fc
    .record(
      {
        until: fc.constantFrom('while', 'cycle-end', { seconds: 300 }, { seconds: 2000 }),
        minHoldSeconds: fc.constantFrom(0, 60, 900),
      },
      { requiredKeys: [] },
    )
    .chain((holding) =>
      fc.constantFrom<PolicyEvent>(
        { type: 'throttle', params: { downBps: 1, upBps: 1, ...(holding as object) } },
        { type: 'block', params: holding as object },
        { type: 'redirect', params: { profile: 'p', ...(holding as object) } },
      ),
    ),
  fc.constant<PolicyEvent>({ type: 'notify', params: { template: 't', channel: 'c' } }),
);

const moments = fc.array(
  fc.record({
    seconds: fc.constantFrom(1, 59, 60, 299, 300, 900, 1700, 5000),
    used: fc.constantFrom(0, 99, 100, 130),
    left: fc.boolean(),
    rolls: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 30 },
);

it('says of every course what the fold decides', () => {
  fc.assert(
    fc.property(event, moments, (asked, steps) => {
      const policy = capPolicy();
      for (const rule of policy.file.rules) rule.event = asked;
      const state = freshSlot();
      state.compiled = new PolicySet([compilePolicy(policy, NO_PROVIDER_SETTINGS)]);
      const subscriber = newSubscriber('sub-1', SETTINGS);
      const course: RuleCourse = { active: false, sinceSeconds: 0, cycle: 0 };
      let atSeconds = 0;
      let cycle = 0;
      for (const { seconds, used, left, rolls } of steps) {
        atSeconds += seconds;
        if (rolls) cycle += 1;
        const stated = { capUsedPercent: used, capRemainingBytes: left ? 1 : 0 };
        const facts = completeFacts(policy.file, stated);
        state.watermarkMs = NOON + atSeconds * 1000;
        subscriber.cycles = [{ startMs: NOON + cycle * DAY } as CycleTotal];
        const deciding = transitionsOf(state, subscriber, null, facts);
        let next = deciding.next();
        while (next.done !== true) next = deciding.next({ holds: next.value.holds, results: [] });
        const decided = next.value.map(({ change }) => change);
        const step = stepOf(asked, course, used >= 100, { atSeconds, cycle, facts });
        expect(step === null ? [] : [step === 'begin' ? 'began' : 'ended']).toEqual(decided);
        if (step !== null)
          Object.assign(course, { active: step === 'begin', sinceSeconds: atSeconds, cycle });
      }
    }),
    { numRuns: 500 },
  );
});
