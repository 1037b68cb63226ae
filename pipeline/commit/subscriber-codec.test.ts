import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newCycle } from '../window/cycles.ts';
import { AppError } from '../../schemas/errors.ts';
import { HOUR, NOON, SETTINGS, profile } from '../../tests/factories.ts';
import { CLOSE_CAUSES, newSubscriber, NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import type { CycleTotal, DayTotal, RuleState, Session, Subscriber } from '../fold/slot-state.ts';
import { decodeCold, decodeHot, encodeCold, encodeHot, OLDEST_BLOB_VERSION } from './subscriber-codec.ts';

const VERSIONS = [OLDEST_BLOB_VERSION, NEWEST_BLOB_VERSION];

const name = fc.string({ unit: 'binary', maxLength: 20 });
const bytes = fc.record({ down: fc.maxSafeNat(), up: fc.maxSafeNat() });
const instant = fc.integer({ min: -2_300_000_000_000, max: 4_200_000_000_000 });
const later = fc.integer({ min: 1, max: 4_200_000_000_000 });
/** Addresses as they are and as they nearly are. */
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  name,
  fc.constantFrom(
    '01.2.3.4',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1..2.3',
    '.1.2.3',
    '1.2.3.',
    '255.255.255.255',
    '0.0.0.0',
  ),
);
const counters = fc.oneof(fc.constant({ down: 0, up: 0 }), bytes);
const speed = fc.record({ downBps: fc.maxSafeNat(), upBps: fc.maxSafeNat() });

const reading = fc.option(fc.record({ down: fc.maxSafeNat(), up: fc.maxSafeNat(), atMs: instant }));
const session: fc.Arbitrary<Session> = fc
  .record({
    nasId: name,
    group: name,
    sessionId: name,
    service: name,
    serviceClass: name,
    nasIp: fc.option(address),
    framedIp: fc.option(address),
    multiId: name,
    parentId: name,
    startMs: instant,
    startEstimated: fc.boolean(),
    lastEventMs: instant,
    counted: bytes,
    level: counters,
    candidate: reading,
    restart: reading,
    absurd: fc.boolean(),
    moved: counters,
    lastStatus: fc.integer({ min: -1, max: 4 }),
    lastSessionTime: fc.integer({ min: -1, max: 3_155_760_000 }),
    closed: fc.option(fc.tuple(instant, fc.constantFrom(...CLOSE_CAUSES))),
  })
  .map(({ closed, ...rest }) => ({ ...rest, closedMs: closed?.[0] ?? null, closedBy: closed?.[1] ?? null }));
const classes = fc.array(fc.record({ serviceClass: name, down: fc.maxSafeNat(), up: fc.maxSafeNat() }), {
  maxLength: 3,
});
const correction = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 });
const signed = fc.oneof(fc.constant({ down: 0, up: 0 }), fc.record({ down: correction, up: correction }));
const cycle: fc.Arbitrary<CycleTotal> = fc
  .tuple(later, fc.integer({ min: 1, max: 3_000_000_000 }), bytes, classes, signed, fc.boolean())
  .map(([startMs, length, total, shares, adjusted, closed]) => ({
    startMs,
    endMs: startMs + length,
    ...total,
    classes: shares,
    adjusted,
    closed,
  }));
const day: fc.Arbitrary<DayTotal> = fc
  .tuple(later, fc.integer({ min: 1, max: 90_000_000 }), bytes, classes)
  .map(([startMs, length, total, shares]) => ({
    startMs,
    endMs: startMs + length,
    ...total,
    classes: shares,
  }));
const rule: fc.Arbitrary<RuleState> = fc.record({
  key: name,
  active: fc.boolean(),
  sinceMs: later,
  cycleStartMs: later,
  ordinal: fc.nat(),
  speed: fc.option(speed),
  releaseMs: fc.option(later),
});
const stored = fc.record({
  mark: fc.maxSafeNat(),
  dueMs: fc.option(later),
  throttle: fc.option(speed),
  suspended: fc.boolean(),
  forgottenMs: fc.nat(),
  today: fc.option(day),
  days: fc.array(day, { maxLength: 3 }),
  cycles: fc.array(cycle, { maxLength: 3 }),
  pastCycles: fc.array(cycle, { maxLength: 3 }),
  sessions: fc.array(session, { maxLength: 4 }),
  tombstones: fc.array(session, { maxLength: 4 }),
  rules: fc.array(rule, { maxLength: 3 }),
  profile: fc.option(name.map((userName) => profile({ userName }))),
});

function line(fields: Partial<Subscriber> = {}): Subscriber {
  return Object.assign(newSubscriber('sub-1', SETTINGS), fields);
}

function loaded(hot: Uint8Array, cold: Uint8Array): Subscriber {
  const subscriber = line();
  decodeHot(hot, subscriber);
  decodeCold(cold, subscriber);
  return subscriber;
}

