import { describe, expect, it } from 'vitest';
import type { Session } from '../fold/slot-state.ts';
import type { SessionClaim } from './claim.ts';
import {
  closedSession as closed,
  DAY,
  HOUR,
  meterContext,
  MINUTE,
  nasProfile,
  NOON,
  openedSession as session,
  sessionClaim,
} from './meter-rig.contract.ts';
import { whichSession } from './which-session.ts';
import type { ChoiceContext, SessionMatch } from './which-session.ts';

function claim(fields: Partial<SessionClaim> = {}): SessionClaim {
  return sessionClaim({ atMs: NOON + 2 * HOUR, down: 2000, up: 200, ...fields });
}

function choose(
  record: SessionClaim,
  open: Session[],
  ended: Session[] = [],
  context: Partial<ChoiceContext> = {},
): SessionMatch {
  return whichSession(record, open, ended, { ...meterContext({ watermarkMs: NOON }), ...context });
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
    expect(choose(again, [running], [old])).toEqual({ kind: 'closed', session: old, behind: true });
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
      behind: false,
    });
    expect(choose(claim({}), [], [first, second])).toEqual({
      kind: 'closed',
      session: second,
      behind: false,
    });
  });

  it.each<[string, Partial<SessionClaim>, number]>([
    ['within the first', { atMs: NOON - 90 * MINUTE }, 0],
    ['between the two', { atMs: NOON - MINUTE }, 1],
    ['within the second', { atMs: NOON + MINUTE }, 1],
    ['after both', {}, 1],
  ])('without a start takes the one in whose life the record lies: %s', (_name, fields, index) => {
    const lives = [
      closed({ startMs: NOON - 2 * HOUR, lastEventMs: NOON - HOUR, closedMs: NOON - HOUR }),
      closed(),
    ];
    expect(choose(claim(fields), [], lives)).toMatchObject({ kind: 'closed', session: lives[index] });
  });

  it.each<[string, Partial<SessionClaim>, Partial<Session>, 'closed' | 'new']>([
    ['one direction only, not fallen', { up: null }, {}, 'closed'],
    ['one direction only, fallen', { down: 5, up: null }, {}, 'new'],
    ['no octets after a Stop', { down: null, up: null }, {}, 'new'],
    ['no octets after a time-out', { down: null, up: null }, { closedBy: 'timeout' }, 'closed'],
    [
      'the zeros of a Stop after a time-out',
      { isStop: true, down: 0, up: 0 },
      { closedBy: 'timeout' },
      'closed',
    ],
    ['the zeros of an interim after a time-out', { down: 0, up: 0 }, { closedBy: 'timeout' }, 'new'],
    [
      'a 32-bit counter that wrapped before',
      { wrap: 2 ** 32 },
      { level: { down: 2 ** 32 + 5, up: 0 } },
      'closed',
    ],
  ])('long after, without a start: %s', (_name, fields, known, kind) => {
    expect(choose(claim(fields), [], [closed(known)]).kind).toBe(kind);
  });

  it.each<[string, Partial<Session>, number, 'closed' | 'new']>([
    ['stopped, as long as records are accepted and an hour', {}, 7 * DAY + HOUR, 'closed'],
    ['stopped, longer ago', {}, 7 * DAY + HOUR + 1, 'new'],
    ['timed out, 35 days ago', { closedBy: 'timeout' }, 35 * DAY + HOUR, 'closed'],
    ['timed out, longer ago', { closedBy: 'timeout' }, 35 * DAY + HOUR + 1, 'new'],
    [
      'closed by an operator later',
      { closedBy: 'operator', closedMs: NOON + DAY },
      35 * DAY + HOUR + 1,
      'closed',
    ],
  ])('knows closed ones until no record can be theirs, pruned or not: %s', (_name, known, agoMs, kind) => {
    const old = closed({ lastEventMs: NOON, closedMs: NOON, ...known });
    expect(choose(claim(), [], [old], { watermarkMs: NOON + agoMs }).kind).toBe(kind);
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

describe('whichSession of an id that is used again', () => {
  const former = closed();
  const running = session({ startMs: NOON + 90 * MINUTE, lastEventMs: NOON + 95 * MINUTE });

  it.each<[string, Partial<SessionClaim>, Session]>([
    ['an old interim without a start', { atMs: NOON + 30 * MINUTE }, former],
    ['an old Stop without a start', { atMs: NOON + HOUR, isStop: true }, former],
    ['an interim of now without a start', {}, running],
    ['one between the two', { atMs: NOON + 80 * MINUTE }, running],
  ])('%s', (_name, fields, expected) => {
    expect(choose(claim(fields), [running], [former])).toMatchObject({ session: expected });
  });
});

describe('whichSession of one NAS or several', () => {
  const group = { nas: nasProfile({ redundancyGroup: 'pair' }) };

  it('another NAS of the group continues the session', () => {
    const record = claim({ nasId: 'nas-2', group: 'pair' });
    expect(choose(record, [session()], [], { ...group, groupOf: () => 'pair' }).kind).toBe('open');
  });

  it.each([['other'], ['']])('one of group %j does not', (its) => {
    const record = claim({ nasId: 'nas-2', group: its });
    expect(choose(record, [session()], [], { groupOf: () => 'pair' }).kind).toBe('new');
  });

  it('siblings that share a counter are one session whatever their starts', () => {
    const record = claim({ sessionId: 'm1', shared: true, isStart: true });
    expect(choose(record, [session({ sessionId: 'm1' })]).kind).toBe('open');
    expect(choose(record, [], [closed({ sessionId: 'm1' })]).kind).toBe('closed');
  });
});
