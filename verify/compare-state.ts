import type { Amount } from './amount.ts';
import { isNothing } from './amount.ts';
import type { Cycle } from './cycle-book.ts';
import { totalOf } from './totals.ts';
import { NOTHING, bytesText, timeText } from './difference.ts';
import type { Difference, DifferenceKind } from './difference.ts';
import type { Line } from './line.ts';
import { compareTariff } from './compare-tariff.ts';
import { effectText } from './effect.ts';
import { LocalCalendar } from './local-calendar.ts';
import { adoptRecent, cycleOf, lineOf, sessionOf } from './origin.ts';
import { RecentUse } from './recent-use.ts';
import type { StoredHead, StoredLine } from './readers.ts';
import type { Recomputation } from './recompute.ts';
import type { Session } from './sessions.ts';

/** Of them the oldest also holds what is older. */
const KEPT_PAST_CYCLES = 3;

/** What the slot says of itself, at the position that was recomputed to. */
export function compareHead(run: Recomputation, head: StoredHead, partition: number): Difference[] {
  const { expected } = run;
  const differences: Difference[] = [];
  const compare = (key: string, wanted: string, found: string): void => {
    if (wanted !== found) differences.push({ kind: 'slot', partition, key, expected: wanted, found });
  };
  compare('event time', timeText(run.watermarkMs), timeText(head.watermarkMs));
  for (const [name, count] of Object.entries(expected.outcomes))
    compare(`outcome ${name}`, String(count), String(head.counts[name as keyof typeof head.counts]));
  for (const [name, count] of Object.entries(expected.flags))
    compare(`flag ${name}`, String(count), String(head.flags[name as keyof typeof head.flags]));
  const sum = Object.values(head.counts).reduce((all, count) => all + count, 0);
  compare('outcomes of all records', String(expected.recordsIn), String(sum));
  return differences;
}

/**
 * A subscriber as the log gives it and as the slot holds it.
 *
 * @param compares `policyFacts`, `tariffs` false: what is kept since policies ask about it, or since cycles have parts, may have
 *   been kept from some entry on only
 */
export function compareLine(
  line: Line | undefined,
  stored: StoredLine,
  partition: number,
  compares: { sinceMs: number; policyFacts: boolean; tariffs: boolean },
): Difference[] {
  const differences: Difference[] = [];
  const put = (kind: DifferenceKind, what: string, expected: string, found: string): void => {
    const key = what === '' ? stored.id : `${stored.id} ${what}`;
    differences.push({ kind, partition, key, expected, found });
  };
  if (line === undefined) {
    put('subscriber', '', NOTHING, 'a subscriber');
    return differences;
  }
  const fromMs = Math.max(compares.sinceMs, line.unknownUntilMs);
  compareCycles(line, stored, fromMs, compares.policyFacts, put);
  compareSessions(line, stored, put);
  if (compares.tariffs)
    compareTariff(line, lineOf(stored, new LocalCalendar()), fromMs, (key, expected, found) =>
      put('tariff', key, expected, found),
    );
  if (line.unknownUntilMs > 0) return differences;
  if (compares.policyFacts) compareRecent(line, stored, put);
  const [expected, found] = [effectText(line.effect), effectText(stored.effect)];
  if (expected !== found) put('throttle', '', expected, found);
  return differences;
}

type Put = (kind: DifferenceKind, what: string, expected: string, found: string) => void;

function compareCycles({ book }: Line, stored: StoredLine, fromMs: number, offPeak: boolean, put: Put): void {
  const held = [...stored.cycles, ...stored.pastCycles].map(cycleOf);
  const byStart = new Map(held.map((cycle) => [cycle.startMs, cycle]));
  const oldestMs = Math.min(...held.map(({ startMs }) => startMs));
  const dropsOlder = stored.pastCycles.length >= KEPT_PAST_CYCLES;
  for (const cycle of book.cycles) {
    const found = byStart.get(cycle.startMs);
    byStart.delete(cycle.startMs);
    if (cycle.startMs < fromMs || (found === undefined && dropsOlder && cycle.startMs < oldestMs)) continue;
    compareCycle(cycle, found, offPeak, put);
  }
  for (const cycle of byStart.values())
    if (cycle.startMs >= fromMs) compareCycle(undefined, cycle, offPeak, put);
}

