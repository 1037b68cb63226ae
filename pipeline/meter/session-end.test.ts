import { describe, expect, it } from 'vitest';
import type { Session, Subscriber } from '../fold/slot-state.ts';
import { emptySubscriber, HOUR, MINUTE, NOON, openedSession } from './meter-rig.contract.ts';
import { endByNasEvents, endByOperator, endOverdue, nextTimeoutMs, timeoutMs } from './session-end.ts';
import type { Hearing } from './session-end.ts';

/** Its last event is an hour after noon unless said otherwise. */
function withSessions(...sessions: Partial<Session>[]): Subscriber {
  const subscriber = emptySubscriber();
  subscriber.sessions = sessions.map(openedSession);
  return subscriber;
}

const LAST = NOON + HOUR;

function hearing(heardMs: number, timeout = 30 * MINUTE): Hearing {
  return () => ({ timeoutMs: timeout, heardMs });
}

describe('case 13: the time-out', () => {
  it.each([
    ['3 x the profile’s interval', 600, null, 30 * MINUTE],
    ['the profile before what was learned', 600, HOUR, 30 * MINUTE],
    ['3 x the learned interval', null, 10 * MINUTE, 30 * MINUTE],
    ['at least 15 min', 60, null, 15 * MINUTE],
    ['48 h for a NAS without interims', 0, 5 * MINUTE, 48 * HOUR],
    ['48 h while nothing is known', null, null, 48 * HOUR],
  ])('is %s', (_name, interimSeconds, learnedMs, expected) => {
    expect(timeoutMs(interimSeconds, learnedMs)).toBe(expected);
  });
});

describe('case 13: endOverdue', () => {
  const due = LAST + 30 * MINUTE;

  it.each([
    ['the time-out is reached and the NAS was heard', due, due, true],
    ['a moment before', due - 1, due, false],
    ['the NAS was not heard since', due, due - 1, false],
    ['nor for long', due + 48 * HOUR - 1, due - 1, false],
    ['48 h later at the latest', due + 48 * HOUR, due - 1, true],
  ])('%s', (_name, watermarkMs, heardMs, ends) => {
    const subscriber = withSessions({});
    const ended = endOverdue(subscriber, watermarkMs, hearing(heardMs));
    expect(ended).toHaveLength(ends ? 1 : 0);
    expect(subscriber.sessions).toHaveLength(ends ? 0 : 1);
    if (ends) {
      expect(ended).toMatchObject([{ cause: 'Weir-Timeout', flags: ['missing-stop'] }]);
      expect(subscriber.tombstones).toMatchObject([
        { closedBy: 'timeout', closedMs: due, lastEventMs: LAST, counted: { down: 1000 } },
      ]);
    }
  });

  it('ends those that are due and leaves the others', () => {
    const subscriber = withSessions(
      { sessionId: 'a' },
      { sessionId: 'b', lastEventMs: LAST + 1 },
      { sessionId: 'c' },
    );
    const ended = endOverdue(subscriber, due, hearing(due));
    expect(ended.map(({ session }) => session.sessionId)).toEqual(['a', 'c']);
    expect(subscriber.sessions).toMatchObject([{ sessionId: 'b' }]);
  });
});

describe('case 13: nextTimeoutMs', () => {
  const due = LAST + 30 * MINUTE;

  it('is null without open sessions, and the earliest of several', () => {
    expect(nextTimeoutMs(withSessions(), hearing(0), NOON)).toBeNull();
    const two = withSessions({ lastEventMs: LAST + MINUTE }, {});
    expect(nextTimeoutMs(two, hearing(LAST), LAST)).toBe(due);
  });

  it.each([
    ['while it is not due', LAST, LAST, due],
    ['not due, heard later already', LAST, due, due],
    ['due, its NAS is silent', due, LAST, due + 15 * MINUTE],
    ['due since long, its NAS is silent', due + 48 * HOUR - MINUTE, LAST, due + 48 * HOUR],
  ])('%s', (_name, watermarkMs, heardMs, expected) => {
    expect(nextTimeoutMs(withSessions({}), hearing(heardMs), watermarkMs)).toBe(expected);
  });

  it('lies ahead once endOverdue ran, and is never later than the work', () => {
    for (const heardMs of [LAST, due, due + HOUR]) {
      for (let now = LAST; now < due + 50 * HOUR; now += 7 * MINUTE) {
        const subscriber = withSessions({});
        const next = nextTimeoutMs(subscriber, hearing(heardMs), now);
        const ended = endOverdue(subscriber, now, hearing(heardMs));
        if (ended.length > 0) expect(next).toBeLessThanOrEqual(now);
        else expect(next).toBeGreaterThan(now);
      }
    }
  });
});

describe('case 14: endByNasEvents', () => {
  const marks = new Map([['nas-1', LAST]]);

  it.each<[string, Partial<Session>, boolean]>([
    ['begun and last heard before it', {}, true],
    ['heard since', { lastEventMs: LAST + 1 }, false],
    ['begun since', { startMs: LAST + 1, lastEventMs: LAST + 1 }, false],
    ['of another NAS', { nasId: 'nas-2' }, false],
    ['of a NAS of the same group', { nasId: 'nas-2', group: 'pair' }, false],
  ])('a session %s', (_name, fields, ends) => {
    const subscriber = withSessions(fields);
    const ended = endByNasEvents(subscriber, marks);
    expect(ended).toHaveLength(ends ? 1 : 0);
    if (ends) {
      expect(ended).toMatchObject([{ cause: 'NAS-Reboot', flags: ['missing-stop'] }]);
      expect(subscriber.tombstones).toMatchObject([{ closedBy: 'nas-event', closedMs: LAST }]);
    }
    expect(endByNasEvents(subscriber, marks)).toEqual([]);
  });
});

describe('endByOperator', () => {
  it('closes the open session of a NAS and id', () => {
    const subscriber = withSessions({ sessionId: 'a' }, { sessionId: 'b' });
    const ended = endByOperator(subscriber, 'nas-1', 'b', LAST + MINUTE);
    expect(ended).toMatchObject({ cause: 'Operator', flags: [], session: { sessionId: 'b' } });
    expect(subscriber.tombstones).toMatchObject([{ closedBy: 'operator', closedMs: LAST + MINUTE }]);
    expect(subscriber.sessions).toMatchObject([{ sessionId: 'a' }]);
    expect(endByOperator(subscriber, 'nas-1', 'b', LAST)).toBeNull();
  });
});
