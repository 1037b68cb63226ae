import { CycleCalendar } from '../../rules/cycle.ts';
import type { OperatorCommand } from '../../schemas/control.ts';
import type { TimelineEntry, TimelineView } from '../../schemas/timeline-views.ts';
import type { Analytics } from '../../storage/analytics-ports.ts';
import type { HistorySpan, SubscriberHistory } from '../../storage/history-ports.ts';
import type { UsageRecords } from '../../storage/people-ports.ts';
import { cycleRule } from '../window/calendar-rule.ts';
import { readStoredSubscriber } from './stored-subscriber.ts';
import type { StateReader, StoredSubscriber } from './stored-subscriber.ts';
import {
  actionEntry,
  adjustmentEntry,
  closedCycleEntry,
  commandEntry,
  cycleEntry,
  lateEntry,
  policyChangeEntry,
  sessionEndEntry,
  sessionStartEntry,
  shadowEntry,
} from './timeline-entries.ts';
import { pageOf } from './timeline-page.ts';
import type { TimelineSource } from './timeline-page.ts';
import { profileEntries } from './timeline-profile.ts';
import { hourEntries, quarterSpan } from './timeline-usage.ts';

/** Commands about one subscriber that the audit keeps. */
const COMMANDS: readonly OperatorCommand['type'][] = ['close-session', 'adjust', 're-evaluate'];
/** Closed cycles that are looked at: more than analytics keeps usage of. */
const MAX_CYCLES = 40;
/** Actions whose policies are looked up: what acted once is of interest though it may be withdrawn since. */
const POLICIES_OF_ACTIONS = 200;

/** What telling of a subscriber's past needs. Any process can answer. */
export interface TimelineReader extends StateReader {
  history: SubscriberHistory;
  analytics: Pick<Analytics, 'usageHistory' | 'lateHistory' | 'sessionHistory'>;
  records: Pick<UsageRecords, 'closedCycles'>;
}

/** Which part of it; bounds are included, ms since 1970 UTC. */
export interface TimelineQuery {
  fromMs: number;
  toMs: number;
  limit: number;
  before: string | null;
}

/**
 * What happened to a subscriber, the newest first, a page of it; null where nothing is known of it. Analytics lags by a flush.
 *
 * @throws AppError 'invalid-input' for a `before` that no page gave; 'unreachable', 'timeout' of any store
 */
export async function readTimeline(
  reader: TimelineReader,
  id: string,
  query: TimelineQuery,
): Promise<TimelineView | null> {
  const stored = await readStoredSubscriber(reader, id);
  return stored === null ? null : timelineOf(reader, stored, query);
}

/** Likewise of a subscriber that has been read. */
export async function timelineOf(
  reader: TimelineReader,
  stored: StoredSubscriber,
  query: TimelineQuery,
): Promise<TimelineView> {
  const { zone } = cycleRule(stored.subscriber, stored.state.settings.defaultZone);
  const policyIds = await policiesOf(reader, stored);
  const page = await pageOf(sourcesOf(reader, stored, query, zone, policyIds), query);
  return {
    subscriberId: stored.subscriber.id,
    zone,
    from: new Date(query.fromMs).toISOString(),
    to: new Date(query.toMs).toISOString(),
    ...page,
  };
}

/** Policies that are for the subscriber's plan and segment, and those that acted on it. */
async function policiesOf(
  { history }: TimelineReader,
  { state, subscriber }: StoredSubscriber,
): Promise<string[]> {
  const { id, profile } = subscriber;
  const plans = [null, ...(profile?.assignments ?? []).map(({ planId }) => planId)];
  const concerning = state.compiled.all.filter((policy) =>
    plans.some((planId) => policy.concerns(planId, profile?.segment ?? '')),
  );
  const everything = { fromMs: 0, throughMs: Number.MAX_SAFE_INTEGER, limit: POLICIES_OF_ACTIONS };
  const actions = await history.actions(id, everything);
  const ids = [
    ...concerning.map(({ policyId }) => policyId),
    ...actions.map(({ intent }) => intent.policyId),
  ];
  return [...new Set(ids)].sort();
}

