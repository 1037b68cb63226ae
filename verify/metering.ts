import type { Flag, Outcome } from '../schemas/outcome.ts';
import type { Amount } from './amount.ts';
import { isNothing, nothing } from './amount.ts';
import { hasWrapped, isBelow, isNewest, isRepeated, takeOver, takeTotals, withoutZeros } from './counters.ts';
import type { Taken } from './counters.ts';
import type { Reading } from './record.ts';
import {
  byAge,
  chooseSession,
  closeSession,
  mayBeForgotten,
  openSession,
  prune,
  rememberedOf,
  reopenSession,
} from './sessions.ts';
import type { Choice, GroupOf, Session, Sessions } from './sessions.ts';
import { becomeChild, isIgnored, isSplitChild, looksCountedTwice, sharesOf } from './sub-sessions.ts';

const MINUTE = 60_000;
const TAIL_MS = 10 * MINUTE;
const MOST_OPEN = 1000;

/** What metering depends on besides the record and the subscriber's sessions. */
export interface MeteringContext {
  watermarkMs: number;
  acceptLatenessMs: number;
  /** sessions of this feed that began before are taken over, not charged (case 12); null = all are charged */
  countFromMs: number | null;
  /** speed of the line, bit/s */
  line: { downBps: number; upBps: number };
  groupOf: GroupOf;
}

/** What one session record came to. */
export interface Metered {
  outcome: Outcome;
  flags: Flag[];
  /** null where the record belongs to none */
  session: Session | null;
  /** what is to be counted as usage, by service class */
  shares: Map<string, Amount>;
  fromMs: number;
  atMs: number;
  /** ended with this record, for whom analysts get a row */
  ended: { session: Session; cause: string }[];
  /** time since the session's last record where that tells the NAS's interim interval */
  intervalMs: number | null;
}

/** Meters one record. Changes the sessions. Null: its session may have been forgotten, nobody knows what it adds. */
export function meter(reading: Reading, sessions: Sessions, context: MeteringContext): Metered | null {
  const { atMs } = reading;
  const { watermarkMs, acceptLatenessMs } = context;
  if (isIgnored(reading)) {
    const nobody = { session: null, shares: new Map<string, Amount>(), ended: [], intervalMs: null };
    return { outcome: 'zero-delta', flags: ['sub-session'], fromMs: atMs, atMs, ...nobody };
  }
  const remembered = rememberedOf(sessions, watermarkMs, acceptLatenessMs);
  const choice = chooseSession(reading, remembered, context.groupOf);
  const closedBefore = sessions.closed.length;
  if (choice.kind === 'new' && mayBeForgotten(reading, sessions)) return null;
  const metered =
    choice.kind === 'new'
      ? meterFirst(choice, reading, sessions, context)
      : meterFurther(choice, withoutZeros(choice.session, reading), sessions);
  const { session, flags, delta } = metered;
  noteAbsurd(metered, context);
  if (looksCountedTwice(reading, session, sessions, context.groupOf)) flags.push('double-count');
  let { outcome } = metered;
  let shares = new Map<string, Amount>();
  let closedMoved = false;
  if (isSplitChild(session, reading)) {
    flags.push('sub-session');
    if (!isNothing(delta)) outcome = 'zero-delta';
  } else if (!isNothing(delta)) {
    const { open, closed } = rememberedOf(sessions, watermarkMs, acceptLatenessMs);
    const shared = sharesOf(reading, session, [...open, ...closed], delta, context.groupOf);
    ({ shares } = shared);
    closedMoved = shared.closedMoved;
  }
  noteEnd(metered, reading, sessions, shares.size > 0);
  // Only when the closed ones are touched anyway: what is forgotten is not seen before either.
  if (choice.kind === 'closed' || closedMoved || sessions.closed.length !== closedBefore)
    prune(sessions, watermarkMs, acceptLatenessMs);
  return { ...metered, outcome, shares, atMs };
}

