import fc from 'fast-check';
import { NEWEST_BLOB_VERSION } from '../pipeline/fold/slot-state.ts';
import type { Control, OperatorCommand } from '../schemas/control.ts';
import type { SubscriberProfile } from '../schemas/profile.ts';
import { pool, poolPolicy } from '../pipeline/pool/pool-rig.contract.ts';
import { MINUTE, capPolicy, nasProfile, profile } from './factories.ts';
import type { LogBuilder } from './factories.ts';
import type { Step } from './random-log.ts';
import { someExtras, someGiven, somePlan, somePolicy, someProvider } from './random-policies.ts';
import { nextTariff, somePoolTariff, someTariffPlan } from './random-tariffs.ts';

const OTHERS = [
  ...[
    'policy',
    'other-policy',
    'other-policy',
    'other-withdrawn',
    'provider',
    'withdrawn',
    'plan',
    'profile',
  ],
  ...['given', 'given', 'nas-event', 'nas-profile', 'close-session', 'adjust', 're-evaluate', 'replay'],
  ...['feed-profile', 'fold-version', 'tick', 'pool-profile', 'pool-policy', 'pool-contribution'],
  'pool-effect',
] as const;
const OF_TARIFFS = ['tariff', 'tariff', 'tariff', 'tariff', 'tariff-plan', 'pool-tariff'] as const;

/** What people, NAS or pools do before a record. */
export type RandomControl = (typeof OTHERS)[number] | (typeof OF_TARIFFS)[number];

/** Any control in one step of five. */
export const someControl = fc.option(fc.constantFrom<RandomControl>(...OTHERS, ...OF_TARIFFS), {
  freq: 4,
  nil: null,
});

/** In two steps of three something about tariffs; and ticks, by which time goes on. */
export const someTariffControl = fc.option(
  fc.constantFrom<RandomControl>(...OF_TARIFFS, ...OF_TARIFFS, 'other-policy', 'adjust', 'tick'),
  { freq: 2, nil: null },
);

/** Zones and anchors of the subscribers; the last one has no profile. Berlin and Havana change their clocks in the logs. */
export const LINES = [
  { zone: 'UTC', anchorDay: 1 },
  { zone: 'Europe/Berlin', anchorDay: 25 },
  { zone: 'America/Havana', anchorDay: 31 },
];

const OCTOBER = Date.UTC(2026, 9, 1);