/** In the order in which they are told within one ms. */
function sourcesOf(
  { history, analytics, records }: TimelineReader,
  stored: StoredSubscriber,
  { fromMs, toMs }: TimelineQuery,
  zone: string,
  policyIds: readonly string[],
): TimelineSource[] {
  const { subscriber } = stored;
  const { id, profile } = subscriber;
  const bounds = { fromMs, toMs, zone, calendar: new CycleCalendar() };
  return [
    async (span) => (await history.actions(id, span)).map(actionEntry),
    async (span) => (await history.shadowDecisions(id, span)).map(shadowEntry),
    async (span) =>
      (await history.adjustments(id, span)).map(({ atMs, adjustment }) => adjustmentEntry(atMs, adjustment)),
    async (span) => (await history.of(id, COMMANDS, span)).map(commandEntry),
    async (span) => (await history.policyChanges(policyIds, span)).map(policyChangeEntry),
    async (span) => within(profileEntries(profile), span),
    async (span) => within(await cycleEntries(records, stored), span),
    (span) => sessionEnds(analytics, stored, span),
    (span) => sessionStarts(analytics, stored, span),
    async (span) =>
      hourEntries(await analytics.usageHistory(id, quarterSpan(bounds, span)), bounds, span.limit),
    async (span) => (await analytics.lateHistory(id, span)).map(lateEntry),
  ];
}

/** Cycles that ended: as they went to billing, and those that still wait for it. */
async function cycleEntries(
  records: TimelineReader['records'],
  { subscriber }: StoredSubscriber,
): Promise<TimelineEntry[]> {
  const closed = await records.closedCycles(subscriber.id, MAX_CYCLES);
  const known = new Set(closed.map(({ cycleStartMs }) => cycleStartMs));
  const others = subscriber.pastCycles.filter(({ startMs }) => !known.has(startMs));
  return [
    ...closed.map(closedCycleEntry),
    ...others.map((cycle) => cycleEntry(cycle.startMs, cycle.endMs, cycle.down, cycle.up, cycle.closed)),
  ];
}

async function sessionEnds(
  analytics: TimelineReader['analytics'],
  { subscriber }: StoredSubscriber,
  { fromMs: endFromMs, throughMs: endThroughMs, limit }: HistorySpan,
): Promise<TimelineEntry[]> {
  const { id, sessions } = subscriber;
  const span = { by: 'end', endFromMs, endThroughMs, limit: limit + sessions.length } as const;
  const rows = await analytics.sessionHistory(id, span);
  return rows.filter((row) => !isOpen(sessions, row)).map(sessionEndEntry);
}

async function sessionStarts(
  analytics: TimelineReader['analytics'],
  { subscriber }: StoredSubscriber,
  span: HistorySpan,
): Promise<TimelineEntry[]> {
  const { fromMs: startFromMs, throughMs: startThroughMs } = span;
  const { id, sessions } = subscriber;
  const limit = span.limit + sessions.length;
  const rows = await analytics.sessionHistory(id, { by: 'start', startFromMs, startThroughMs, limit });
  const closed = rows.filter((row) => !isOpen(sessions, row)).map((row) => sessionStartEntry(row, false));
  return within([...sessions.map((session) => sessionStartEntry(session, true)), ...closed], span);
}

/** What a NAS went on with after it was taken for closed has a row all the same. */
function isOpen(
  sessions: StoredSubscriber['subscriber']['sessions'],
  row: { nasId: string; sessionId: string; startMs: number },
): boolean {
  return sessions.some(
    ({ nasId, sessionId, startMs }) =>
      nasId === row.nasId && sessionId === row.sessionId && startMs === row.startMs,
  );
}

/** Those of a list in memory that lie in a span, as a source gives them. */
function within(
  entries: readonly TimelineEntry[],
  { fromMs, throughMs, limit }: HistorySpan,
): TimelineEntry[] {
  const at = (entry: TimelineEntry): number => Date.parse(entry.at);
  return entries
    .filter((entry) => at(entry) >= fromMs && at(entry) <= throughMs)
    .sort((a, b) => at(b) - at(a))
    .slice(0, limit);
}
