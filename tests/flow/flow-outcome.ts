import type { ActionIntent, ActionState } from '../../schemas/action.ts';
import { noOutcomes } from '../../schemas/outcome.ts';
import type { OutcomeCounts } from '../../schemas/outcome.ts';
import type { Amount } from '../../verify/amount.ts';
import { differences, expectedFlow } from './expected-flow.ts';
import type { ExpectedFlow } from './expected-flow.ts';
import type { FlowRun } from './flow-run.ts';
import { readUsage } from './stored-usage.ts';

/** How a finished run compares with the oracle. Every list is empty where all is right. */
export interface FlowOutcome {
  windows: string[];
  late: string[];
  /** what analysts see in the view `usage` */
  view: string[];
  cycles: string[];
  outcomes: { expected: OutcomeCounts; actual: OutcomeCounts };
  recordsIn: number;
  /** actions of the ledger that the oracle does not know, or the other way round */
  actions: string[];
  /** CoA that a NAS carried out and no delivered action explains, or the other way round */
  effects: string[];
  /** actions by their state in the ledger */
  states: Partial<Record<ActionState, number>>;
  /** to show that a comparison was not about nothing */
  sizes: { windows: number; late: number; cycles: number; actions: number; effects: number };
}

/** What of a run is compared. */
export type FinishedRun = Pick<FlowRun, 'topic' | 'clickhouseUrl' | 'slots' | 'pool' | 'nas'>;

/** Compares all that was stored with the oracle's word on the log as it is in Kafka. The program must have ended. */
export async function outcomeOf(run: FinishedRun): Promise<FlowOutcome> {
  const logs = await run.topic.readBack();
  const usage = await readUsage(run.clickhouseUrl);
  const states = await run.slots.states();
  const expected = expectedFlow(
    logs,
    states.map(({ settings }) => settings),
  );
  const counts = noOutcomes();
  const cycles = new Map<string, Amount>();
  for (const state of states) {
    for (const [name, count] of Object.entries(state.counts)) counts[name as keyof OutcomeCounts] += count;
    for (const { id, cycles: current, pastCycles } of state.subscribers.values()) {
      for (const { startMs, down, up } of [...current, ...pastCycles]) {
        if (down + up > 0) cycles.set(JSON.stringify([id, startMs]), { down: BigInt(down), up: BigInt(up) });
      }
    }
  }
  const ledger = await ledgerOf(run);
  const counted = ledger.reduce<FlowOutcome['states']>(
    (sum, { state }) => ({ ...sum, [state]: (sum[state] ?? 0) + 1 }),
    {},
  );
  return {
    windows: differences(expected.windows, usage.windows),
    late: differences(expected.late, usage.late),
    view: differences(expected.view, usage.view),
    cycles: differences(expected.cycles, cycles),
    outcomes: { expected: { ...noOutcomes(), ...Object.fromEntries(expected.outcomes) }, actual: counts },
    recordsIn: expected.recordsIn,
    actions: actionFaults(expected, ledger),
    effects: effectFaults(run, ledger),
    states: counted,
    sizes: {
      windows: usage.windows.size,
      late: usage.late.size,
      cycles: cycles.size,
      actions: ledger.length,
      effects: run.nas.effects.length,
    },
  };
}

interface LedgerRow {
  id: string;
  state: ActionState;
  attempts: number;
  intent: ActionIntent;
}

/** In order of decision. */
async function ledgerOf(run: FinishedRun): Promise<LedgerRow[]> {
  const { rows } = await run.pool.query<LedgerRow>(
    'select id, state, attempts, intent from action order by seq',
  );
  return rows;
}

function actionFaults(expected: ExpectedFlow, ledger: readonly LedgerRow[]): string[] {
  const faults: string[] = [];
  const found = new Set<string>();
  for (const { id, intent } of ledger) {
    const wanted = expected.actions.get(id);
    const what = `${intent.kind} of ${intent.subscriberId}, ordinal ${String(intent.ordinal)}`;
    if (found.has(id)) faults.push(`${what} is twice in the ledger`);
    if (wanted === undefined) faults.push(`${what} was not expected`);
    else if (wanted.kind !== intent.kind) faults.push(`${what} should be a ${wanted.kind}`);
    found.add(id);
  }
  for (const [id, { kind, subscriberId, ordinal }] of expected.actions) {
    if (!found.has(id)) faults.push(`${kind} of ${subscriberId}, ordinal ${String(ordinal)}, is missing`);
  }
  return faults;
}

/**
 * Every session of a delivered action was told once. A superseded one told nobody, unless the process that sent it was
 * killed before it could say so: then at most once, and before the action that took its place. One that says what the session was
 * told last (what was decided in between was superseded) may change nothing: the NAS does not count that.
 */
function effectFaults(run: FinishedRun, ledger: readonly LedgerRow[]): string[] {
  const told = new Map<string, { times: number; least: number; most: number }>();
  const entryOf = (parts: unknown[]): { times: number; least: number; most: number } => {
    const key = JSON.stringify(parts);
    const entry = told.get(key) ?? { times: 0, least: 0, most: 0 };
    told.set(key, entry);
    return entry;
  };
  const last = new Map<string, string>();
  for (const { state, attempts, intent } of ledger) {
    for (const { nasId, sessionId } of intent.sessions) {
      const { downBps, upBps } = intent.desired;
      const session = JSON.stringify([nasId, intent.userName, sessionId]);
      const speed = JSON.stringify({ downBps, upBps });
      const entry = entryOf([nasId, intent.userName, sessionId, { downBps, upBps }]);
      if (state === 'delivered' && last.get(session) !== speed) entry.least += 1;
      if (state === 'delivered') last.set(session, speed);
      if (state === 'delivered' || attempts > 0) entry.most += 1;
    }
  }
  for (const { nasId, userName, sessionId, speed } of run.nas.effects) {
    entryOf([nasId, userName, sessionId, speed]).times += 1;
  }
  return [...told]
    .filter(([, { times, least, most }]) => times < least || times > most)
    .map(([what, { times, least, most }]) => `${what}: told ${times} times instead of ${least} to ${most}`);
}
