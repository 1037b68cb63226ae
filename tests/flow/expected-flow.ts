import type { Outcome } from '../../schemas/outcome.ts';
import type { Amount } from '../../verify/amount.ts';
import { addTo, isNothing } from '../../verify/amount.ts';
import { totalOf } from '../../verify/totals.ts';
import type { ExpectedAction } from '../../verify/actions.ts';
import type { Settings, VerifyEntry } from '../../verify/entry.ts';
import { recomputed } from '../oracle/oracle.ts';

const WINDOW_MS = 300_000;

/** What the logs of all partitions mean together. */
export interface ExpectedFlow {
  windows: Map<string, Amount>;
  /** with the partition before the offset */
  late: Map<string, Amount>;
  /** windows and late parts by the window where they begin */
  view: Map<string, Amount>;
  cycles: Map<string, Amount>;
  outcomes: Map<Outcome, number>;
  recordsIn: number;
  /** action id -> what it is */
  actions: Map<string, ExpectedAction>;
}

/** The recomputation's word on every partition, with the settings that its slot was made with. */
export function expectedFlow(
  logs: readonly (readonly VerifyEntry[])[],
  settings: readonly Partial<Settings>[],
): ExpectedFlow {
  const flow: ExpectedFlow = {
    windows: new Map(),
    late: new Map(),
    view: new Map(),
    cycles: new Map(),
    outcomes: new Map(),
    recordsIn: 0,
    actions: new Map(),
  };
  logs.forEach((log, partition) => {
    const { expected, lines } = recomputed(log, { ...settings[partition], partition });
    for (const [key, bytes] of expected.windows) {
      flow.windows.set(key, bytes);
      addTo(flow.view, key, bytes);
    }
    for (const [key, bytes] of expected.late) {
      const [offset, subscriber, fromMs, toMs, serviceClass, nas] = JSON.parse(key) as LateKey;
      flow.late.set(JSON.stringify([partition, offset, subscriber, fromMs, toMs, serviceClass, nas]), bytes);
      const window = Math.floor(fromMs / WINDOW_MS) * WINDOW_MS;
      addTo(flow.view, JSON.stringify([subscriber, window, serviceClass, nas]), bytes);
    }
    for (const { id, book } of lines.values()) {
      for (const cycle of book.cycles) {
        const total = totalOf(cycle);
        if (!isNothing(total)) flow.cycles.set(JSON.stringify([id, cycle.startMs]), total);
      }
    }
    for (const [name, count] of Object.entries(expected.outcomes)) {
      const outcome = name as Outcome;
      if (count > 0) flow.outcomes.set(outcome, (flow.outcomes.get(outcome) ?? 0) + count);
    }
    flow.recordsIn += expected.recordsIn;
    for (const action of expected.actions) flow.actions.set(action.id, action);
  });
  return flow;
}

type LateKey = [number, string, number, number, string, string];

/** Where two maps of bytes differ, in words; at most 10 of them, and how many there are. Empty = equal. */
export function differences(
  expected: ReadonlyMap<string, Amount>,
  actual: ReadonlyMap<string, Amount>,
): string[] {
  const found: string[] = [];
  const text = (bytes: Amount | undefined): string =>
    bytes === undefined ? 'nothing' : `${String(bytes.down)}/${String(bytes.up)}`;
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const [want, have] = [text(expected.get(key)), text(actual.get(key))];
    if (want !== have) found.push(`${key}: expected ${want}, found ${have}`);
  }
  return found.length > 10 ? [...found.slice(0, 10), `and ${String(found.length - 10)} more`] : found;
}
