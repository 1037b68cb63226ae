import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Flag, Outcome } from '../../schemas/outcome.ts';
import { nowOf, planOf } from '../decide/in-force.ts';
import type { Cause } from '../decide/intents.ts';
import { learnedIntervalMs, noteRecord, noteSession, toFeedRow } from '../feed/nas-feed.ts';
import type { NasFeed } from '../feed/nas-feed.ts';
import type { FeedQualityRow } from '../../storage/analytics-ports.ts';
import { nasProfileOf } from '../meter/nas-profile.ts';
import { timeoutMs } from '../meter/session-end.ts';
import type { Hearing } from '../meter/session-end.ts';
import type { BatchEffects } from './effects.ts';
import type { FoldContext } from './fold.ts';
import type { Bytes, Session, SlotState, Subscriber } from './slot-state.ts';

/** Where no plan says how fast the line is, bit/s (accounting case 20). */
const FASTEST_LINE_BPS = 10_000_000_000;

/** How long a session of a NAS may be silent, and when the NAS was last heard (accounting case 13). */
export function hearingOf(state: SlotState): Hearing {
  return (nasId) => {
    const feed = state.feeds.known(nasId);
    const { interimSeconds } = nasProfileOf(state.nas, nasId);
    return {
      timeoutMs: timeoutMs(interimSeconds, feed === undefined ? null : learnedIntervalMs(feed)),
      heardMs: feed?.heardMs ?? 0,
    };
  };
}

/** Redundancy groups by the NAS profiles in force. */
export function groupsOf(state: SlotState): (nasId: string) => string {
  return (nasId) => nasProfileOf(state.nas, nasId).redundancyGroup ?? '';
}

/** The feed of a NAS, to be noted in. One that had to make room for it leaves its hour behind. */
export function feedOf({ state, effects }: FoldContext, nasId: string, cause: Cause): NasFeed {
  const feed = state.feeds.of(nasId, state.watermarkMs);
  effects.feeds.add(feed);
  if (feed.version > 0) return feed;
  for (const forgotten of state.feeds.takeForgotten()) {
    effects.feeds.delete(forgotten);
    effects.catalogue.add(`feed:${forgotten.nasId}`);
    const row = toFeedRow(state.partition, forgotten, nasProfileOf(state.nas, forgotten.nasId));
    putHour(effects, 'g', row, cause);
  }
  return feed;
}

/** What a boost let the line carry may come with a record as long after its end. */
const BOOST_SHOWS_MS = 24 * 3_600_000;

/** Speed of a subscriber's line, bit/s: the plan's, or more with a boost. */
export function lineOf(state: SlotState, subscriber: Subscriber | undefined): Bytes {
  const plan = subscriber === undefined ? null : planOf(state, subscriber);
  if (plan === null) return FASTEST_LINE;
  const line = { down: plan.downBps, up: plan.upBps };
  const boosts = subscriber?.profile?.boosts;
  if (subscriber === undefined || boosts === undefined) return line;
  const now = nowOf(state, subscriber);
  for (const { downBps, upBps, fromMs, expiresMs } of boosts) {
    if (now < fromMs || now >= expiresMs + BOOST_SHOWS_MS) continue;
    line.down = Math.max(line.down, downBps);
    line.up = Math.max(line.up, upBps);
  }
  return line;
}

/** That of a record of nobody. */
export const FASTEST_LINE: Readonly<Bytes> = { down: FASTEST_LINE_BPS, up: FASTEST_LINE_BPS };

/** Counts a record once: in the slot and in its NAS's feed. */
export function note(
  context: FoldContext,
  feed: NasFeed,
  record: {
    event: UsageEvent;
    atMs: number;
    outcome: Outcome;
    flags: readonly Flag[];
    /** of its subscriber's line */
    line: Bytes;
  },
  cause: Cause,
): void {
  const { state } = context;
  const { event, atMs, outcome, flags, line } = record;
  state.counts[outcome] += 1;
  for (const flag of flags) state.flags[flag] += 1;
  const over = noteRecord(
    feed,
    {
      offset: cause.offset,
      appendTimeMs: cause.appendTimeMs,
      eventTimeMs: event.eventTimeMs,
      atMs,
      outcome,
      flags,
      lineBps: Math.max(line.down, line.up),
    },
    nasProfileOf(state.nas, event.nasId),
  );
  if (over !== null) putHour(context.effects, 'f', { ...over, partition: state.partition }, cause);
}

/** Counts a flag that no record has: a session that a timer or its NAS ended. */
export function noteFlag(context: FoldContext, nasId: string, flag: Flag, cause: Cause): void {
  context.state.flags[flag] += 1;
  noteSessions(context, nasId, 0, flag, cause);
}

/** Brings the numbers of open sessions by NAS up to a subscriber's present sessions. */
export function noteOpenSessions(context: FoldContext, subscriber: Subscriber, cause: Cause): void {
  const { sessions, counted } = subscriber;
  const before = counted.nas;
  if (areAt(sessions, before)) return;
  const change = new Map<string, number>();
  for (const nasId of before) change.set(nasId, (change.get(nasId) ?? 0) - 1);
  for (const { nasId } of sessions) change.set(nasId, (change.get(nasId) ?? 0) + 1);
  for (const [nasId, opened] of change) if (opened !== 0) noteSessions(context, nasId, opened, null, cause);
  counted.nas = sessions.map(({ nasId }) => nasId);
}

/** Asked with every record: no closure. */
function areAt(sessions: readonly Session[], nas: readonly string[]): boolean {
  if (sessions.length !== nas.length) return false;
  for (let i = 0; i < nas.length; i += 1) if (sessions[i]?.nasId !== nas[i]) return false;
  return true;
}

function noteSessions(
  context: FoldContext,
  nasId: string,
  opened: number,
  flag: Flag | null,
  cause: Cause,
): void {
  const { offset, appendTimeMs } = cause;
  const { state } = context;
  const over = noteSession(
    feedOf(context, nasId, cause),
    { offset, appendTimeMs, opened, flag },
    nasProfileOf(state.nas, nasId),
  );
  if (over !== null) putHour(context.effects, 'f', { ...over, partition: state.partition }, cause);
}

/** The last word on an hour: its version is that of the input that ended it. */
function putHour(effects: BatchEffects, origin: 'f' | 'g', hour: FeedQualityRow, cause: Cause): void {
  const key = `${cause.offset}.${origin}.${hour.nasId}`;
  effects.oneShots.push({ key, row: { kind: 'feed', row: { ...hour, version: cause.offset + 1 } } });
}