/** Adds a control of a kind; its content comes of the step's numbers and what the log says already. */
export function addControl(log: LogBuilder, one: Step, kind: RandomControl, clock: number): void {
  const subscriberId = `sub-${one.subscriber}`;
  const nasId = `nas-${one.nas}`;
  const line = { ...LINES[one.subscriber], subscriberId };
  const add = (control: Control): void => {
    log.control(control);
    const input = log.inputs.at(-1);
    if (input !== undefined) input.appendTimeMs = clock;
  };
  const command = (fields: OperatorCommand): void => add({ kind: 'operator', command: fields });
  const [amount, other] = one.growth;
  const by = 'ann';
  switch (kind) {
    case 'policy':
      return add({
        kind: 'policy-version',
        policy: capPolicy({ minHoldSeconds: 0, downBps: 1_000_000 + amount }),
      });
    case 'withdrawn':
      return add({ kind: 'policy-withdrawn', policyId: 'home-fup' });
    case 'other-policy':
      return add({ kind: 'policy-version', policy: somePolicy(amount, other) });
    case 'other-withdrawn':
      return add({ kind: 'policy-withdrawn', policyId: `policy-${amount % 3}` });
    case 'provider':
      return add({ kind: 'provider-settings', settings: someProvider(amount, other) });
    case 'plan':
      return add({ kind: 'plan-version', plan: somePlan(amount, other) });
    case 'profile':
      return add({
        kind: 'subscriber-profile',
        profile: profile({
          ...{ ...line, ...LINES[other % 5], subscriberId, anchorDay: 1 + (amount % 31) },
          ...someExtras(amount, other, clock),
          poolId: [null, 'family', 'firm'][other % 3] ?? null,
        }),
      });
    case 'given':
      return add({
        kind: 'subscriber-profile',
        profile: profile({ ...line, ...someGiven(amount, other, clock) }),
      });
    case 'tariff': {
      const known = lastProfile(log, subscriberId) ?? profile({ ...line, subscriberId });
      return add({ kind: 'subscriber-profile', profile: nextTariff(known, amount, other, clock) });
    }
    case 'tariff-plan':
      return add({ kind: 'plan-version', plan: someTariffPlan(amount, other, clock) });
    case 'pool-tariff':
      return add({
        kind: 'pool-profile',
        pool: pool({ allowanceBytes: other, ...somePoolTariff(amount, other, clock) }),
      });
    case 'nas-event':
      return add({ kind: 'nas-event', nasId, event: 'on', atMs: clock - one.growth[0] * 100 });
    case 'nas-profile':
      return add({ kind: 'nas-profile', nas: nasProfile({ nasId, interimSeconds: amount % 900 }) });
    case 'close-session':
      return command({ type: kind, subscriberId, nasId, sessionId: `s${one.sessionId}`, by });
    case 'adjust':
      return command({
        type: kind,
        subscriberId,
        atMs: clock - one.growth[1] * 1_000_000,
        downBytes: amount - 1500,
        upBytes: other - 1500,
        reason: 'test',
        by,
      });
    case 're-evaluate':
      return command({ type: kind, subscriberId, by });
    case 'replay': {
      const old = log.inputs.find(
        (input) => input.kind === 'usage' && input.event.subscriberId === subscriberId,
      );
      if (old?.kind !== 'usage' || old.event.statusType === 'ACCOUNTING_ON') return;
      const event = { ...old.event, sessionId: `s${one.sessionId}`, outputOctets: amount };
      const letter = { partition: 0, offset: old.offset };
      return add({ kind: 'replay', letter, appendTimeMs: old.appendTimeMs, event, by });
    }
    case 'feed-profile':
      return add({ kind: 'feed-profile', feed: { feedId: 'feed-1', countFromMs: clock - amount * 1000 } });
    case 'fold-version':
      return add({ kind: 'fold-version', version: NEWEST_BLOB_VERSION });
    case 'pool-profile':
      return add({ kind, pool: pool({ poolId: one.nas === 0 ? 'family' : 'firm', allowanceBytes: amount }) });
    case 'pool-policy':
      return add({ kind: 'policy-version', policy: poolPolicy() });
    case 'pool-contribution': {
      // As if it came from another slot, or from this one.
      const contribution = {
        poolId: 'family',
        member: subscriberId,
        cycleStartMs: OCTOBER,
        countedBytes: amount,
      };
      return add({
        kind,
        contribution: { ...contribution, seq: 8 * log.inputs.length, leaving: one.restart },
      });
    }
    case 'pool-effect': {
      const effect = { poolId: 'family', member: subscriberId, usedBytes: amount, allowanceBytes: 2000 };
      const throttle = { state: 'throttle' as const, downBps: 1_000_000, upBps: other, profile: null };
      const rule = { policyId: 'family-fup', rule: 'slow', policyVersion: 'v', effect: throttle };
      const seq = Math.floor(log.inputs.length / 3) + 1;
      return add({ kind, effect: { ...effect, seq, rules: amount < 2000 ? [] : [rule] } });
    }
    case 'tick':
      log.tick(clock - MINUTE);
  }
}

function lastProfile(log: LogBuilder, subscriberId: string): SubscriberProfile | null {
  for (const input of log.inputs.toReversed())
    if (input.kind === 'control' && input.control.kind === 'subscriber-profile')
      if (input.control.profile.subscriberId === subscriberId) return input.control.profile;
  return null;
}
