import { expect, it } from 'vitest';
import type { PolicyEvent, PolicyVersion } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { fold, freshSlot, LogBuilder, NOON, plan, profile } from '../../tests/factories.ts';
import { NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { policyParts } from '../views/explain-rules.ts';
import { factsOf } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import { policyWaits, waitsForLayout } from './waits-for-layout.ts';

const EVENTS: Record<string, PolicyEvent> = {
  notify: { type: 'notify', params: { template: 't', channel: 'email' } },
  numbers: { type: 'throttle', params: { downBps: 1_000_000, upBps: 1_000_000 } },
  profile: { type: 'throttle', params: { profile: 'slow' } },
  missing: { type: 'throttle', params: { profile: 'none' } },
  block: { type: 'block', params: {} },
  redirect: { type: 'redirect', params: { profile: 'portal' } },
  overage: { type: 'overage', params: {} },
  topup: { type: 'topup', params: { productId: 'p', maxPerCycle: 1 } },
};
const policy: PolicyVersion = {
  policyId: 'all',
  version: 'v',
  file: {
    id: 'all',
    description: '',
    mode: 'enforce',
    rules: Object.entries(EVENTS).map(([name, event]) => ({
      name,
      conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThan', value: 100 }] },
      event,
    })),
  },
};

/** A slot of a layout, with the policy in force. */
function slotOf(blobVersion: number): SlotState {
  const log = new LogBuilder();
  const settings = {
    ...NO_PROVIDER_SETTINGS,
    throttleProfiles: { slow: { downBps: 1, upBps: 1 } },
    redirectProfiles: ['portal'],
    topUps: { p: { bytes: 1, priceMinor: 1, currency: 'EUR', validSeconds: null } },
  };
  log.control({ kind: 'provider-settings', settings });
  log.control({ kind: 'plan-version', plan: plan({}) });
  log.control({ kind: 'policy-version', policy });
  log.control({ kind: 'subscriber-profile', profile: profile({}) });
  log.record({ statusType: 'START', eventTimeMs: NOON });
  const state = freshSlot();
  state.blobVersion = blobVersion;
  fold(state, log.inputs);
  return state;
}

it.each([3, NEWEST_BLOB_VERSION])(
  'says of each rule what a slot of layout %i does with it',
  async (layout) => {
    const state = slotOf(layout);
    const compiled = state.compiled.all.flatMap(({ rules }) => rules.map(({ name }) => name));
    const acting = Object.entries(EVENTS)
      .filter(([name, event]) => name !== 'missing' && !waitsForLayout(event, layout))
      .map(([name]) => name);
    expect(compiled.sort()).toEqual(acting.sort());
    expect(policyWaits(policy, layout)).toBe(layout === 3);
  },
);

it('explains why a rule can not act', async () => {
  const why = async (layout: number): Promise<string> => {
    const state = slotOf(layout);
    const subscriber = [...state.subscribers.values()][0];
    if (subscriber === undefined) throw new Error('it is not there');
    const parts = await policyParts({
      subscriberId: subscriber.id,
      facts: factsOf(state, subscriber, planOf(state, subscriber)),
      inForce: new Map([['all', { base: policy, candidate: null }]]),
      compiled: state.compiled,
      blobVersion: layout,
      states: subscriber.rules,
    });
    return parts.map((part) => part.why).join();
  };
  expect(await why(3)).toContain('block can not act: it waits for weir upgrade-state 4');
  expect(await why(3)).not.toContain('no such profile');
  expect(await why(NEWEST_BLOB_VERSION)).toBe(
    'it decides; missing can not act: the provider has no such profile',
  );
});
