import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import {
  DAY,
  HOUR,
  LogBuilder,
  MINUTE,
  NOON,
  SETTINGS,
  capPolicy,
  fold,
  intentsOf,
  freshSlot,
  nasProfile,
  plan,
  profile,
  storedPart,
} from '../../tests/factories.ts';
import { decodeCold, decodeHot, encodeCold, encodeHot } from '../commit/subscriber-codec.ts';
import { MAX_PLAUSIBLE_MS, MIN_PLAUSIBLE_MS } from '../decode/usage-event.ts';
import { emptySlot, NEWEST_BLOB_VERSION, subscriberOf } from './slot-state.ts';
import type { SlotState } from './slot-state.ts';

const MAX = Number.MAX_SAFE_INTEGER;

/** Everything that decode lets through. */
const time = fc.oneof(
  fc.constantFrom(MIN_PLAUSIBLE_MS, MAX_PLAUSIBLE_MS - 1, NOON, NOON + MINUTE, NOON - 7 * DAY),
  fc.integer({ min: NOON - 2 * DAY, max: NOON + 10 * MINUTE }),
);
const octets = fc.constantFrom(null, 0, 1, 5_000_000, 2 ** 32, 2 ** 52, MAX - 1, MAX);
const hostile: fc.Arbitrary<Partial<UsageEvent>> = fc.record({
  statusType: fc.constantFrom(...STATUS_TYPES),
  subscriberId: fc.constantFrom('a', 'b', '\u0000', '__proto__', 'constructor', 'ü'.repeat(300)),
  sessionId: fc.constantFrom('s', 't', '\u0000', '__proto__'),
  nasId: fc.constantFrom('nas-1', '\u0000', 'kilo'),
  eventTimeMs: fc.option(time, { nil: null }),
  receivedAtMs: fc.option(time, { nil: null }),
  inputOctets: octets,
  outputOctets: octets,
  sessionTimeSeconds: fc.constantFrom(null, 0, 1, 300, 86_400, 3_155_760_000),
});

/** Every subscriber, and as it would be loaded again; without what is derived. */
function subscribersOf(state: SlotState): unknown[] {
  return [...state.subscribers.values()].map(storedPart);
}
function loadedAgain(state: SlotState): unknown[] {
  const copies = emptySlot(0, state.settings, 0);
  for (const subscriber of state.subscribers.values()) {
    const copy = subscriberOf(copies, subscriber.id);
    decodeHot(encodeHot(subscriber, NEWEST_BLOB_VERSION), copy);
    decodeCold(encodeCold(subscriber, NEWEST_BLOB_VERSION), copy);
  }
  return subscribersOf(copies);
}

// A bound against hanging: how long random logs take is the machine's affair.
describe('hostile records', { timeout: 180_000 }, () => {
  it('neither stop the fold nor leave a state that can not be stored', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hostile, fc.constantFrom(0, MINUTE, DAY)), { minLength: 1, maxLength: 12 }),
        fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Kiritimati', 'America/Los_Angeles'),
        (records, defaultZone) => {
          const log = new LogBuilder().enforced({ subscriberId: 'a', zone: defaultZone });
          log.control({
            kind: 'nas-profile',
            nas: nasProfile({ nasId: 'kilo', unit: 'kilobytes', startToleranceSeconds: 0 }),
          });
          for (const [record, advance] of records) log.record(record, NOON + advance);
          const state = emptySlot(0, { ...SETTINGS, defaultZone }, 0);
          fold(state, log.inputs);
          expect(loadedAgain(state)).toEqual(subscribersOf(state));
          expect(Object.values(state.counts).reduce((a, b) => a + b, 0)).toBe(records.length);
        },
      ),
      { numRuns: 250 },
    );
  });

  it('a first record from the future leaves a cycle that can be stored', () => {
    const log = new LogBuilder().record({ eventTimeMs: NOON + DAY, outputOctets: 5 }, NOON);
    const state = emptySlot(0, { ...SETTINGS, defaultZone: 'Europe/Berlin' }, 0);
    fold(state, log.inputs);
    expect(loadedAgain(state)).toEqual(subscribersOf(state));
    log.record({ sessionId: 's2', eventTimeMs: NOON, outputOctets: 7 }, NOON);
    fold(state, log.inputs.slice(-1));
    expect(state.subscribers.get('sub-1')?.cycles).toMatchObject([{ down: 12 }]);
    expect(state.subscribers.get('sub-1')?.pastCycles).toEqual([]);
  });

  it('totals that would no longer be exact are dead letters and change nothing', () => {
    const state = freshSlot();
    const log = new LogBuilder();
    for (let i = 0; i < 20; i += 1) log.record({ sessionId: `s${i}`, outputOctets: MAX });
    const effects = fold(state, log.inputs);
    expect(state.counts).toMatchObject({ metered: 1, 'dead-lettered': 19 });
    expect(effects.dead[0]).toMatchObject({ offset: 1, reason: 'octets-beyond-2^53' });
    expect(state.subscribers.get('sub-1')?.cycles[0]?.down).toBe(MAX);
  });

  it('kilobytes beyond 2^53 octets are a dead letter', () => {
    const state = freshSlot();
    const log = new LogBuilder()
      .control({
        kind: 'nas-profile',
        nas: nasProfile({ unit: 'kilobytes' }),
      })
      .record({ outputOctets: 2 ** 50 });
    fold(state, log.inputs);
    expect(state.counts['dead-lettered']).toBe(1);
  });

  it('a Stop that comes again after its tombstone could be gone is a dead letter, not usage', () => {
    const stop = { statusType: 'STOP', eventTimeMs: NOON, outputOctets: 50 } as const;
    const log = new LogBuilder()
      .record(stop)
      .record({ subscriberId: 'sub-2', eventTimeMs: NOON + 9 * DAY })
      .record({ statusType: 'STOP', sessionId: 's2', eventTimeMs: NOON + 9 * DAY, outputOctets: 1 })
      .record(stop, NOON + 9 * DAY);
    const state = freshSlot();
    const effects = fold(state, log.inputs);
    expect(effects.dead).toMatchObject([{ offset: 3, reason: 'beyond-horizon' }]);
    expect(state.subscribers.get('sub-1')?.cycles[0]?.down).toBe(51);
  });

  it('one record spreads over 35 days at most', () => {
    const state = freshSlot();
    const log = new LogBuilder().record({
      eventTimeMs: NOON,
      sessionTimeSeconds: 3e9,
      outputOctets: 9_000_000,
    });
    const effects = fold(state, log.inputs);
    expect(effects.windows.size).toBeLessThan(20);
    expect(effects.oneShots.length).toBeLessThan(4);
  });
});

