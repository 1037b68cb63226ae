import type { Flag } from '../../schemas/outcome.ts';
import type { Bytes, Session } from '../fold/slot-state.ts';
import type { SessionClaim } from './claim.ts';

/** No total exceeds it: more could not be stored. */
const MOST = Number.MAX_SAFE_INTEGER;
/** What is held against it is never counted again. */
const NEVER_AGAIN = MOST;

/**
 * A reading as a total beyond the counter's range: with the wraps that the session's level has seen (case 3). Absent octets
 * read as the level. `wrap` 0 = 64-bit counters. Totals beyond the range are believed where they do not fall.
 */
export function lifted(claimed: number | null, level: number, wrap: number): number {
  if (claimed === null) return level;
  if (wrap === 0 || (claimed >= wrap && claimed >= level)) return claimed;
  return Math.floor(level / wrap) * wrap + (claimed % wrap);
}

/** True where some total is lower than the session's level. */
export function falls({ level }: Session, { down, up, wrap }: SessionClaim): boolean {
  return lifted(down, level.down, wrap) < level.down || lifted(up, level.up, wrap) < level.up;
}

/** True where every total that falls does so by more than half of the counter's range: it wrapped (case 3). */
export function hasWrapped({ level }: Session, { down, up, wrap }: SessionClaim): boolean {
  return wrap > 0 && wrapsOrStays(down, level.down, wrap) && wrapsOrStays(up, level.up, wrap);
}

/**
 * True where a record is younger than all before it. By its time, unless its totals fall while its session time lies before
 * the last one's: then it is an old record under a new stamp (spooled, sent again without an Event-Timestamp), not a
 * counter that began anew.
 */
export function isNewer(session: Session, claim: SessionClaim): boolean {
  if (claim.atMs <= session.lastEventMs) return false;
  const seconds = claim.sessionTimeSeconds ?? 0;
  const isBehind = seconds > 0 && seconds < session.lastSessionTime && session.nasId === claim.nasId;
  return claim.isStop || !isBehind || !falls(session, claim);
}

/** True where it is the last record again: identity is (session, status, session time, octets), not the packet (case 4). */
export function isRepeat(session: Session, claim: SessionClaim): boolean {
  if (claim.status !== session.lastStatus) return false;
  if ((claim.sessionTimeSeconds ?? -1) !== session.lastSessionTime) return false;
  const { candidate, level } = session;
  const { down, up, wrap } = claim;
  if (candidate === null) {
    return lifted(down, level.down, wrap) === level.down && lifted(up, level.up, wrap) === level.up;
  }
  return (
    reading(down, candidate.down, wrap) === candidate.down && reading(up, candidate.up, wrap) === candidate.up
  );
}

/** Takes the first reading of a session that began before its feed counts: nothing of it is charged (case 12). */
export function baseline(session: Session, claim: SessionClaim): Bytes {
  raise(session, claim, claim.down ?? 0, claim.up ?? 0);
  session.counted.down = 0;
  session.counted.up = 0;
  return { down: 0, up: 0 };
}

/**
 * Takes a record's totals into the session's level; gives what was new, never negative (cases 1, 3, 5, 7, 8). Fallen totals
 * of an open session wait as a candidate until a later record shows whether the counter began anew. Pushes flags.
 * @param newer the word of isNewer on this record
 */
export function takeIn(session: Session, claim: SessionClaim, newer: boolean, flags: Flag[]): Bytes {
  const { restart } = session;
  if (restart !== null && claim.atMs < restart.atMs) return beforeRestart(session, claim, restart);
  if (newer && !claim.shared) {
    const isOpen = session.closedMs === null;
    if (isOpen && session.candidate !== null) return weigh(session, claim, session.candidate, flags);
    if (falls(session, claim)) return fallen(session, claim, isOpen, flags);
  }
  return raiseTo(session, claim);
}

function raiseTo(session: Session, claim: SessionClaim): Bytes {
  const { level } = session;
  const { down, up, wrap } = claim;
  return raise(session, claim, lifted(down, level.down, wrap), lifted(up, level.up, wrap));
}

/** Raises the level to totals, where they are higher, and counts the difference. */
function raise(session: Session, claim: SessionClaim, down: number, up: number): Bytes {
  const { level } = session;
  const delta = {
    down: Math.max(0, Math.min(down, MOST) - level.down),
    up: Math.max(0, Math.min(up, MOST) - level.up),
  };
  if (claim.wrap > 0) noteWrap(session, claim, delta);
  level.down += delta.down;
  level.up += delta.up;
  return count(session, delta);
}

