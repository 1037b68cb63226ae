import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import {
  DAY,
  LogBuilder,
  MINUTE,
  NOON,
  nasProfile,
  profile,
  SETTINGS,
  fold,
  storedPart,
  usageEvent,
} from '../../tests/factories.ts';
import { decodeCold, decodeHot, encodeCold, encodeHot } from '../commit/subscriber-codec.ts';
import { decodeCore, encodeCore } from '../commit/slot-codec.ts';
import { emptySlot, NEWEST_BLOB_VERSION, newSubscriber } from './slot-state.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const octets = fc.constantFrom(null, 0, 5, 2 ** 31, 2 ** 32 + 7, 2 ** 52, MAX - 9, MAX);
const time = fc.constantFrom(
  NOON - 40 * DAY,
  NOON - 9 * DAY,
  NOON - DAY,
  NOON,
  NOON + MINUTE,
  NOON + 2 * MINUTE,
);

const event = fc.record({
  statusType: fc.constantFrom('START', 'INTERIM_UPDATE', 'INTERIM_UPDATE', 'STOP'),
  sessionId: fc.constantFrom('s', 't'),
  multiSessionId: fc.constantFrom(null, 'm'),
  parentSessionId: fc.constantFrom(null, 's'),
  eventTimeMs: time,
  sessionTimeSeconds: fc.constantFrom(null, 0, 60, 86_400, 3_155_760_000),
  inputOctets: octets,
  outputOctets: octets,
  ipv6InputOctets: octets,
});
const nas = fc.record({
  gigawords: fc.boolean(),
  unit: fc.constantFrom('octets', 'kilobytes'),
  countersReset: fc.boolean(),
  ipv6: fc.constantFrom('subset', 'additive'),
  subSessions: fc.constantFrom('sum', 'parent', 'children', 'split', 'shared'),
});
const amount = fc.constantFrom(0, 1, -(2 ** 51), 2 ** 51, -MAX, MAX);

type Step =
  { kind: 'record' | 'replay'; event: object; appendTimeMs: number } | { kind: 'control'; control: Control };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('record' as const), event, appendTimeMs: time }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replay' as const), event, appendTimeMs: time }) },
  {
    weight: 3,
    arbitrary: fc
      .oneof(
        fc.tuple(amount, amount, time).map(([downBytes, upBytes, atMs]): Control => ({
          kind: 'operator',
          command: { type: 'adjust', subscriberId: 'sub-1', atMs, downBytes, upBytes, reason: 'r', by: 'b' },
        })),
        nas.map((fields): Control => ({ kind: 'nas-profile', nas: nasProfile(fields as object) })),
        fc.constantFrom(null, NOON - DAY, NOON + DAY).map((countFromMs): Control => ({
          kind: 'feed-profile',
          feed: { feedId: 'feed-1', countFromMs },
        })),
        fc
          .tuple(fc.constantFrom('UTC', 'Pacific/Kiritimati'), fc.integer({ min: 1, max: 31 }))
          .map(([zone, anchorDay]): Control => ({
            kind: 'subscriber-profile',
            profile: profile({ zone, anchorDay }),
          })),
        time.map((atMs): Control => ({ kind: 'nas-event', nasId: 'nas-1', event: 'on', atMs })),
        fc.constant<Control>({
          kind: 'operator',
          command: { type: 'close-session', subscriberId: 'sub-1', nasId: 'nas-1', sessionId: 's', by: 'b' },
        }),
      )
      .map((control) => ({ kind: 'control' as const, control })),
  },
);

function logOf(steps: readonly Step[]): LogBuilder {
  const log = new LogBuilder().control({ kind: 'nas-profile', nas: nasProfile({ gigawords: false }) });
  for (const one of steps) {
    if (one.kind === 'record') log.record(one.event, one.appendTimeMs);
    else if (one.kind === 'control') log.control(one.control);
    else {
      const { appendTimeMs } = one;
      const letter = { partition: 0, offset: 1 };
      log.control({ kind: 'replay', letter, appendTimeMs, event: usageEvent(one.event), by: 'b' });
    }
  }
  return log;
}

it(
  'whatever records, replays and commands say, what comes of them can be stored',
  { timeout: 180_000 },
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const state = emptySlot(0, SETTINGS, 0);
        fold(state, logOf(steps).inputs);
        for (const subscriber of state.subscribers.values()) {
          const copy = newSubscriber(subscriber.id, SETTINGS);
          decodeHot(encodeHot(subscriber, NEWEST_BLOB_VERSION), copy);
          decodeCold(encodeCold(subscriber, NEWEST_BLOB_VERSION), copy);
          expect(storedPart(copy)).toEqual(storedPart(subscriber));
        }
        decodeCore(encodeCore(state), emptySlot(0, SETTINGS, 0));
      }),
      { numRuns: 150 },
    );
  },
);

const START = { statusType: 'START', eventTimeMs: NOON - 9 * DAY } as const;
const LATER = { eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 9 * 86_400 + 60 } as const;

const replayedStart = (): LogBuilder => {
  const event = usageEvent({ ...START, outputOctets: MAX - 9 });
  const letter = { partition: 0, offset: 1 };
  return log32().control({ kind: 'replay', letter, appendTimeMs: START.eventTimeMs, event, by: 'b' });
};

function log32(): LogBuilder {
  return new LogBuilder()
    .control({ kind: 'nas-profile', nas: nasProfile({ gigawords: false }) })
    .control({ kind: 'feed-profile', feed: { feedId: 'feed-1', countFromMs: NOON - DAY } });
}

it.each([
  ['a wrap after a replay', replayedStart(), { ...LATER, outputOctets: 7 }],
  ['a wrap after a baseline', log32().record({ ...LATER, outputOctets: MAX - 9 }), { outputOctets: 5 }],
  ['a wrap in a full cycle', log32().record({ outputOctets: MAX - 2 ** 20 }), { outputOctets: 7 }],
])('%s beyond 2^53 can be stored', (_name, log, after) => {
  log.record({ eventTimeMs: NOON + 2 * MINUTE, ...after });
  const state = emptySlot(0, SETTINGS, 0);
  fold(state, log.inputs);
  for (const subscriber of state.subscribers.values()) {
    expect(() => encodeHot(subscriber, NEWEST_BLOB_VERSION)).not.toThrow();
    expect(() => encodeCold(subscriber, NEWEST_BLOB_VERSION)).not.toThrow();
  }
});