describe('hostile controls', () => {
  const broken: [string, PolicyVersion][] = [
    ['an unknown fact', withCondition({ fact: 'nothing', operator: 'equal', value: 1 })],
    ['an unknown operator', withCondition({ fact: 'capBytes', operator: 'roughly', value: 1 })],
    ['a named condition', withCondition({ condition: 'elsewhere' })],
    ['a value that the library throws on', withCondition({ fact: 'planId', operator: 'in', value: null })],
  ];

  function withCondition(condition: PolicyVersion['file']['rules'][number]['conditions']): PolicyVersion {
    const policy = structuredClone(capPolicy());
    policy.file.rules.forEach((rule) => {
      rule.conditions = { all: [condition] };
    });
    return policy;
  }

  it.each(broken)('a policy with %s is a dead letter; the one in force stays', (_name, policy) => {
    const log = new LogBuilder()
      .enforced()
      .control({ kind: 'policy-version', policy })
      .record({ outputOctets: 5000 });
    const state = freshSlot();
    const effects = fold(state, log.inputs);
    expect(effects.dead).toMatchObject([{ offset: 3, reason: 'bad-control' }]);
    expect(intentsOf(effects)).toHaveLength(1);
    expect(state.policies.get('home-fup')).toEqual(capPolicy());
  });

  it('no two actions share an id when the anchor is changed to and fro', () => {
    const anchor = (anchorDay: number) =>
      ({ kind: 'subscriber-profile', profile: profile({ anchorDay }) }) as const;
    const july = Date.UTC(2026, 6, 1);
    const log = new LogBuilder()
      .enforced()
      .record({ eventTimeMs: july + 9 * DAY, outputOctets: 2000 })
      .control(anchor(15))
      .tick(july + 14 * DAY + HOUR)
      .record({ eventTimeMs: july + 15 * DAY, outputOctets: 2010 })
      .control(anchor(1))
      .record({ eventTimeMs: july + 16 * DAY, outputOctets: 9000 })
      .tick(july + 31 * DAY);
    const intents = intentsOf(fold(freshSlot(), log.inputs));
    expect(intents.map((intent) => intent.kind)).toEqual(['throttle', 'restore', 'throttle', 'restore']);
    expect(new Set(intents.map((intent) => intent.id)).size).toBe(4);
  });

  it('a cap that is reached to the byte counts as reached at any percentage', () => {
    for (const percent of [7, 28, 29, 55, 57, 58, 100]) {
      const policy = capPolicy();
      policy.file.rules.forEach((rule) => {
        rule.conditions = {
          all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: percent }],
        };
      });
      const log = new LogBuilder()
        .control({ kind: 'plan-version', plan: plan({ capBytes: 100_000 }) })
        .control({ kind: 'policy-version', policy })
        .control({ kind: 'subscriber-profile', profile: profile() })
        .record({ eventTimeMs: NOON, outputOctets: percent * 1000 - 1 })
        .record({ eventTimeMs: NOON + MINUTE, outputOctets: percent * 1000 });
      const intents = intentsOf(fold(freshSlot(), log.inputs));
      expect([percent, ...intents.map((intent) => intent.offset)]).toEqual([percent, 4]);
    }
  });
});