/** Case 10: a letter that is too old to be metered. What it adds is its subscriber's to be billed. */
export function meterTooOld(
  reading: Reading,
  sessions: Sessions,
  context: MeteringContext,
): Amount & { serviceClass: string } {
  const { serviceClass } = reading;
  const { watermarkMs, acceptLatenessMs } = context;
  if (isIgnored(reading)) return { ...nothing(), serviceClass };
  const remembered = rememberedOf(sessions, watermarkMs, acceptLatenessMs);
  const choice = chooseSession(reading, remembered, context.groupOf);
  let session: Session;
  let delta = nothing();
  if (choice.kind === 'new') {
    session = openSession(reading, choice.startMs, choice.startKnown);
    if (isTakenOver(reading, choice.startMs, context)) takeOver(session, reading);
    else ({ delta } = takeTotals(session, reading, false));
    // Another letter of it, or a record that is on its way, adds only what is new.
    closeSession(sessions, session, Math.max(watermarkMs, reading.atMs), 'operator');
    prune(sessions, watermarkMs, acceptLatenessMs);
  } else {
    ({ session } = choice);
    ({ delta } = takeTotals(session, reading, false));
    session.lastEventMs = Math.max(session.lastEventMs, reading.atMs);
  }
  if (isSplitChild(session, reading)) delta = nothing();
  return { ...delta, serviceClass: session.serviceClass };
}

interface Counted extends Omit<Metered, 'session' | 'shares'> {
  session: Session;
  delta: Amount;
}

/** Cases 6, 11 and 12: the first record of a session. */
function meterFirst(
  choice: Extract<Choice, { kind: 'new' }>,
  reading: Reading,
  sessions: Sessions,
  context: MeteringContext,
): Counted {
  const isStart = reading.event.statusType === 'START';
  const flags: Flag[] = isStart ? [] : ['no-start'];
  const ended: Metered['ended'] = [];
  const { startMs, startKnown, replaces } = choice;
  if (replaces !== null) {
    closeSession(sessions, replaces, replaces.lastEventMs, 'superseded');
    ended.push({ session: replaces, cause: 'superseded' });
    flags.push('id-reused');
  }
  const session = openSession(reading, startMs, startKnown);
  sessions.open.push(session);
  makeRoom(sessions, session, ended);
  const counted = { flags, session, fromMs: startMs, atMs: reading.atMs, ended, intervalMs: null };
  if (isTakenOver(reading, startMs, context)) {
    takeOver(session, reading);
    return { ...counted, outcome: 'baselined', delta: nothing() };
  }
  const { delta } = takeTotals(session, reading, false);
  if (!isNothing(delta) && !isStart) flags.push('estimated');
  return { ...counted, outcome: isNothing(delta) ? 'zero-delta' : 'metered', delta };
}

/** A further record of a session, open or closed. */
function meterFurther(
  choice: Exclude<Choice, { kind: 'new' }>,
  reading: Reading,
  sessions: Sessions,
): Counted {
  const { session } = choice;
  const { event, atMs } = reading;
  const flags: Flag[] = [];
  const ended: Metered['ended'] = [];
  const newest = isNewest(session, reading);
  const repeated = isRepeated(session, reading);
  if (choice.kind === 'closed' && !choice.isBehind && newest && mayGoOn(session, reading)) {
    reopenSession(sessions, session);
    flags.push('resurrected');
    makeRoom(sessions, session, ended);
  }
  becomeChild(session, reading);
  const { lastEventMs, last } = session;
  const isInterimInOrder =
    choice.kind === 'open' && newest && event.statusType === 'INTERIM_UPDATE' && last.status !== 'STOP';
  const taken: Taken = repeated
    ? { delta: nothing(), fromMs: null, flags: [] }
    : takeTotals(session, reading, newest);
  flags.push(...taken.flags);
  const isCharged = !isNothing(taken.delta);
  // Case 9.
  const late =
    session.closedBy === 'stop' && !reading.isShared && atMs > (session.closedMs ?? lastEventMs) + TAIL_MS;
  let outcome: Outcome = newest ? 'zero-delta' : 'reordered';
  if (isCharged) outcome = late ? 'late' : 'metered';
  else if (repeated) outcome = 'duplicate';
  if (isCharged && late && event.statusType !== 'START') flags.push('estimated');
  const saysSomething = reading.down !== null || reading.up !== null;
  // Case 20: believed once a later record does not fall back.
  if (newest && !repeated && session.absurd && saysSomething)
    session.absurd = flags.includes('fell') || flags.includes('restarted');
  if (newest || atMs === lastEventMs) remember(session, reading);
  return {
    outcome,
    flags,
    session,
    delta: taken.delta,
    fromMs: taken.fromMs ?? Math.min(lastEventMs, atMs),
    atMs,
    ended,
    intervalMs: isInterimInOrder ? atMs - lastEventMs : null,
  };
}