const SAMPLE = line({
  mark: 300,
  dueMs: NOON + HOUR,
  throttle: { downBps: 2_000_000, upBps: 512_000 },
  cycles: [
    {
      ...newCycle({ startMs: NOON - HOUR, endMs: NOON + HOUR }),
      down: 1,
      up: 2 ** 40,
      classes: [{ serviceClass: 'tv', down: 1, up: 7 }],
    },
  ],
  today: { startMs: NOON - HOUR, endMs: NOON + HOUR, down: 1, up: 2 ** 40, classes: [] },
  days: [{ startMs: NOON - 3 * HOUR, endMs: NOON - HOUR, down: 5, up: 6, classes: [] }],
  forgottenMs: NOON,
  pastCycles: [
    {
      ...newCycle({ startMs: NOON - 3 * HOUR, endMs: NOON - HOUR }),
      down: 5,
      up: 6,
      adjusted: { down: -3, up: 0 },
      closed: true,
    },
  ],
  sessions: [
    {
      nasId: 'nas-1',
      group: '',
      sessionId: 's1',
      service: '',
      serviceClass: 'tv',
      nasIp: '192.0.2.1',
      framedIp: null,
      multiId: '',
      parentId: '',
      startMs: -5,
      startEstimated: true,
      lastEventMs: NOON,
      counted: { down: 7, up: 8 },
      level: { down: 7, up: 8 },
      candidate: null,
      restart: null,
      absurd: false,
      moved: { down: 0, up: 0 },
      lastStatus: 1,
      lastSessionTime: -1,
      closedMs: null,
      closedBy: null,
    },
  ],
  rules: [
    {
      key: 'home-fup/slow-at-cap',
      active: true,
      sinceMs: NOON,
      cycleStartMs: NOON - HOUR,
      ordinal: 3,
      speed: { downBps: 2_000_000, upBps: 512_000 },
      releaseMs: null,
    },
  ],
});

const GOLDEN = new Map([
  [
    2,
    {
      hot:
        '02ac028199f4e0f4330180897a80a01f010480dfbcddf43380bab703018080808080200102747601070180dfbcddf433' +
        '80bab7030180808080802000018111056e61732d31027331027476093139322e302e322e31098af8b0bee96707080201' +
        '0114686f6d652d6675702f736c6f772d61742d6361700380bc98dff43380dfbcddf4330380897a80a01f00',
      cold: '02000080bc98dff433010380a585daf43380bab703050605000180a585daf43380bab703050600',
    },
  ],
  [
    3,
    {
      hot:
        '03ac028199f4e0f4330180897a80a01f010480dfbcddf43380bab703018080808080200102747601070180dfbcddf433' +
        '80bab703018080808080200001819101056e61732d31027331027476818480800c098af8b0bee967070802010114686f' +
        '6d652d6675702f736c6f772d61742d6361700380bc98dff43380dfbcddf4330380897a80a01f00',
      cold: '03000080bc98dff433010380a585daf43380bab703050605000180a585daf43380bab703050600',
    },
  ],
]);

describe('subscriber values', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(stored, fc.constantFrom(...VERSIONS), (fields, version) => {
        const subscriber = line(fields);
        const copy = loaded(encodeHot(subscriber, version), encodeCold(subscriber, version));
        expect(copy).toEqual(subscriber);
        expect(encodeHot(copy, version)).toEqual(encodeHot(subscriber, version));
      }),
      { numRuns: 150 },
    );
  });

  it.each(VERSIONS)('of version %i keep their bytes from release to release', (version) => {
    // A change here means: raise NEWEST_BLOB_VERSION and go on reading and writing the version before.
    const { hot = '', cold = '' } = GOLDEN.get(version) ?? {};
    expect(Buffer.from(encodeHot(SAMPLE, version)).toString('hex')).toBe(hot);
    expect(Buffer.from(encodeCold(SAMPLE, version)).toString('hex')).toBe(cold);
    expect(loaded(Buffer.from(hot, 'hex'), Buffer.from(cold, 'hex'))).toEqual(SAMPLE);
  });

  it('of any other length are refused', () => {
    const hot = encodeHot(SAMPLE, NEWEST_BLOB_VERSION);
    for (let length = 0; length < hot.length; length += 1) {
      expect(() => decodeHot(hot.subarray(0, length), line())).toThrow(AppError);
    }
    expect(() => decodeHot(Buffer.concat([hot, Buffer.alloc(1)]), line())).toThrow(AppError);
  });

  it.each([0, OLDEST_BLOB_VERSION - 1, NEWEST_BLOB_VERSION + 1, 255])(
    'of version %i halt the slot',
    (version) => {
      const foreign = Buffer.from(encodeCold(SAMPLE, NEWEST_BLOB_VERSION));
      foreign[0] = version;
      expect(() => decodeCold(foreign, line())).toThrow(
        expect.objectContaining({ code: 'state-version-unknown' }),
      );
    },
  );

  it('stay small: an ordinary subscriber with one session takes less than 200 bytes', () => {
    const ordinary = line({ ...SAMPLE, rules: [] });
    expect(encodeHot(ordinary, NEWEST_BLOB_VERSION).length).toBeLessThan(200);
  });
});
