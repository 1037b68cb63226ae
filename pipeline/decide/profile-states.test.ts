import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionIntent } from '../../schemas/action.ts';
import type { PolicyEvent, PolicyVersion } from '../../schemas/policy.ts';
import type { Boost, Hold, SubscriberProfile } from '../../schemas/profile.ts';
import {
  DAY,
  fold,
  freshSlot,
  HOUR,
  intentsOf,
  LogBuilder,
  MINUTE,
  NOON,
  plan,
  profile,
} from '../../tests/factories.ts';
import { someExtras } from '../../tests/random-policies.ts';
import { OLDEST_BLOB_VERSION } from '../commit/subscriber-codec.ts';
import { NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { awaitsProfile, givenByProfile } from './profile-states.ts';

const hold = (fields: Partial<Hold> = {}): Hold => ({
  kind: 'non-payment',
  fromMs: NOON + HOUR,
  toMs: NOON + 2 * HOUR,
  ...fields,
});
const boost = (fields: Partial<Boost> = {}): Boost => ({
  ...{ id: 'evening', downBps: 300_000_000, upBps: 50_000_000 },
  ...{ fromMs: NOON + HOUR, expiresMs: NOON + 2 * HOUR },
  ...fields,
});

/** Everything holds from the first byte on. */
function policy(id: string, event: PolicyEvent): PolicyVersion {
  const conditions = { all: [{ fact: 'cycleCountedBytes', operator: 'greaterThan', value: 0 }] };
  const file = {
    id,
    description: id,
    mode: 'enforce' as const,
    rules: [{ name: 'always', conditions, event }],
  };
  return { policyId: id, version: id, file };
}
const POLICIES = [
  policy('block', { type: 'block', params: {} }),
  policy('redirect', { type: 'redirect', params: { profile: 'page' } }),
  policy('throttle', { type: 'throttle', params: { downBps: 2_000_000, upBps: 512_000 } }),
];

function put(log: LogBuilder, fields: Partial<SubscriberProfile>): LogBuilder {
  return log.control({ kind: 'subscriber-profile', profile: profile(fields) });
}

/** A line of 100/20 Mbit/s that has carried something. */
function lineWith(fields: Partial<SubscriberProfile>): LogBuilder {
  const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
  return put(log, fields).record({ eventTimeMs: NOON + MINUTE, outputOctets: 5 });
}

/** Minutes after noon of the log's clock. */
function ticked(log: LogBuilder, ...minutes: number[]): LogBuilder {
  for (const minute of minutes) log.tick(NOON + minute * MINUTE);
  return log;
}

function actions(log: LogBuilder, state = freshSlot()): ActionIntent[] {
  return intentsOf(fold(state, log.inputs));
}

/** kind by policy/rule */
const story = (intents: readonly ActionIntent[]): string[] =>
  intents.map(({ kind, policyId, rule }) => `${kind} by ${policyId}/${rule}`);
const speeds = (intents: readonly ActionIntent[]): [string, number, number][] =>
  intents.map(({ desired }) => [desired.state, desired.downBps / 1e6, desired.upBps / 1e6]);

describe('a line', () => {
  it('is held, blocked, redirected, throttled, boosted, in this order', () => {
    const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
    for (const one of POLICIES) log.control({ kind: 'policy-version', policy: one });
    const boosts = [boost({ fromMs: 0, expiresMs: NOON + DAY })];
    put(log, { boosts, holds: [hold({ fromMs: 0 })] });
    ticked(log.record({ eventTimeMs: NOON + MINUTE, outputOctets: 5 }), 121);
    POLICIES.forEach(({ policyId }, i) => {
      log.control({ kind: 'policy-withdrawn', policyId });
      // Four buckets an entry are swept.
      ticked(log, ...[1, 2, 3, 4, 5].map((n) => 130 + 10 * i + n));
    });
    ticked(log, 25 * 60);
    const intents = actions(log);
    expect(intents.map(({ kind, leaves, desired }) => [leaves, kind, desired.state])).toEqual([
      ['plan', 'hold', 'hold'],
      ['hold', 'block', 'block'],
      ['block', 'redirect', 'redirect'],
      ['redirect', 'throttle', 'throttle'],
      ['throttle', 'boost', 'boost'],
      ['boost', 'restore', 'plan'],
    ]);
    expect(story(intents)).toEqual([
      'hold by profile:hold/non-payment',
      'block by profile:hold/non-payment',
      'redirect by block/always',
      'throttle by redirect/always',
      'boost by throttle/always',
      'restore by profile:boost/evening',
    ]);
  });

  const over = { fromMs: NOON - 2 * DAY, toMs: NOON - DAY };
  it.each<[string, Partial<SubscriberProfile>, [minute: number, kind: string][]]>([
    ['a hold', { holds: [hold()] }, [...begins(60, 'hold'), ...begins(120, 'restore')]],
    ['a hold without an end', { holds: [hold({ toMs: null })] }, begins(60, 'hold')],
    ['a hold since long ago', { holds: [hold({ fromMs: 0, toMs: null })] }, begins(0, 'hold')],
    ['a hold that is over', { holds: [hold(over)] }, []],
    [
      'two holds in a row',
      { holds: [hold(), hold({ kind: 'fraud', fromMs: NOON + 90 * MINUTE, toMs: null })] },
      begins(60, 'hold'),
    ],
    ['a boost', { boosts: [boost()] }, [...begins(60, 'boost'), ...begins(120, 'restore')]],
    ['a boost that ended before it began', { boosts: [boost({ expiresMs: NOON })] }, []],
    [
      'a hold within a boost',
      { holds: [hold({ toMs: NOON + 90 * MINUTE })], boosts: [boost({ fromMs: 0 })] },
      [...begins(0, 'boost'), ...begins(60, 'hold'), ...begins(90, 'boost'), ...begins(120, 'restore')],
    ],
  ])('follows %s by the clock of the log', (_name, fields, expected) => {
    const minutes = [...Array(200).keys()].slice(2);
    const intents = actions(ticked(lineWith(fields), ...minutes));
    expect(intents.map(({ decidedAtMs, kind }) => [(decidedAtMs - NOON) / MINUTE, kind])).toEqual(expected);
    expect(new Set(intents.map(({ id }) => id)).size).toBe(intents.length);
  });

  it('follows a profile that changes, at once', () => {
    const log = ticked(lineWith({}), 30);
    put(log, { holds: [hold({ fromMs: NOON - DAY, toMs: null })] });
    put(log, { holds: [hold({ kind: 'legal', fromMs: 0, toMs: null })] });
    put(log, {});
    put(log, { boosts: [boost({ fromMs: 0 })] });
    put(log, { boosts: [boost({ fromMs: 0, downBps: 400_000_000 })] });
    put(log, { boosts: [] });
    const intents = actions(log);
    expect(story(intents)).toEqual([
      'hold by profile:hold/non-payment',
      'restore by profile:hold/legal',
      'boost by profile:boost/evening',
      'boost by profile:boost/evening',
      'restore by profile:boost/evening',
    ]);
    expect(intents.map(({ ordinal }) => ordinal)).toEqual([1, 2, 1, 2, 3]);
  });

  it('goes by the fastest boost, by download, and never slower than its plan', () => {
    const live = { fromMs: 0, expiresMs: NOON + DAY };
    const log = lineWith({ boosts: [boost({ ...live, id: 'a/b', downBps: 50_000_000 }), boost(live)] });
    put(log, { boosts: [boost({ ...live, id: 'a/b', downBps: 50_000_000 })] });
    const intents = actions(log);
    expect(speeds(intents)).toEqual([
      ['boost', 300, 50],
      ['boost', 100, 50],
    ]);
    expect(story(intents)[1]).toBe('boost by profile:boost/evening');
  });

  it('is held and boosted though an absurd claim suspends its rules, over a roll too', () => {
    const log = lineWith({ holds: [hold({ toMs: null })] });
    log.record({ eventTimeMs: NOON + 2 * MINUTE, outputOctets: 2 ** 50 });
    ticked(log, 61, 60 * 24 * 40);
    const state = freshSlot();
    expect(story(actions(log, state))).toEqual(['hold by profile:hold/non-payment']);
    expect(state.subscribers.get('sub-1')?.suspended).toBe(true);
  });

  it('has notices kept back for as long as a hold lasts', () => {
    const notify: PolicyEvent = { type: 'notify', params: { template: 'hi', channel: 'sms' } };
    const log = lineWith({ holds: [hold({ fromMs: 0 })] });
    log.control({ kind: 'policy-version', policy: policy('tell', notify) });
    log.record({ eventTimeMs: NOON + 3 * MINUTE, outputOctets: 6 });
    expect(actions(log).map(({ kind, disposition }) => [kind, disposition])).toEqual([
      ['hold', 'send'],
      ['notify', 'on-hold'],
    ]);
  });
});

/** At the first moment that has been reached. */
function begins(minute: number, kind: string): [number, string][] {
  return [[minute, kind]];
}

it('carries what a boost lets through, and for a day after', () => {
  const flagged = (fields: Partial<SubscriberProfile>): number => {
    const log = ticked(lineWith(fields), 130);
    // 500 Mbit/s for two hours: more than four times the plan's 100.
    log.record({ eventTimeMs: NOON + 131 * MINUTE, outputOctets: (500e6 / 8) * 130 * 60 });
    const state = freshSlot();
    fold(state, log.inputs);
    return state.flags.absurd;
  };
  expect(flagged({})).toBe(1);
  expect(flagged({ boosts: [boost()] })).toBe(0);
  expect(flagged({ boosts: [boost({ fromMs: NOON - 3 * DAY, expiresMs: NOON - DAY })] })).toBe(1);
});

it('waits in the layout before for room in the slot, and begins with the new one', () => {
  const log = lineWith({ holds: [hold({ fromMs: 0, toMs: null })], boosts: [boost({ fromMs: 0 })] });
  ticked(log, 10);
  const state: SlotState = { ...freshSlot(), blobVersion: OLDEST_BLOB_VERSION };
  expect(actions(log, state)).toEqual([]);
  expect(state.subscribers.get('sub-1')).toMatchObject({ rules: [], effect: null });
  log.control({ kind: 'fold-version', version: NEWEST_BLOB_VERSION });
  ticked(log, 11, 12, 13, 14, 15);
  expect(story(actions(log, state))).toEqual(['hold by profile:hold/non-payment']);
});

it('is asked for where something is to begin or end, and nowhere else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(5000), fc.nat(5000), fc.nat(3 * HOUR)), { minLength: 1, maxLength: 8 }),
      (steps) => {
        const state = freshSlot();
        fold(state, lineWith({}).inputs);
        const subscriber = state.subscribers.get('sub-1');
        if (subscriber === undefined) throw new Error('it is not there');
        for (const [n, other, ms] of steps) {
          state.watermarkMs += ms;
          if (n % 2 === 0) subscriber.profile = profile(someExtras(n, other, state.watermarkMs));
          const awaited = awaitsProfile(state, subscriber);
          const before = structuredClone(subscriber.rules);
          const done = givenByProfile(state, subscriber);
          expect(done.length > 0).toBe(awaited);
          if (!awaited) expect(subscriber.rules).toEqual(before);
          expect(awaitsProfile(state, subscriber)).toBe(false);
          const now = state.watermarkMs;
          const { holds = [], boosts = [] } = subscriber.profile ?? {};
          const wanted = [
            ...holds
              .filter(({ fromMs, toMs }) => fromMs <= now && now < (toMs ?? Infinity))
              .map(({ kind }) => `profile:hold/${kind}`),
            ...boosts
              .filter(({ fromMs, expiresMs }) => fromMs <= now && now < expiresMs)
              .map(({ id }) => `profile:boost/${id}`),
          ];
          const acting = subscriber.rules.filter(({ active }) => active).map(({ key }) => key);
          expect(new Set(acting)).toEqual(new Set(wanted));
          expect(acting).toHaveLength(new Set(acting).size);
        }
      },
    ),
    { numRuns: 300 },
  );
});