/** Of more than 1,000 open sessions the one that was silent longest gives way to the latest. */
function makeRoom(sessions: Sessions, latest: Session, ended: Metered['ended']): void {
  if (sessions.open.length <= MOST_OPEN) return;
  const [oldest] = byAge(sessions.open.filter((session) => session !== latest));
  if (oldest === undefined) return;
  closeSession(sessions, oldest, oldest.lastEventMs, 'superseded');
  ended.push({ session: oldest, cause: 'superseded' });
}

/** Cases 13, 14, 16: only a Stop is the NAS's own word; what closed a session otherwise is taken back by a later record. */
function mayGoOn(session: Session, reading: Reading): boolean {
  if (session.closedBy === 'stop' && !reading.isShared) return false;
  if (session.closedBy === 'nas-event' && reading.atMs <= (session.closedMs ?? 0)) return false;
  return !isBelow(session, reading) || hasWrapped(session, reading);
}

/** Case 12: a session that was under way when Weir was put on the network. */
function isTakenOver({ event }: Reading, startMs: number, { countFromMs }: MeteringContext): boolean {
  return countFromMs !== null && event.statusType !== 'START' && startMs < countFromMs;
}

/** Case 20: more than four times what the line carries. */
function noteAbsurd({ delta, session, flags, fromMs, atMs }: Counted, { line }: MeteringContext): void {
  const ms = BigInt(Math.max(atMs - fromMs, MINUTE));
  // bytes > 4 * bit/s * ms / 1000 / 8, without fractions
  const isTooMuch = (bytes: bigint, bps: number): boolean => bytes * 2000n > BigInt(bps) * ms;
  if (!isTooMuch(delta.down, line.downBps) && !isTooMuch(delta.up, line.upBps)) return;
  session.absurd = true;
  flags.push('absurd');
}

/** A Stop ends its session; a closed session that grew has its row again. */
function noteEnd(
  { session, ended }: Counted,
  { event, atMs }: Reading,
  sessions: Sessions,
  grew: boolean,
): void {
  const cause = event.terminateCause ?? '';
  if (session.closedMs !== null) {
    if (grew) ended.push({ session, cause: causeOf(session) ?? cause });
  } else if (event.statusType === 'STOP') {
    closeSession(sessions, session, atMs, 'stop');
    ended.push({ session, cause });
  }
}

/** What rows say of sessions that no Stop ended; null after a Stop, which says it itself. */
export function causeOf({ closedBy }: Session): string | null {
  switch (closedBy) {
    case 'superseded':
      return 'superseded';
    case 'timeout':
      return 'Weir-Timeout';
    case 'nas-event':
      return 'NAS-Reboot';
    case 'operator':
      return 'Operator';
    default:
      return null;
  }
}

/** Keeps what tells the next duplicate. While a low total waits, the NAS that had the session before is kept. */
function remember(session: Session, { event, atMs, multiId }: Reading): void {
  session.lastEventMs = atMs;
  session.last = { status: event.statusType, sessionTime: event.sessionTimeSeconds };
  if (multiId !== '') session.multiId = multiId;
  if (session.candidate === null) session.nasId = event.nasId;
}
