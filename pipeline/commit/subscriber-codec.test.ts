import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Effect } from '../../schemas/action.ts';
import { newCycle } from '../window/cycles.ts';
import { AppError } from '../../schemas/errors.ts';
import { HOUR, NOON, SETTINGS, profile } from '../../tests/factories.ts';
import {
  CLOSE_CAUSES,
  newSubscriber,
  NEWEST_BLOB_VERSION,
  POLICY_FACTS_VERSION,
} from '../fold/slot-state.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import { NO_PARTS } from '../fold/tariff-state.ts';
import type {
  CycleTotal,
  DayTotal,
  HourTotal,
  Peak,
  RuleState,
  Session,
  Subscriber,
} from '../fold/slot-state.ts';
import { newMembership } from '../pool/membership.ts';
import type { Membership, ToldMember } from '../pool/membership.ts';
import { decodeCold, decodeHot, encodeCold, encodeHot, OLDEST_BLOB_VERSION } from './subscriber-codec.ts';

const VERSIONS = [OLDEST_BLOB_VERSION, POLICY_FACTS_VERSION, NEWEST_BLOB_VERSION];

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
const speed = { downBps: fc.maxSafeNat(), upBps: fc.maxSafeNat() };
const effect: fc.Arbitrary<Effect> = fc.oneof(
  fc.record({ state: fc.constant('throttle' as const), ...speed, profile: fc.option(name) }),
  fc.record({ state: fc.constant('redirect' as const), profile: name }),
  fc.record({ state: fc.constantFrom('block' as const, 'hold' as const) }),
  fc.record({ state: fc.constant('boost' as const), ...speed }),
);

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
const used = fc.record({ id: name, usedBytes: fc.maxSafeNat() });
const spent = fc.option(
  fc.record({
    carryBytes: fc.maxSafeNat(),
    blocks: fc.nat(),
    soldBytes: fc.maxSafeNat(),
    topUps: fc.array(used, { maxLength: 3 }),
  }),
);
const measured = fc.record({ down: fc.maxSafeNat(), up: fc.maxSafeNat(), classes, offPeak: classes });
/** Parts cover their cycle without a gap. */
function partsOf(
  startMs: number,
  endMs: number,
  shares: readonly Omit<CyclePart, 'fromMs' | 'toMs'>[],
): CyclePart[] {
  const step = Math.floor((endMs - startMs) / (shares.length + 1));
  return shares.map((share, i) => ({
    fromMs: startMs + i * step,
    toMs: i + 1 === shares.length ? endMs : startMs + (i + 1) * step,
    ...share,
  }));
}
const ofTariffs = fc.tuple(fc.array(measured, { maxLength: 3 }), spent);
const cycle: fc.Arbitrary<CycleTotal> = fc
  .tuple(
    ...([later, fc.integer({ min: 1, max: 3_000_000_000 })] as const),
    ...([bytes, classes, classes, signed, fc.boolean(), ofTariffs] as const),
  )
  .map(([startMs, length, total, shares, offPeak, adjusted, closed, [parts, past]]) => ({
    startMs,
    endMs: startMs + length,
    ...total,
    classes: shares,
    adjusted,
    offPeak,
    closed,
    parts: partsOf(startMs, startMs + length, parts),
    spent: past,
  }));
const hour: fc.Arbitrary<HourTotal> = fc
  .tuple(later, fc.integer({ min: 1, max: 90_000_000 }), bytes, classes)
  .map(([startMs, length, total, shares]) => ({
    startMs,
    endMs: startMs + length,
    ...total,
    classes: shares,
  }));
const day: fc.Arbitrary<DayTotal> = fc
  .tuple(hour, classes)
  .map(([total, offPeak]) => ({ ...total, offPeak }));
