import type { CycleCalendar } from '../../rules/cycle.ts';
import { compilePolicy, PolicySet } from '../../rules/compile.ts';
import { checkPolicyFile } from '../../rules/policy-file.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { Input } from '../decode/input.ts';
import { rebaseCycles } from '../window/cycles.ts';
import type { BatchEffects } from './effects.ts';
import type { SlotState, Subscriber } from './slot-state.ts';
import { subscriberOf } from './slot-state.ts';

/**
 * Folds one control. A repeat (n at or below the highest of its source) changes nothing.
 * Returns the subscriber that it touched, to be decided anew, or null.
 */
export function foldControl(
  state: SlotState,
  input: Extract<Input, { kind: 'control' }>,
  effects: BatchEffects,
  calendar: CycleCalendar,
): Subscriber | null {
  const { id, control } = input;
  if (id.n <= (state.controls.get(id.source) ?? 0)) return null;
  state.controls.set(id.source, id.n);
  state.controlsFolded += 1;
  switch (control.kind) {
    case 'subscriber-profile':
      return foldProfile(state, control.profile, input.offset, effects, calendar);
    case 'plan-version':
      state.plans.set(control.plan.planId, control.plan);
      effects.catalogue.add(`plan:${control.plan.planId}`);
      return null;
    case 'policy-version': {
      const fault = policyFault(control.policy);
      if (fault !== null) {
        state.counts['dead-lettered'] += 1;
        const { offset, appendTimeMs } = input;
        effects.dead.push({
          offset,
          appendTimeMs,
          reason: 'bad-control',
          detail: fault,
          key: null,
          value: null,
        });
        return null;
      }
      state.policies.set(control.policy.policyId, control.policy);
      effects.catalogue.add(`policy:${control.policy.policyId}`);
      compilePolicies(state);
      return null;
    }
    case 'policy-withdrawn':
      state.policies.delete(control.policyId);
      effects.catalogue.add(`policy:${control.policyId}`);
      compilePolicies(state);
      return null;
    case 'nas-profile':
      state.nas.set(control.nas.nasId, control.nas);
      effects.catalogue.add(`nas:${control.nas.nasId}`);
      return null;
    case 'tick':
      state.watermarkMs = Math.max(state.watermarkMs, control.t);
      return null;
  }
}

/**
 * Why a policy can not come into force; null where it can. Whoever publishes checks before, but what is in the log
 * is there for ever: a policy that the compiler or the library throws on would halt every partition.
 */
function policyFault({ policyId, file }: PolicyVersion): string | null {
  if (policyId !== file.id) return `policy ${policyId}: the file's id is ${file.id}`;
  const checked = checkPolicyFile(file);
  if ('file' in checked) return null;
  const [first] = checked.faults;
  return `policy ${policyId}: ${first?.path ?? '$'} ${first?.message ?? 'is not valid'}`.slice(0, 500);
}

/** Compiles the policies in force anew, by policy id. */
export function compilePolicies(state: SlotState): void {
  const ids = [...state.policies.keys()].sort();
  state.compiled = new PolicySet(
    ids.flatMap((id) => {
      const policy = state.policies.get(id);
      return policy === undefined ? [] : [compilePolicy(policy)];
    }),
  );
}

function foldProfile(
  state: SlotState,
  profile: SubscriberProfile,
  offset: number,
  effects: BatchEffects,
  calendar: CycleCalendar,
): Subscriber | null {
  const subscriber = subscriberOf(state, profile.subscriberId);
  if (subscriber.mark >= offset && !effects.hot.has(subscriber)) return null;
  const before = subscriber.profile;
  const { defaultZone } = state.settings;
  const moved =
    (before?.zone ?? defaultZone) !== profile.zone || (before?.anchorDay ?? 1) !== profile.anchorDay;
  subscriber.profile = profile;
  if (moved) rebaseCycles(subscriber, state.watermarkMs, calendar, defaultZone);
  effects.cold.add(subscriber);
  return subscriber;
}
