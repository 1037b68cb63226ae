import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { HOUR, NOON, SETTINGS, profile } from '../../tests/factories.ts';
import { emptySlot, subscriberOf } from '../fold/slot-state.ts';
import type { CycleTotal, RuleState, Session, Subscriber } from '../fold/slot-state.ts';
import { decodeCold, decodeHot, encodeCold, encodeHot } from './subscriber-codec.ts';

const name = fc.string({ unit: 'binary', maxLength: 20 });
const bytes = fc.record({ down: fc.maxSafeNat(), up: fc.maxSafeNat() });
const instant = fc.integer({ min: -2_300_000_000_000, max: 4_200_000_000_000 });
const later = fc.integer({ min: 1, max: 4_200_000_000_000 });
const speed = fc.record({ downBps: fc.maxSafeNat(), upBps: fc.maxSafeNat() });

const session: fc.Arbitrary<Session> = fc.record({
  nasId: name,
  sessionId: name,
  service: name,
  serviceClass: name,
  nasIp: fc.option(name),
  framedIp: fc.option(name),
  startMs: instant,
  startEstimated: fc.boolean(),
  lastEventMs: instant,
  counted: bytes,
  lastStatus: fc.integer({ min: -1, max: 4 }),
  lastSessionTime: fc.integer({ min: -1, max: 3_155_760_000 }),
  closedMs: fc.option(instant),
});
const cycle: fc.Arbitrary<CycleTotal> = fc
  .tuple(later, fc.integer({ min: 1, max: 3_000_000_000 }), bytes)
  .map(([startMs, length, total]) => ({ startMs, endMs: startMs + length, ...total }));
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
  cycles: fc.array(cycle, { maxLength: 3 }),
  pastCycles: fc.array(cycle, { maxLength: 3 }),
  sessions: fc.array(session, { maxLength: 4 }),
  tombstones: fc.array(session, { maxLength: 4 }),
  rules: fc.array(rule, { maxLength: 3 }),
  profile: fc.option(name.map((userName) => profile({ userName }))),
});

function line(fields: Partial<Subscriber> = {}): Subscriber {
  return Object.assign(subscriberOf(emptySlot(0, SETTINGS, 0), 'sub-1'), fields);
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
  cycles: [{ startMs: NOON - HOUR, endMs: NOON + HOUR, down: 1, up: 2 ** 40 }],
  pastCycles: [{ startMs: NOON - 3 * HOUR, endMs: NOON - HOUR, down: 5, up: 6 }],
  sessions: [
    {
      nasId: 'nas-1',
      sessionId: 's1',
      service: '',
      serviceClass: 'tv',
      nasIp: '192.0.2.1',
      framedIp: null,
      startMs: -5,
      startEstimated: true,
      lastEventMs: NOON,
      counted: { down: 7, up: 8 },
      lastStatus: 1,
      lastSessionTime: -1,
      closedMs: null,
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

const GOLDEN_HOT =
  '01ac028199f4e0f4330180897a80a01f0180dfbcddf43380bab7030180808080802001056e61732d3102733100027476' +
  '01093139322e302e322e3100098af8b0bee96707080201010114686f6d652d6675702f736c6f772d61742d6361700380' +
  'bc98dff43380dfbcddf4330380897a80a01f00';
const GOLDEN_COLD = '0100000180a585daf43380bab7030506';

describe('subscriber values', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(stored, (fields) => {
        const subscriber = line(fields);
        const copy = loaded(encodeHot(subscriber), encodeCold(subscriber));
        expect(copy).toEqual(subscriber);
        expect(encodeHot(copy)).toEqual(encodeHot(subscriber));
      }),
      { numRuns: 150 },
    );
  });

  it('keep their bytes from release to release', () => {
    // A change here means: raise BLOB_VERSION and read the version before.
    expect(Buffer.from(encodeHot(SAMPLE)).toString('hex')).toBe(GOLDEN_HOT);
    expect(Buffer.from(encodeCold(SAMPLE)).toString('hex')).toBe(GOLDEN_COLD);
    expect(loaded(Buffer.from(GOLDEN_HOT, 'hex'), Buffer.from(GOLDEN_COLD, 'hex'))).toEqual(SAMPLE);
  });

  it('of any other length are refused', () => {
    const hot = encodeHot(SAMPLE);
    for (let length = 0; length < hot.length; length += 1) {
      expect(() => decodeHot(hot.subarray(0, length), line())).toThrow(AppError);
    }
    expect(() => decodeHot(Buffer.concat([hot, Buffer.alloc(1)]), line())).toThrow(AppError);
  });

  it('of an unknown version halt the slot', () => {
    const bytesOfTomorrow = Buffer.from(encodeCold(SAMPLE));
    bytesOfTomorrow[0] = 2;
    expect(() => decodeCold(bytesOfTomorrow, line())).toThrow(
      expect.objectContaining({ code: 'state-version-unknown' }),
    );
  });

  it('stay small: an ordinary subscriber with one session takes less than 200 bytes', () => {
    const ordinary = line({ ...SAMPLE, rules: [] });
    expect(encodeHot(ordinary).length).toBeLessThan(200);
  });
});
