import { compilePolicies } from '../../rules/compile/policy-set.ts';
import { checkPolicyFile } from '../../rules/policy-file.ts';
import type { PolicyInForce, PolicyVersion } from '../../schemas/policy.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { Cause } from '../decide/intents.ts';
import type { Input } from '../decode/input.ts';
import { nasProfileOf } from '../meter/nas-profile.ts';
import { planFor } from './for-layout.ts';
import { TARIFF_VERSION } from './tariff-state.ts';
import { claimed, foldCommand, foldReplay } from './commands.ts';
import { startSweep } from './drain.ts';
import type { FoldContext } from './fold.ts';
import { foldContribution, foldPoolEffect, foldPoolProfile } from './pool-controls.ts';
import type { Folding } from './requests.ts';
import { catchUp, settle } from './settle.ts';
import type { SlotState } from './slot-state.ts';
import { NEWEST_BLOB_VERSION, POLICY_FACTS_VERSION } from './slot-state.ts';
import { actingProfile, takeProfile } from './take-profile.ts';
import { waitsForLayout } from './waits-for-layout.ts';

/** NAS whose last event is remembered; the oldest event goes. Names come from the network. */
const MAX_NAS_EVENTS = 20_000;

/** Folds one control. A repeat (n at or below the highest of its source) changes nothing. */
export function* foldControl(
  context: FoldContext,
  input: Extract<Input, { kind: 'control' }>,
  cause: Cause,
): Folding<void> {
  const { state, effects } = context;
  const { id, control } = input;
  if (id.n <= (state.controls.get(id.source) ?? 0)) return;
  state.controls.set(id.source, id.n);
  state.controlsFolded += 1;
  switch (control.kind) {
    case 'subscriber-profile':
      return yield* foldProfile(context, control.profile, cause);
    case 'operator':
      return yield* foldCommand(context, control.command, cause);
    case 'replay':
      return yield* foldReplay(context, control, cause);
    case 'plan-version':
      state.plans.put(planFor(control.plan, state.blobVersion), state.watermarkMs, cause.appendTimeMs);
      effects.catalogue.add(`plan:${control.plan.planId}`);
      return startSweep(state);
    case 'policy-version':
      return foldPolicy(context, control.policy, cause);
    case 'policy-withdrawn':
      state.policies.delete(control.policyId);
      effects.catalogue.add(`policy:${control.policyId}`);
      if (state.candidates.delete(control.policyId)) effects.catalogue.add(`candidate:${control.policyId}`);
      compileAll(state);
      return startSweep(state);
    case 'provider-settings':
      state.provider = control.settings;
      effects.catalogue.add('provider');
      compileAll(state);
      return startSweep(state);
    case 'nas-profile':
      state.nas.set(control.nas.nasId, control.nas);
      effects.catalogue.add(`nas:${control.nas.nasId}`);
      return;
    case 'feed-profile':
      state.feedProfiles.set(control.feed.feedId, control.feed);
      effects.catalogue.add(`feed-profile:${control.feed.feedId}`);
      return;
    case 'pool-profile':
      return yield* foldPoolProfile(context, control.pool, cause);
    case 'pool-contribution':
      return yield* foldContribution(context, control.contribution, cause);
    case 'pool-effect':
      return yield* foldPoolEffect(context, control.effect, cause);
    case 'nas-event':
      return foldNasEvent(context, control.nasId, control.atMs);
    case 'fold-version':
      if (control.version > state.blobVersion && control.version <= NEWEST_BLOB_VERSION)
        raiseLayout(state, control.version);
      return;
    case 'tick':
      state.watermarkMs = Math.max(state.watermarkMs, control.t);
      return;
  }
}

