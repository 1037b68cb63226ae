import type { Flag } from '../schemas/outcome.ts';
import type { Amount } from './amount.ts';
import { DIRECTIONS, greatest, minus, nothing, plus, rise } from './amount.ts';
import type { Claim, Reading } from './record.ts';
import type { Session } from './sessions.ts';

/** No reading is higher: what lies before it is never counted again. */
const BEYOND_ALL = { down: 2n ** 53n - 1n, up: 2n ** 53n - 1n };

/** What a record's totals add to its session, never negative. */
export interface Taken {
  delta: Amount;
  /** where its time begins if not with the record before: the first low total of a restarted counter */
  fromMs: number | null;
  flags: Flag[];
}

/** Case 12: the first totals of a session that was under way before its feed counts are taken over, not charged. */
export function takeOver(session: Session, reading: Reading): void {
  rememberWrap(session, reading, reading);
  session.level = { down: reading.down ?? 0n, up: reading.up ?? 0n };
}

/** Takes a record's totals into its session (cases 1, 3, 5, 7, 8). */
export function takeTotals(session: Session, reading: Reading, isNewest: boolean): Taken {
  const { restart, candidate } = session;
  if (restart !== null && reading.atMs < restart.atMs) return takeFromBefore(session, reading, restart);
  if (!isNewest || reading.isShared) return raise(session, reading, []);
  const isOpen = session.closedMs === null;
  if (isOpen && candidate !== null && reading.down === null && reading.up === null)
    return { delta: nothing(), fromMs: null, flags: [] };
  if (!isBelow(session, reading)) {
    // Case 7: back where it was; the low total was a glitch.
    if (isOpen) session.candidate = null;
    return raise(session, reading, []);
  }
  if (isOpen && hasWrapped(session, reading)) {
    session.candidate = null;
    return raise(session, reading, ['wrapped']);
  }
  if (isOpen && candidate !== null && isAtLeast(reading, candidate))
    return beginAnew(session, reading, candidate);
  // Case 8, and a closed session: no later record could tell what it means. What did not fall counts.
  if (!isOpen || reading.event.statusType === 'STOP') return raise(session, reading, ['fell']);
  const shown = shownOf(reading);
  session.candidate = {
    down: shown.down ?? session.level.down,
    up: shown.up ?? session.level.up,
    atMs: reading.atMs,
  };
  return { delta: nothing(), fromMs: null, flags: ['fell'] };
}

/**
 * Whether a record is younger than all before it. By time; but totals that fall under a lower session time of the same NAS
 * come from an old record under a new stamp.
 */
export function isNewest(session: Session, reading: Reading): boolean {
  const { statusType, sessionTimeSeconds, nasId } = reading.event;
  if (reading.atMs <= session.lastEventMs) return false;
  const seconds = sessionTimeSeconds ?? 0;
  const isBehind =
    seconds > 0 &&
    seconds < (session.last.sessionTime ?? -1) &&
    nasId === session.nasId &&
    statusType !== 'STOP';
  return !(isBehind && isBelow(session, reading));
}

/** Case 4: the last record once more, whatever its packet; identity is status, session time and octets. */
export function isRepeated(session: Session, reading: Reading): boolean {
  const { last, candidate, level } = session;
  const { statusType, sessionTimeSeconds } = reading.event;
  if (statusType !== last.status || (sessionTimeSeconds ?? -1) !== (last.sessionTime ?? -1)) return false;
  const claimed = candidate === null ? withWraps(session, reading) : shownOf(reading);
  const known = candidate ?? level;
  return DIRECTIONS.every((d) => claimed[d] === null || claimed[d] === known[d]);
}

/** Whether a closed session goes on with a record that tells no start: none of its totals fell. */
export function goesOn(session: Session, reading: Reading): boolean {
  const { down, up, event } = reading;
  const says = (total: bigint | null): bigint | null =>
    event.statusType === 'STOP' && total === 0n ? null : total;
  const believed = { ...reading, down: says(down), up: says(up) };
  if (believed.down === null && believed.up === null) return session.closedBy !== 'stop';
  return !isBelow(session, believed);
}

