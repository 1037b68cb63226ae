import { describe, expect, it } from 'vitest';
import {
  closedSession,
  DAY,
  emptySubscriber,
  HOUR,
  meterContext,
  MeterRig,
  MINUTE,
  nasProfile,
  NOON,
  usage,
} from './meter-rig.contract.ts';
import { meterRecord, meterReplayed, pruneTombstones } from './meter.ts';
import { MAX_TOMBSTONES } from './tombstones.ts';

const WEEK = 7 * DAY;

describe('forgotten sessions', () => {
  it('case 9: those that no record can belong to are dropped', () => {
    const subscriber = emptySubscriber();
    const stopped = closedSession({ sessionId: 'stopped' });
    const silent = closedSession({ sessionId: 'silent', closedBy: 'timeout' });
    subscriber.tombstones = [stopped, silent];
    pruneTombstones(subscriber, NOON + WEEK + 2 * HOUR, WEEK);
    expect(subscriber.tombstones).toEqual([stopped, silent]);
    pruneTombstones(subscriber, NOON + WEEK + 2 * HOUR + 1, WEEK);
    expect(subscriber.tombstones).toEqual([silent]);
    pruneTombstones(subscriber, NOON + 36 * DAY, WEEK);
    expect(subscriber.tombstones).toEqual([]);
    expect(subscriber.forgottenMs).toBe(0);
  });

  function crowded(): ReturnType<typeof emptySubscriber> {
    const subscriber = emptySubscriber();
    subscriber.tombstones = Array.from({ length: MAX_TOMBSTONES + 1 }, (_, i) =>
      closedSession({ sessionId: `t${i}`, startMs: NOON + i * MINUTE, lastEventMs: NOON + (i + 1) * MINUTE }),
    ).reverse();
    pruneTombstones(subscriber, NOON + WEEK, WEEK);
    return subscriber;
  }

  it('case 9: beyond 1,000 the oldest is dropped, and it is known up to when', () => {
    const subscriber = crowded();
    expect(subscriber.tombstones).toHaveLength(MAX_TOMBSTONES);
    expect(subscriber.tombstones.some(({ sessionId }) => sessionId === 't0')).toBe(false);
    expect(subscriber.forgottenMs).toBe(NOON + MINUTE);
  });

  it('case 9: of equals the one that began first, then by id', () => {
    const subscriber = emptySubscriber();
    const session = (sessionId: string, startMs: number): ReturnType<typeof closedSession> =>
      closedSession({ sessionId, startMs });
    subscriber.tombstones = [
      ...Array.from({ length: MAX_TOMBSTONES - 1 }, (_, i) => session(`t${i}`, NOON)),
      session('b', NOON - 1),
      session('a', NOON - 1),
    ];
    pruneTombstones(subscriber, NOON, WEEK);
    expect(subscriber.tombstones.some(({ sessionId }) => sessionId === 'a')).toBe(false);
    expect(subscriber.tombstones.some(({ sessionId }) => sessionId === 'b')).toBe(true);
  });

  it.each([
    ['an interim from then', { statusType: 'INTERIM_UPDATE', eventTimeMs: NOON + MINUTE }, true],
    ['a Start from then', { statusType: 'START', eventTimeMs: NOON + MINUTE }, true],
    [
      'a later record of a session from then',
      { eventTimeMs: NOON + 30 * DAY, sessionTimeSeconds: 30 * 86_400 },
      true,
    ],
    ['one that began since', { eventTimeMs: NOON + HOUR, sessionTimeSeconds: 1800 }, false],
    ['a Start since', { statusType: 'START', eventTimeMs: NOON + MINUTE + 1 }, false],
    ['a known session', { sessionId: 't5', statusType: 'STOP', eventTimeMs: NOON + 6 * MINUTE }, false],
  ] as const)('case 10: %s of an unknown session: refused %s', (_name, fields, refused) => {
    const subscriber = crowded();
    const before = structuredClone(subscriber);
    const event = usage({ outputOctets: 5, inputOctets: 5, ...fields });
    const came = meterRecord(
      subscriber,
      event,
      meterContext({ atMs: fields.eventTimeMs, watermarkMs: NOON + WEEK }),
    );
    expect('reason' in came && came.reason === 'beyond-horizon').toBe(refused);
    if (refused) expect(subscriber).toEqual(before);
  });
});