function compareCycle(wanted: Cycle | undefined, found: Cycle | undefined, offPeak: boolean, put: Put): void {
  const name = `cycle of ${timeText((wanted ?? found)?.startMs ?? 0)}`;
  const amount = (cycle: Cycle | undefined, of: (cycle: Cycle) => Amount | undefined): string => {
    const value = cycle === undefined ? undefined : of(cycle);
    return value === undefined || isNothing(value) ? NOTHING : bytesText(value);
  };
  const compare = (what: string, of: (cycle: Cycle) => Amount | undefined): void => {
    const [a, b] = [amount(wanted, of), amount(found, of)];
    if (a !== b) put('cycle', `${name}${what}`, a, b);
  };
  compare('', totalOf);
  const classes = new Set([...(wanted?.classes.keys() ?? []), ...(found?.classes.keys() ?? [])]);
  for (const serviceClass of classes)
    if (serviceClass !== '') compare(`, class ${serviceClass}`, (cycle) => cycle.classes.get(serviceClass));
  compare(', adjusted', (cycle) => cycle.adjusted);
  if (!offPeak) return;
  for (const serviceClass of new Set([...(wanted?.offPeak.keys() ?? []), ...(found?.offPeak.keys() ?? [])]))
    compare(`, off-peak ${serviceClass}`, (cycle) => cycle.offPeak.get(serviceClass));
}

/** Hours, newest window and peak. */
function compareRecent({ recent }: Line, stored: StoredLine, put: Put): void {
  const held = new RecentUse(new LocalCalendar());
  adoptRecent(held, stored);
  const a = recentText(recent);
  const b = recentText(held);
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const [wanted, found] = [a.get(key) ?? NOTHING, b.get(key) ?? NOTHING];
    if (wanted !== found) put('recent-use', key, wanted, found);
  }
}

/** Name of each part of recent use -> what it is. */
function recentText({ hours, newest, peak }: RecentUse): Map<string, string> {
  const byClass = (classes: ReadonlyMap<string, Amount>): string =>
    [...classes]
      .filter(([, amount]) => !isNothing(amount))
      .map(([name, amount]) => `${name}: ${bytesText(amount)}`)
      .sort()
      .join('; ');
  const texts = new Map<string, string>();
  for (const { startMs, endMs, classes } of hours.values())
    texts.set(`hour of ${timeText(startMs)}`, `to ${timeText(endMs)}, ${byClass(classes)}`);
  if (newest !== null) texts.set('newest window', `${timeText(newest.startMs)}, ${byClass(newest.classes)}`);
  if (peak !== null) {
    const classes = [...peak.classes].map(([name, bytes]) => `${name}: ${String(bytes)}`).sort();
    texts.set('peak', `day of ${timeText(peak.dayStartMs)}, ${String(peak.bytes)}; ${classes.join('; ')}`);
  }
  return texts;
}

function compareSessions(line: Line, stored: StoredLine, put: Put): void {
  const wanted = new Map<string, string>();
  const note = (into: Map<string, string>, sessions: readonly Session[], state: string): void => {
    for (const session of sessions) {
      if (session.startMs < line.unknownUntilMs) continue;
      const key = `${session.nasId} ${session.sessionId} ${session.service} from ${timeText(session.startMs)}`;
      const text = `${state}, ${bytesText(session.counted)}, last heard ${timeText(session.lastEventMs)}`;
      const before = into.get(key);
      into.set(key, before === undefined ? text : [before, text].sort().join('; '));
    }
  };
  note(wanted, line.sessions.open, 'open');
  note(wanted, line.sessions.closed, 'closed');
  const found = new Map<string, string>();
  note(found, stored.sessions.map(sessionOf), 'open');
  note(found, stored.tombstones.map(sessionOf), 'closed');
  for (const key of new Set([...wanted.keys(), ...found.keys()])) {
    const [a, b] = [wanted.get(key) ?? NOTHING, found.get(key) ?? NOTHING];
    if (a !== b) put('session', key, a, b);
  }
}
