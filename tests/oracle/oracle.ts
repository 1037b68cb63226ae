import type { Flag, Outcome } from '../../schemas/outcome.ts';
import { plus } from '../../verify/amount.ts';
import type { Amount } from '../../verify/amount.ts';
import { totalOf } from '../../verify/cycle-book.ts';
import type { ExpectedAction } from '../../verify/decisions.ts';
import type { Settings, VerifyEntry } from '../../verify/entry.ts';
import { Recomputation } from '../../verify/recompute.ts';

/** What one partition's log means, as plain totals. Text keys are JSON arrays; nothing that is 0 is in it. */
export interface Totals {
  /** [subscriber, window start, service class, NAS] -> bytes */
  windows: Map<string, Amount>;
  /** [offset, subscriber, from, to, service class, NAS] -> bytes */
  late: Map<string, Amount>;
  /** [subscriber, cycle start] -> bytes */
  cycles: Map<string, Amount>;
  /** [subscriber, NAS, session id, service, start] -> totals, as far as it is remembered */
  sessions: Map<string, Amount>;
  outcomes: Map<Outcome, number>;
  flags: Map<Flag, number>;
  recordsIn: number;
  watermarkMs: number;
  actions: ExpectedAction[];
}

/** Settings of a slot that nothing is said of. */
export const ORACLE_SETTINGS: Settings = {
  partition: 0,
  defaultZone: 'UTC',
  acceptLatenessMs: 7 * 86_400_000,
  cycleCloseGraceMs: 86_400_000,
  policyFault: () => null,
  onlySubscriber: null,
};

/** The meaning of a log, by the independent recomputation in verify/. */
export function totalsOf(log: readonly VerifyEntry[], settings: Partial<Settings> = {}): Totals {
  const run = new Recomputation({ ...ORACLE_SETTINGS, ...settings });
  for (const entry of log) run.take(entry);
  const { windows, late, outcomes, flags, recordsIn, actions } = run.expected;
  const totals: Totals = {
    windows: new Map([...windows].map(([key, { down, up }]) => [key, { down, up }])),
    late,
    cycles: new Map(),
    sessions: new Map(),
    outcomes: new Map(
      Object.entries(outcomes).flatMap(([name, count]) => (count > 0 ? [[name as Outcome, count]] : [])),
    ),
    flags: new Map(
      Object.entries(flags).flatMap(([name, count]) => (count > 0 ? [[name as Flag, count]] : [])),
    ),
    recordsIn,
    watermarkMs: run.watermarkMs,
    actions,
  };
  for (const { id, book, sessions } of run.lines.values()) {
    for (const cycle of book.cycles) add(totals.cycles, [id, cycle.startMs], totalOf(cycle));
    for (const { nasId, sessionId, service, startMs, counted } of [...sessions.open, ...sessions.closed])
      add(totals.sessions, [id, nasId, sessionId, service, startMs], counted);
  }
  return totals;
}

/** Two sessions may begin in one ms: the second one opened when a late Stop had closed the first. */
function add(to: Map<string, Amount>, key: readonly (string | number)[], amount: Amount): void {
  const text = JSON.stringify(key);
  const before = to.get(text);
  if (amount.down + amount.up > 0n) to.set(text, before === undefined ? amount : plus(before, amount));
}
