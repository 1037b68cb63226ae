import { createHash } from 'node:crypto';
import type { Outcome } from '../../schemas/outcome.ts';
import type { ExpectedAction } from '../oracle/action-oracle.ts';
import { expectedOf } from '../oracle/oracle.ts';
import type { OracleBytes, OracleEntry } from '../oracle/oracle.ts';

const WINDOW_MS = 300_000;
/** Policy and rule of policies/home-fup.json. */
const RULE = ['home-fup', 'slow-at-cap'] as const;

/** What the logs of all partitions mean together. */
export interface ExpectedFlow {
  windows: Map<string, OracleBytes>;
  /** with the partition before the offset */
  late: Map<string, OracleBytes>;
  /** windows and late parts by the window where they begin */
  view: Map<string, OracleBytes>;
  cycles: Map<string, OracleBytes>;
  outcomes: Map<Outcome, number>;
  recordsIn: number;
  /** action id -> what it is */
  actions: Map<string, ExpectedAction>;
}

/** The oracle's word on every partition. */
export function expectedFlow(logs: readonly (readonly OracleEntry[])[]): ExpectedFlow {
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
    const expected = expectedOf(log);
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
    for (const [key, bytes] of expected.cycles) flow.cycles.set(key, bytes);
    for (const [outcome, count] of expected.outcomes)
      flow.outcomes.set(outcome, (flow.outcomes.get(outcome) ?? 0) + count);
    flow.recordsIn += expected.recordsIn;
    for (const action of expected.actions) flow.actions.set(idOf(action), action);
  });
  return flow;
}

type LateKey = [number, string, number, number, string, string];

/** The id as design.md defines it: a hash of policy, rule, subscriber, cycle and ordinal. */
function idOf({ subscriberId, cycleStartMs, ordinal }: ExpectedAction): string {
  const text = JSON.stringify([...RULE, subscriberId, cycleStartMs, ordinal]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function addTo(to: Map<string, OracleBytes>, key: string, bytes: OracleBytes): void {
  const sum = to.get(key) ?? { down: 0n, up: 0n };
  to.set(key, { down: sum.down + bytes.down, up: sum.up + bytes.up });
}

/** Where two maps of bytes differ, in words; at most 10 of them, and how many there are. Empty = equal. */
export function differences(
  expected: ReadonlyMap<string, OracleBytes>,
  actual: ReadonlyMap<string, OracleBytes>,
): string[] {
  const found: string[] = [];
  const text = (bytes: OracleBytes | undefined): string =>
    bytes === undefined ? 'nothing' : `${String(bytes.down)}/${String(bytes.up)}`;
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const [want, have] = [text(expected.get(key)), text(actual.get(key))];
    if (want !== have) found.push(`${key}: expected ${want}, found ${have}`);
  }
  return found.length > 10 ? [...found.slice(0, 10), `and ${String(found.length - 10)} more`] : found;
}