const peak: fc.Arbitrary<Peak> = fc.record({
  dayStartMs: later,
  bytes: fc.maxSafeNat(),
  classes: fc.array(fc.record({ serviceClass: name, bytes: fc.maxSafeNat() }), { maxLength: 3 }),
});
const rule: fc.Arbitrary<RuleState> = fc.record({
  key: name,
  active: fc.boolean(),
  sinceMs: later,
  cycleStartMs: later,
  ordinal: fc.nat(),
  effect: fc.option(effect),
  releaseMs: fc.option(later),
});
const told: fc.Arbitrary<ToldMember> = fc.oneof(
  fc.constant(newMembership('').told),
  fc.record({
    seq: fc.integer({ min: 1, max: 2 ** 40 }),
    usedBytes: fc.maxSafeNat(),
    allowanceBytes: fc.option(fc.nat()),
    rules: fc.array(fc.record({ policyId: name, rule: name, policyVersion: name, effect }), { maxLength: 2 }),
  }),
);
const membership: fc.Arbitrary<Membership> = fc.record({
  poolId: name,
  cycleStartMs: later,
  baseBytes: fc.maxSafeNat(),
  seq: fc.maxSafeNat(),
  sentBytes: fc.maxSafeNat(),
  sentAtMs: later,
  told,
});
const stored = fc.record({
  mark: fc.maxSafeNat(),
  touchedDueMs: fc.option(later),
  effect: fc.option(effect),
  hour: fc.option(hour),
  hours: fc.array(hour, { maxLength: 3 }),
  newestWindow: fc.option(fc.record({ startMs: later, down: fc.maxSafeNat(), up: fc.maxSafeNat(), classes })),
  peak: fc.option(peak),
  overage: fc.option(
    fc.record({ cycleStartMs: later, blocks: fc.nat(), soldBytes: fc.maxSafeNat(), topUps: fc.nat() }),
  ),
  pool: fc.option(membership),
  carry: fc.option(fc.record({ cycleStartMs: later, bytes: fc.maxSafeNat(), final: fc.boolean() })),
  topUpUses: fc.array(fc.record({ id: name, beforeBytes: fc.maxSafeNat(), usedBytes: fc.maxSafeNat() }), {
    maxLength: 3,
  }),
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
  const { touchedDueMs = null } = fields;
  return Object.assign(newSubscriber('sub-1', SETTINGS), { dueMs: touchedDueMs }, fields);
}

function loaded(hot: Uint8Array, cold: Uint8Array): Subscriber {
  const subscriber = line();
  decodeHot(hot, subscriber);
  decodeCold(cold, subscriber);
  return subscriber;
}

/** Without what came with tariffs. */
function withoutTariffs(subscriber: Subscriber): Subscriber {
  const plain = (total: CycleTotal): CycleTotal => ({ ...total, parts: NO_PARTS, spent: null });
  return {
    ...subscriber,
    carry: null,
    topUpUses: [],
    cycles: subscriber.cycles.map(plain),
    pastCycles: subscriber.pastCycles.map(plain),
  };
}

function inLayout(version: number, subscriber: Subscriber): Subscriber {
  if (version === NEWEST_BLOB_VERSION) return subscriber;
  const plain = withoutTariffs(subscriber);
  return version === OLDEST_BLOB_VERSION ? inOldestLayout(plain) : plain;
}

function inOldestLayout(subscriber: Subscriber): Subscriber {
  const known = (one: Effect | null): Effect | null =>
    one?.state === 'throttle' ? { ...one, profile: null } : null;
  const plain = <T extends CycleTotal | DayTotal>(total: T): T => ({ ...total, offPeak: [] });
  return {
    ...subscriber,
    effect: known(subscriber.effect),
    hour: null,
    hours: [],
    newestWindow: null,
    peak: null,
    overage: null,
    pool: null,
    cycles: subscriber.cycles.map(plain),
    pastCycles: subscriber.pastCycles.map(plain),
    today: subscriber.today === null ? null : plain(subscriber.today),
    days: subscriber.days.map(plain),
    rules: subscriber.rules.map((one) => ({ ...one, effect: known(one.effect) })),
  };
}

const SLOW: Effect = { state: 'throttle', downBps: 2_000_000, upBps: 512_000, profile: null };

/** What a program of the layout before has stored. */
const SAMPLE = line({
  mark: 300,
  touchedDueMs: NOON + HOUR,
  effect: SLOW,
  cycles: [
    {
      ...newCycle({ startMs: NOON - HOUR, endMs: NOON + HOUR }),
      down: 1,
      up: 2 ** 40,
      classes: [{ serviceClass: 'tv', down: 1, up: 7 }],
      parts: [
        {
          ...{ fromMs: NOON - HOUR, toMs: NOON, down: 1, up: 7 },
          ...{ classes: [{ serviceClass: 'tv', down: 1, up: 7 }], offPeak: [] },
        },
        {
          ...{ fromMs: NOON, toMs: NOON + HOUR, down: 0, up: 2 ** 40 - 7 },
          ...{ classes: [], offPeak: [{ serviceClass: '', down: 0, up: 9 }] },
        },
      ],
    },
  ],
  carry: { cycleStartMs: NOON - HOUR, bytes: 300, final: true },
  topUpUses: [{ id: 't', beforeBytes: 1, usedBytes: 200 }],
  today: { startMs: NOON - HOUR, endMs: NOON + HOUR, down: 1, up: 2 ** 40, classes: [], offPeak: [] },
  days: [{ startMs: NOON - 3 * HOUR, endMs: NOON - HOUR, down: 5, up: 6, classes: [], offPeak: [] }],
  forgottenMs: NOON,
  hour: { startMs: NOON, endMs: NOON + HOUR, down: 3, up: 4, classes: [] },
  hours: [
    { startMs: NOON - HOUR, endMs: NOON, down: 1, up: 2, classes: [{ serviceClass: 'tv', down: 1, up: 0 }] },
  ],
  newestWindow: { startMs: NOON, down: 2, up: 1, classes: [] },
  peak: { dayStartMs: NOON - HOUR, bytes: 300, classes: [{ serviceClass: 'tv', bytes: 200 }] },
  overage: { cycleStartMs: NOON - HOUR, blocks: 2, soldBytes: 200, topUps: 1 },
  pastCycles: [
    {
      ...newCycle({ startMs: NOON - 3 * HOUR, endMs: NOON - HOUR }),
      down: 5,
      up: 6,
      adjusted: { down: -3, up: 0 },
      closed: true,
      spent: { carryBytes: 4, blocks: 1, soldBytes: 300, topUps: [{ id: 't', usedBytes: 1 }] },
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
      effect: SLOW,
      releaseMs: null,
    },
  ],
});

const GOLDEN = new Map([
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
  [
    4,
    {
      hot:
        '04ac028199f4e0f433790080897a80a01f0080bc98dff43380dddb0103040080bc98dff43302010080dfbcddf433ac020102' +
        '7476c80180dfbcddf43302c80101010480dfbcddf43380bab703018080808080200102747601070180dfbcddf43380bab703' +
        '01808080808020000001819101056e61732d31027331027476818480800c098af8b0bee967070802010114686f6d652d6675' +
        '702f736c6f772d61742d6361700380bc98dff43380dfbcddf433030080897a80a01f0000',
      cold: '04000080bc98dff433010380a585daf43380bab703050605000180a585daf43380bab703050600000180dfbcddf43380dddb010102010274760100',
    },
  ],
  [
    5,
    {
      hot:
        '05ac028199f4e0f433790080897a80a01f0080bc98dff43380dddb0103040080bc98dff43302010080dfbcddf433ac020102' +
        '7476c80180dfbcddf43302c80101011480dfbcddf43380bab703018080808080200102747601070200010701027476010700' +
        '80dddb0100f9ffffffff1f00010000090180dfbcddf43380bab70301808080808020000001819101056e61732d3102733102' +
        '7476818480800c098af8b0bee967070802010114686f6d652d6675702f736c6f772d61742d6361700380bc98dff43380dfbc' +
        'ddf433030080897a80a01f0000',
      cold: '05000080bc98dff433012380a585daf43380bab703050605000401ac02010174010180a585daf43380bab703050600000180dfbcddf43380dddb0101020102747601000380dfbcddf433ac0201017401c801',
    },
  ],
]);

const MEMBER = '050100800666616d696c7980bc98dff433056080010003bc05e907010170017201760200000000';

const HELD =
  '0501000103000000021270726f66696c653a686f6c642f6c6567616c0380bc98dff43380bc98dff4330103000f70726f' +
  '66696c653a626f6f73742f620380bc98dff43380bc98dff4330104ac020100';

describe('subscriber values', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(stored, (fields) => {
        const subscriber = line(fields);
        const copy = loaded(
          encodeHot(subscriber, NEWEST_BLOB_VERSION),
          encodeCold(subscriber, NEWEST_BLOB_VERSION),
        );
        expect(copy).toEqual(subscriber);
        expect(encodeHot(copy, NEWEST_BLOB_VERSION)).toEqual(encodeHot(subscriber, NEWEST_BLOB_VERSION));
      }),
      { numRuns: 150 },
    );
  });

  it.each(VERSIONS.slice(0, 2))('of layout %i come back without what it does not know', (version) => {
    fc.assert(
      fc.property(stored, (fields) => {
        const subscriber = line(fields);
        const copy = loaded(encodeHot(subscriber, version), encodeCold(subscriber, version));
        expect(copy).toEqual(inLayout(version, subscriber));
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
    const read = loaded(Buffer.from(hot, 'hex'), Buffer.from(cold, 'hex'));
    expect(read).toEqual(inLayout(version, SAMPLE));
  });

  it('of a member of a pool keep their bytes from release to release', () => {
    const effect = { state: 'block' as const };
    const rules = [{ policyId: 'p', rule: 'r', policyVersion: 'v', effect }];
    const known = { seq: 3, usedBytes: 700, allowanceBytes: 1000, rules };
    const pool = {
      ...newMembership('family'),
      cycleStartMs: NOON,
      baseBytes: 5,
      seq: 96,
      sentBytes: 128,
      told: known,
    };
    const bytes = Buffer.from(encodeHot(line({ mark: 1, pool }), NEWEST_BLOB_VERSION));
    expect(bytes.toString('hex')).toBe(MEMBER);
    expect(loaded(bytes, encodeCold(line(), NEWEST_BLOB_VERSION)).pool).toEqual(pool);
  });

  it('of a line on hold, with a boost, keep their bytes from release to release', () => {
    const state = { active: true, sinceMs: NOON, cycleStartMs: NOON, ordinal: 1, releaseMs: null };
    const rules = [
      { ...state, key: 'profile:hold/legal', effect: { state: 'hold' as const } },
      { ...state, key: 'profile:boost/b', effect: { state: 'boost' as const, downBps: 300, upBps: 1 } },
    ];
    const fields = { mark: 1, effect: { state: 'hold' as const }, rules };
    const bytes = Buffer.from(encodeHot(line(fields), NEWEST_BLOB_VERSION));
    expect(bytes.toString('hex')).toBe(HELD);
    expect(loaded(bytes, encodeCold(line(), NEWEST_BLOB_VERSION))).toEqual(line(fields));
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
    const ordinary = withoutTariffs(line({ ...SAMPLE, rules: [] }));
    expect(encodeHot(ordinary, NEWEST_BLOB_VERSION).length).toBeLessThan(200);
  });
});
