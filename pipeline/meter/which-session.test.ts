import { describe, expect, it } from 'vitest';
import { HOUR, MINUTE, NOON } from '../../tests/factories.ts';
import type { Session } from '../fold/slot-state.ts';
import { whichSession } from './which-session.ts';
import type { SessionClaim, SessionMatch } from './which-session.ts';

const TOLERANCE = 120_000;

function session(fields: Partial<Session> = {}): Session {
  return {
    nasId: 'nas-1',
    sessionId: 's1',
    service: '',
    serviceClass: '',
    nasIp: null,
    framedIp: null,
    startMs: NOON,
    startEstimated: false,
    lastEventMs: NOON + HOUR,
    counted: { down: 1000, up: 100 },
    lastStatus: 1,
    lastSessionTime: 3600,
    closedMs: null,
    ...fields,
  };
}

function closed(fields: Partial<Session> = {}): Session {
  return session({ closedMs: NOON + HOUR, ...fields });
}

function claim(fields: Partial<SessionClaim> = {}): SessionClaim {
  return {
    nasId: 'nas-1',
    sessionId: 's1',
    service: '',
    isStart: false,
    isStop: false,
    atMs: NOON + 2 * HOUR,
    sessionTimeSeconds: null,
    down: 2000,
    up: 200,
    ...fields,
  };
}

function choose(record: SessionClaim, open: Session[], ended: Session[] = []): SessionMatch {
  return whichSession(record, open, ended, TOLERANCE, NOON - 24 * HOUR);
}

describe('whichSession with an open session of the id', () => {
  it.each<[string, Partial<SessionClaim>, 'open' | 'new']>([
    ['no start told', {}, 'open'],
    ['the same start', { sessionTimeSeconds: 7200 }, 'open'],
    ['a start off by the tolerance', { sessionTimeSeconds: 7200 - 120 }, 'open'],
    ['a start off by more, before its last event', { sessionTimeSeconds: 7200 - 121 }, 'open'],
    [
      'a start at its last event - tolerance',
      { sessionTimeSeconds: 3600 + 120, atMs: NOON + 2 * HOUR },
      'new',
    ],
    ['a start a second earlier than that', { sessionTimeSeconds: 3600 + 121 }, 'open'],
    ['a start after its last event', { sessionTimeSeconds: 60 }, 'new'],
    ['a Start after its last event', { isStart: true }, 'new'],
    ['its Start delivered late', { isStart: true, atMs: NOON }, 'open'],
    ['a Stop whatever its start', { isStop: true, sessionTimeSeconds: 60 }, 'open'],
    ['a Stop with session time 0', { isStop: true, sessionTimeSeconds: 0 }, 'open'],
  ])('%s', (_name, fields, kind) => {
    expect(choose(claim(fields), [session()]).kind).toBe(kind);
  });

  it('a new one replaces the open one and knows its start', () => {
    const running = session();
    const match = choose(claim({ sessionTimeSeconds: 60 }), [running]);
    expect(match).toEqual({
      kind: 'new',
      startMs: NOON + 2 * HOUR - MINUTE,
      startKnown: true,
      replaces: running,
    });
  });

  it.each([[{ nasId: 'nas-2' }], [{ sessionId: 's2' }], [{ service: 'video' }]])(
    'another key %j is another session',
    (fields) => {
      expect(choose(claim(fields), [session()])).toMatchObject({ kind: 'new', replaces: null });
    },
  );

  it('a Stop delivered again finds its closed session behind the one that uses the id now', () => {
    const old = closed();
    const running = session({ startMs: NOON + 90 * MINUTE, lastEventMs: NOON + 95 * MINUTE });
    const again = claim({ isStop: true, atMs: NOON + HOUR, sessionTimeSeconds: 3600, down: 1000 });
    expect(choose(again, [running], [old])).toEqual({ kind: 'closed', session: old });
  });

  it('prefers the open one where both have the start of the record', () => {
    const running = session({ startMs: NOON + MINUTE });
    expect(choose(claim({ sessionTimeSeconds: 7200 }), [running], [closed()]).kind).toBe('open');
  });
});

describe('whichSession with closed sessions only', () => {
  it.each<[string, Partial<SessionClaim>, 'closed' | 'new']>([
    ['the same start', { sessionTimeSeconds: 7200 }, 'closed'],
    ['a start before its last event', { sessionTimeSeconds: 5000 }, 'closed'],
    ['a start after its last event', { sessionTimeSeconds: 60 }, 'new'],
    ['a Start after its last event', { isStart: true }, 'new'],
    ['no start, totals that went on', {}, 'closed'],
    ['no start, fallen totals, long after', { down: 5 }, 'new'],
    ['no start, fallen totals, within 10 min', { down: 5, atMs: NOON + HOUR + 10 * MINUTE }, 'closed'],
    ['no start, fallen totals, a moment later', { down: 5, atMs: NOON + HOUR + 10 * MINUTE + 1 }, 'new'],
    ['no start, no octets', { down: null, up: null, atMs: NOON + HOUR + MINUTE }, 'closed'],
  ])('%s', (_name, fields, kind) => {
    expect(choose(claim(fields), [], [closed()]).kind).toBe(kind);
  });

  it('takes the one whose start is nearest, or without a start the one that ended last', () => {
    const first = closed({ startMs: NOON - 2 * HOUR, lastEventMs: NOON - HOUR, closedMs: NOON - HOUR });
    const second = closed();
    expect(choose(claim({ sessionTimeSeconds: 4 * 3600 }), [], [second, first])).toEqual({
      kind: 'closed',
      session: first,
    });
    expect(choose(claim({}), [], [first, second])).toEqual({ kind: 'closed', session: second });
  });

  it('does not know one whose last event lies before the horizon, pruned or not', () => {
    const old = closed({ lastEventMs: NOON - 24 * HOUR - 1 });
    expect(choose(claim(), [], [old])).toMatchObject({ kind: 'new' });
    expect(choose(claim(), [], [closed({ lastEventMs: NOON - 24 * HOUR })]).kind).toBe('closed');
  });

  it('a first record without any hint begins at its own time, estimated', () => {
    expect(choose(claim(), [])).toEqual({
      kind: 'new',
      startMs: NOON + 2 * HOUR,
      startKnown: false,
      replaces: null,
    });
  });
});