/** Sessions of the NAS that began before are over (accounting case 14): each subscriber finds out when it is looked at. */
function foldNasEvent({ state, effects }: FoldContext, nasId: string, atMs: number): void {
  if (nasProfileOf(state.nas, nasId).onOff === 'ignore') return;
  const { nasEvents } = state;
  if (atMs <= (nasEvents.get(nasId) ?? 0)) return;
  nasEvents.set(nasId, atMs);
  const forgetMs = state.watermarkMs - state.settings.acceptLatenessMs;
  for (const [id, eventMs] of nasEvents) if (eventMs < forgetMs && id !== nasId) nasEvents.delete(id);
  if (nasEvents.size > MAX_NAS_EVENTS) {
    const [oldest] = [...nasEvents].reduce((a, b) => (b[1] < a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
    nasEvents.delete(oldest);
  }
  effects.catalogue.add('nas-events');
  startSweep(state);
}

function foldPolicy({ state, effects }: FoldContext, policy: PolicyVersion, cause: Cause): void {
  const fault = policyFault(policy);
  if (fault !== null) {
    state.counts['dead-lettered'] += 1;
    const { offset, appendTimeMs } = cause;
    const nothing = { key: null, value: null, nasId: null };
    effects.dead.push({ offset, appendTimeMs, reason: 'bad-control', detail: fault, ...nothing });
    return;
  }
  const { policyId } = policy;
  const { mode } = policy.file;
  if (mode === 'shadow' || mode === 'percent') {
    state.candidates.set(policyId, policy);
    effects.catalogue.add(`candidate:${policyId}`);
  } else {
    state.policies.set(policyId, policy);
    effects.catalogue.add(`policy:${policyId}`);
    if (state.candidates.delete(policyId)) effects.catalogue.add(`candidate:${policyId}`);
  }
  compileAll(state);
  startSweep(state);
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

/**
 * Layout 4 holds effects that the one before does not: policies with them come into force with it. Layout 5 keeps parts of cycles
 * from the next cycle or profile on.
 */
function raiseLayout(state: SlotState, version: number): void {
  const before = state.blobVersion;
  state.blobVersion = version;
  if (before < POLICY_FACTS_VERSION && version >= POLICY_FACTS_VERSION) compileAll(state);
  if (version >= TARIFF_VERSION)
    for (const subscriber of state.subscribers.values()) subscriber.keepsParts = true;
  if (version >= POLICY_FACTS_VERSION) startSweep(state);
}

/**
 * Compiles the policies in force anew. What is stored was checked as it came; one that this program can not compile all the same
 * is left out and told of (`uncompiled`): it would halt its partition.
 */
export function compileAll(state: SlotState): void {
  const inForce = new Map<string, PolicyInForce>();
  for (const policyId of new Set([...state.policies.keys(), ...state.candidates.keys()])) {
    const base = storable(state, state.policies.get(policyId));
    inForce.set(policyId, { base, candidate: storable(state, state.candidates.get(policyId)) });
  }
  state.uncompiled = new Map();
  const leaveOut = (policyId: string, why: string): void => {
    state.uncompiled.set(policyId, why);
  };
  state.compiled = compilePolicies(inForce, state.provider, 'subscriber', leaveOut);
  state.pools.compiled = compilePolicies(inForce, state.provider, 'pool', leaveOut);
}

/** A policy as far as the slot's layout can store what it does. */
function storable(state: SlotState, policy: PolicyVersion | undefined): PolicyVersion | null {
  if (policy === undefined) return null;
  if (policy.file.subject === 'pool') {
    // A pool owns no line that a top-up could be booked to.
    const sold = policy.file.rules.filter(({ event }) => event.type !== 'topup');
    return { ...policy, file: { ...policy.file, rules: sold } };
  }
  const rules = policy.file.rules.filter(({ event }) => !waitsForLayout(event, state.blobVersion));
  return { ...policy, file: { ...policy.file, rules } };
}

function* foldProfile(context: FoldContext, profile: SubscriberProfile, cause: Cause): Folding<void> {
  const { state, effects, calendar } = context;
  const subscriber = yield* claimed(context, profile.subscriberId, cause);
  if (subscriber === null) return;
  const before = subscriber.profile;
  // What time has done to it was by the profile before: where many are due it may not have been looked at since a cycle ended.
  if (before !== null) catchUp(context, subscriber, cause);
  takeProfile(state, subscriber, actingProfile(profile, before, state.blobVersion, cause), calendar);
  effects.cold.add(subscriber);
  yield* settle(context, subscriber, cause, true);
}