describe('case 10: a record too old, replayed by an operator', () => {
  const NOW = NOON + 20 * DAY;
  const context = (atMs: number): ReturnType<typeof meterContext> => meterContext({ atMs, watermarkMs: NOW });
  const interim = (minutes: number, down: number, fields = {}): ReturnType<typeof usage> =>
    usage({
      eventTimeMs: NOON + minutes * MINUTE,
      sessionTimeSeconds: minutes * 60,
      outputOctets: down,
      inputOctets: 0,
      ...fields,
    });

  it('adds what is new to a session that is known', () => {
    const subscriber = emptySubscriber();
    const session = closedSession({ closedBy: 'timeout', level: { down: 100, up: 0 } });
    subscriber.tombstones = [session];
    const { delta, session: its } = meterReplayed(subscriber, interim(70, 130), context(NOON + 70 * MINUTE));
    expect(delta).toEqual({ down: 30, up: 0 });
    expect(its).toBe(session);
    expect(session).toMatchObject({
      counted: { down: 130 },
      lastEventMs: NOON + 70 * MINUTE,
      closedBy: 'timeout',
    });
  });

  it('adds all of an unknown session, and of its second letter only what is new', () => {
    const subscriber = emptySubscriber();
    const first = meterReplayed(
      subscriber,
      interim(5, 100, { serviceClass: 'video' }),
      context(NOON + 5 * MINUTE),
    );
    expect(first).toMatchObject({ delta: { down: 100, up: 0 }, serviceClass: 'video' });
    const stop = interim(10, 150, { statusType: 'STOP' });
    expect(meterReplayed(subscriber, stop, context(NOON + 10 * MINUTE)).delta.down).toBe(50);
    expect(meterReplayed(subscriber, stop, context(NOON + 10 * MINUTE)).delta.down).toBe(0);
    expect(subscriber.sessions).toEqual([]);
    expect(subscriber.tombstones).toHaveLength(1);
  });

  it('a record of that session that is still on its way adds only what is new', () => {
    const subscriber = emptySubscriber();
    meterReplayed(subscriber, interim(5, 100), context(NOON + 5 * MINUTE));
    const minutes = 19 * 1440;
    const metered = meterRecord(subscriber, interim(minutes, 180), context(NOON + minutes * MINUTE));
    expect(metered).toMatchObject({ outcome: 'metered', delta: { down: 80 }, flags: ['resurrected'] });
  });

  it('charges nothing from before its feed counts', () => {
    const subscriber = emptySubscriber();
    const counting = { ...context(NOON + 5 * MINUTE), countFromMs: NOON + 1 };
    expect(meterReplayed(subscriber, interim(5, 100), counting).delta.down).toBe(0);
  });

  it('is no proof of a restart', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, time: 300, totals: [100, 0] });
    const { delta } = meterReplayed(rig.subscriber, interim(10, 5), context(NOON + 10 * MINUTE));
    expect(delta.down).toBe(0);
    expect(rig.subscriber.sessions[0]?.candidate).toBeNull();
  });

  it('of a sub-session that does not count adds nothing', () => {
    const subscriber = emptySubscriber();
    const child = interim(5, 100, { parentSessionId: 's0' });
    for (const subSessions of ['parent', 'split'] as const) {
      const replayed = meterReplayed(subscriber, child, {
        ...context(NOON + 5 * MINUTE),
        nas: nasProfile({ subSessions }),
      });
      expect(replayed.delta).toEqual({ down: 0, up: 0 });
    }
  });
});
