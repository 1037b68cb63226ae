import { compilePolicies, PolicySet } from '../../rules/compile/policy-set.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import { AppError } from '../../schemas/errors.ts';
import type { DesiredState } from '../../schemas/action.ts';
import type { PolicyInForce } from '../../schemas/policy.ts';
import type { ExplainView } from '../../schemas/timeline-views.ts';
import type { Analytics } from '../../storage/analytics-ports.ts';
import type { LedgerAction } from '../../storage/ports.ts';
import { factsOf, nextDueMs } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import { NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { cycleRule } from '../window/calendar-rule.ts';
import { factViews } from './explain-facts.ts';
import { lineView, pastLineView } from './explain-line.ts';
import { pastSubscriber, setsLine } from './explain-past.ts';
import { policyParts } from './explain-rules.ts';
import { readStoredSubscriber } from './stored-subscriber.ts';
import type { StoredSubscriber } from './stored-subscriber.ts';
import { timelineOf } from './timeline.ts';
import type { TimelineReader } from './timeline.ts';
import { iso, timelineAction } from './timeline-entries.ts';

/** What is told of the time before. */
const TIMELINE_MS = 7 * 24 * 3_600_000;
const TIMELINE_ENTRIES = 40;
/** Actions among which the last ones are looked for: notices may lie between two changes of the line. */
const ACTIONS = 500;

/** What explaining needs. Any process can answer. */
export interface ExplainReader extends TimelineReader {
  analytics: TimelineReader['analytics'] & Pick<Analytics, 'subscriberUsage'>;
  /** ms since 1970 UTC, as the log's clock */
  nowMs: () => number;
  /** the log's clock is not the database's: times of changes to policies say nothing of event time */
  simulatedTime: boolean;
}

/** Parts that differ between now and the past. */
type Basis = Pick<
  ExplainView,
  'basis' | 'notes' | 'desired' | 'because' | 'wishes' | 'nextDue' | 'policies' | 'facts'
>;

/**
 * Why a subscriber's line is as it is, or was; null where nothing is known of it. json-rules-engine evaluates every rule that
 * concerns it anew on the facts of that time.
 *
 * @param atMs null = now, from the state that decides; a time before is put together from analytics, ledger and audit
 * @throws AppError 'invalid-input' for a time that is still to come; 'unreachable', 'timeout' of any store
 */
export async function readExplanation(
  reader: ExplainReader,
  id: string,
  atMs: number | null,
): Promise<ExplainView | null> {
  const stored = await readStoredSubscriber(reader, id);
  if (stored === null) return null;
  const { watermarkMs, settings } = stored.state;
  if (atMs !== null && atMs > Math.max(reader.nowMs(), watermarkMs))
    throw new AppError('invalid-input', `${iso(atMs)} is still to come`);
  const isPast = atMs !== null && atMs < watermarkMs;
  const at = isPast ? atMs : watermarkMs;
  const actions = await reader.history.actions(id, { fromMs: 0, throughMs: at, limit: ACTIONS });
  const basis = isPast ? await thenBasis(reader, stored, at, actions) : await nowBasis(stored, actions);
  const [last] = actions;
  // Of those of one moment the one that sets the line: notices and charges come with it.
  const lastDecision =
    actions.find((action) => setsLine(action) && action.intent.decidedAtMs === last?.intent.decidedAtMs) ??
    last;
  const lastChange = actions.find(setsLine);
  const toMs = isPast ? at : Math.max(at, reader.nowMs());
  const timeline = await timelineOf(reader, stored, {
    fromMs: Math.max(0, at - TIMELINE_MS),
    toMs,
    limit: TIMELINE_ENTRIES,
    before: null,
  });
  return {
    subscriberId: id,
    zone: cycleRule(stored.subscriber, settings.defaultZone).zone,
    at: iso(at),
    ...basis,
    lastChange: lastChange === undefined ? null : timelineAction(lastChange),
    lastDecision:
      lastDecision === undefined
        ? null
        : { ...timelineAction(lastDecision), at: iso(lastDecision.intent.decidedAtMs) },
    timeline: timeline.entries,
  };
}

async function nowBasis(stored: StoredSubscriber, actions: readonly LedgerAction[]): Promise<Basis> {
  const { state, subscriber } = stored;
  const plan = planOf(state, subscriber);
  const facts = factsOf(state, subscriber, plan);
  const dueMs = nextDueMs(state, subscriber);
  const line = lineView(state, subscriber, plan);
  return {
    basis: 'stored',
    notes: [...notesOfNow(stored), ...notesOfNetwork(line.desired, actions.find(setsLine))],
    ...line,
    nextDue: dueMs === null ? null : iso(dueMs),
    policies: await policyParts({
      subscriberId: subscriber.id,
      facts,
      inForce: inForceOf(state),
      compiled: state.compiled,
      blobVersion: state.blobVersion,
      states: subscriber.rules,
    }),
    facts: factViews(facts, 'stored'),
  };
}

function notesOfNow({ state, subscriber }: StoredSubscriber): string[] {
  const notes: string[] = [];
  if (state.watermarkMs === 0) notes.push('No record has been read yet.');
  if (subscriber.profile === null)
    notes.push('There is no profile: no plan, and no policy for a plan applies.');
  if (subscriber.suspended)
    notes.push(
      'A session claimed more than the line carries: no rule begins until somebody has it evaluated anew.',
    );
  return notes;
}

/** Where the network may not be as the line is to be. */
function notesOfNetwork(desired: DesiredState, change: LedgerAction | undefined): string[] {
  const told = change?.intent.desired;
  const isTold =
    told === undefined
      ? desired.state === 'plan'
      : told.state === desired.state &&
        told.profile === desired.profile &&
        (told.state !== 'throttle' || (told.downBps === desired.downBps && told.upBps === desired.upBps));
  if (!isTold) return ['The ledger does not have the last change of the line yet: look again in a moment.'];
  if (change === undefined || change.state === 'delivered') return [];
  return [`The network has not confirmed the last change of the line: it is ${change.state}.`];
}

async function thenBasis(
  reader: ExplainReader,
  stored: StoredSubscriber,
  atMs: number,
  actions: readonly LedgerAction[],
): Promise<Basis> {
  const past = await pastSubscriber(reader.analytics, stored, atMs, actions);
  const { state, subscriber, openSessions, oldestStartMs } = past;
  const plan = planOf(state, subscriber);
  const facts: Facts = {
    ...factsOf(state, subscriber, plan),
    openSessions,
    longestSessionSeconds: oldestStartMs === null ? 0 : Math.floor((atMs - oldestStartMs) / 1000),
  };
  const inForce = reader.simulatedTime ? inForceOf(state) : await reader.history.policiesAt(atMs);
  const { compiled, refused } = compiledOf(inForce, state);
  const change = actions.find(setsLine)?.intent;
  return {
    basis: 'reconstructed',
    notes: [...notesOfThen(reader.simulatedTime), ...refused],
    ...pastLineView(
      subscriber.effect,
      plan,
      change === undefined ? null : `${change.policyId}/${change.rule}`,
    ),
    nextDue: null,
    policies: await policyParts({
      ...{ subscriberId: subscriber.id, facts, inForce, compiled, states: null },
      // Compiled here, with nothing left out.
      blobVersion: NEWEST_BLOB_VERSION,
    }),
    facts: factViews(facts, 'reconstructed'),
  };
}

function notesOfThen(simulatedTime: boolean): string[] {
  return [
    'Facts of the past are not kept. These are added up anew from the 5-minute windows that had ended by then, as analytics ' +
      "has them: usage that arrived late is in them, operators' corrections are not.",
    'The plan is the one that was assigned then; its content and the rest of the profile are as they are now.',
    simulatedTime
      ? 'Time is simulated, so the policies are those in force now.'
      : 'The policies are those that were in force then. Which of their rules acted is not kept.',
    'The last decision before this time is told as it was stored, with the values that it was made by.',
  ];
}

/** What is in force of each policy, as the slot has it. */
function inForceOf({ policies, candidates }: SlotState): Map<string, PolicyInForce> {
  const ids = new Set([...policies.keys(), ...candidates.keys()]);
  return new Map(
    [...ids].map((id) => [id, { base: policies.get(id) ?? null, candidate: candidates.get(id) ?? null }]),
  );
}

/** Policies of the past one by one: a version that this program refuses must not hide the others. */
function compiledOf(
  inForce: ReadonlyMap<string, PolicyInForce>,
  { provider }: SlotState,
): { compiled: PolicySet; refused: string[] } {
  const refused: string[] = [];
  const all = [...inForce].flatMap(([id, versions]) => {
    try {
      return compilePolicies(new Map([[id, versions]]), provider).all;
    } catch (error) {
      refused.push(`Policy ${id} of then can not be read any more: ${(error as Error).message}`);
      return [];
    }
  });
  return { compiled: new PolicySet(all), refused };
}