/** Adds a delta to what is counted and gives it back: lowered, where the sum could not be stored. */
function count({ counted }: Session, delta: Bytes): Bytes {
  delta.down = Math.min(delta.down, MOST - counted.down);
  delta.up = Math.min(delta.up, MOST - counted.up);
  counted.down += delta.down;
  counted.up += delta.up;
  return delta;
}

/** Readings from before a wrap look like any others: none older than the first one after it is counted again. */
function noteWrap(session: Session, { atMs, wrap }: SessionClaim, { down, up }: Bytes): void {
  const { level, lastEventMs } = session;
  const goesPast = (from: number, by: number): boolean =>
    Math.floor((from + by) / wrap) > Math.floor(from / wrap);
  if (goesPast(level.down, down) || goesPast(level.up, up))
    session.restart = { atMs: Math.max(atMs, lastEventMs), down: NEVER_AGAIN, up: NEVER_AGAIN };
}

/** A reading of the counter as it was before it began anew. */
function beforeRestart(
  session: Session,
  claim: SessionClaim,
  restart: NonNullable<Session['restart']>,
): Bytes {
  const delta = {
    down: Math.max(0, (claim.down ?? 0) - restart.down),
    up: Math.max(0, (claim.up ?? 0) - restart.up),
  };
  restart.down += delta.down;
  restart.up += delta.up;
  return count(session, delta);
}

/** Totals that fell with time. */
function fallen(session: Session, claim: SessionClaim, isOpen: boolean, flags: Flag[]): Bytes {
  const { level } = session;
  const { wrap } = claim;
  if (isOpen && hasWrapped(session, claim)) {
    flags.push('wrapped');
    session.candidate = null;
    const down = lifted(claim.down, level.down, wrap);
    const up = lifted(claim.up, level.up, wrap);
    return raise(session, claim, down + (down < level.down ? wrap : 0), up + (up < level.up ? wrap : 0));
  }
  flags.push('fell');
  // No record after a Stop could confirm a restart. What did not fall counts (case 8).
  if (!isOpen || claim.isStop) return raiseTo(session, claim);
  session.candidate = {
    down: reading(claim.down, level.down, wrap),
    up: reading(claim.up, level.up, wrap),
    atMs: claim.atMs,
  };
  return { down: 0, up: 0 };
}

/** A later record while a low total waits: back at the level it was a glitch, at or above the low one a restart (case 7). */
function weigh(
  session: Session,
  claim: SessionClaim,
  candidate: NonNullable<Session['candidate']>,
  flags: Flag[],
): Bytes {
  const { down, up, wrap } = claim;
  if (down === null && up === null) return { down: 0, up: 0 };
  if (!falls(session, claim)) {
    session.candidate = null;
    return raiseTo(session, claim);
  }
  const isAbove =
    reading(down, candidate.down, wrap) >= candidate.down && reading(up, candidate.up, wrap) >= candidate.up;
  if (!isAbove || hasWrapped(session, claim)) return fallen(session, claim, true, flags);
  flags.push('restarted');
  return beginAnew(session, claim, candidate);
}

/**
 * The counter began anew: charged from the low total, or from 0 where the profile says that counters reset or another
 * NAS of the group took the session over. Octets that are absent now are charged with the next record that has them.
 */
function beginAnew(
  session: Session,
  claim: SessionClaim,
  candidate: NonNullable<Session['candidate']>,
): Bytes {
  const { level } = session;
  const fromZero = claim.countersReset || session.nasId !== claim.nasId;
  const baseDown = fromZero ? 0 : candidate.down;
  const baseUp = fromZero ? 0 : candidate.up;
  const down = reading(claim.down, baseDown, claim.wrap);
  const up = reading(claim.up, baseUp, claim.wrap);
  // After a second restart nobody can tell which of the two an older record precedes.
  const isFirst = session.restart === null && claim.wrap === 0;
  session.restart = {
    atMs: candidate.atMs,
    down: isFirst ? level.down : NEVER_AGAIN,
    up: isFirst ? level.up : NEVER_AGAIN,
  };
  session.candidate = null;
  level.down = down;
  level.up = up;
  return count(session, { down: down - baseDown, up: up - baseUp });
}

/** What the counter shows, without the wraps that were added to it; `absent` where it shows nothing. */
function reading(claimed: number | null, absent: number, wrap: number): number {
  if (claimed === null) return absent;
  return wrap === 0 ? claimed : claimed % wrap;
}

/** A fall to 0 is no wrap: it is what NAS send for "unknown". */
function wrapsOrStays(claimed: number | null, level: number, wrap: number): boolean {
  const total = lifted(claimed, level, wrap);
  return total >= level || (claimed !== 0 && level - total > wrap / 2);
}