/** Case 8: zeros of a Stop that contradict what was counted say no more than absent octets. */
export function withoutZeros<R extends Reading>(session: Session, reading: R): R {
  if (reading.event.statusType !== 'STOP') return reading;
  const believed = (total: bigint | null, level: bigint): bigint | null =>
    total === 0n && level > 0n ? null : total;
  return {
    ...reading,
    down: believed(reading.down, session.level.down),
    up: believed(reading.up, session.level.up),
  };
}

export function isBelow(session: Session, reading: Reading): boolean {
  const claimed = withWraps(session, reading);
  return DIRECTIONS.some((d) => (claimed[d] ?? session.level[d]) < session.level[d]);
}

/** Case 3: every total that falls does so by more than half of the counter's range, and not to 0. */
export function hasWrapped(session: Session, reading: Reading): boolean {
  const { range } = reading;
  if (range === null) return false;
  const claimed = withWraps(session, reading);
  return DIRECTIONS.every((d) => {
    const fall = session.level[d] - (claimed[d] ?? session.level[d]);
    return fall <= 0n || (fall * 2n > range && reading[d] !== 0n);
  });
}

/** Case 3: totals of a 32-bit counter with the wraps that the level has seen; higher ones than its range are believed. */
function withWraps({ level }: Session, { down, up, range }: Reading): Claim {
  const lift = (total: bigint | null, reached: bigint): bigint | null => {
    if (total === null || range === null || (total >= range && total >= reached)) return total;
    return (reached / range) * range + (total % range);
  };
  return { down: lift(down, level.down), up: lift(up, level.up) };
}

/** What the counter itself shows. */
function shownOf({ down, up, range }: Reading): Claim {
  if (range === null) return { down, up };
  return { down: down === null ? null : down % range, up: up === null ? null : up % range };
}

/** Raises the level to the claimed totals where those are higher. */
function raise(session: Session, reading: Reading, flags: Flag[]): Taken {
  const { level } = session;
  const claimed = withWraps(session, reading);
  const reached = { down: claimed.down ?? level.down, up: claimed.up ?? level.up };
  for (const d of DIRECTIONS)
    if (flags.includes('wrapped') && reached[d] < level[d]) reached[d] += reading.range ?? 0n;
  rememberWrap(session, reading, reached);
  const delta = rise(level, reached);
  session.level = plus(level, delta);
  session.counted = plus(session.counted, delta);
  return { delta, fromMs: null, flags };
}

/** Totals from before a wrap look like any others: none that is older than the first one after it counts again. */
function rememberWrap(session: Session, { range, atMs }: Reading, reached: Claim): void {
  if (range === null) return;
  const { level, lastEventMs } = session;
  const isPast = DIRECTIONS.some((d) => (reached[d] ?? 0n) / range > level[d] / range);
  if (isPast) session.restart = { ...BEYOND_ALL, atMs: Math.max(atMs, lastEventMs) };
}

/** Case 7: from before the counter began anew; held against what it had reached then. */
function takeFromBefore(session: Session, { down, up }: Reading, restart: Amount & { atMs: number }): Taken {
  const { atMs, ...before } = restart;
  const reached = greatest(before, { down: down ?? 0n, up: up ?? 0n });
  const delta = minus(reached, before);
  session.restart = { ...reached, atMs };
  session.counted = plus(session.counted, delta);
  return { delta, fromMs: null, flags: [] };
}

function isAtLeast(reading: Reading, candidate: Amount): boolean {
  const shown = shownOf(reading);
  return DIRECTIONS.every((d) => (shown[d] ?? candidate[d]) >= candidate[d]);
}

/**
 * Case 7: the counter began anew. Charged from the first low total, or from 0 where the profile says that counters reset or
 * another NAS of the group has the session now.
 */
function beginAnew(session: Session, reading: Reading, candidate: Amount & { atMs: number }): Taken {
  const fromZero = reading.nas.countersReset || reading.event.nasId !== session.nasId;
  const base = fromZero ? nothing() : { down: candidate.down, up: candidate.up };
  const shown = shownOf(reading);
  const reached = { down: shown.down ?? base.down, up: shown.up ?? base.up };
  const isFirst = session.restart === null && reading.range === null;
  session.restart = { ...(isFirst ? session.level : BEYOND_ALL), atMs: candidate.atMs };
  session.candidate = null;
  session.level = reached;
  const delta = minus(reached, base);
  session.counted = plus(session.counted, delta);
  return { delta, fromMs: candidate.atMs, flags: ['restarted'] };
}
