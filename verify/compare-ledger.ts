import type { OutboxRecord } from '../schemas/outbox.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import type { Amount } from './amount.ts';
import { nothing, plus } from './amount.ts';
import type { Findings, Part, Scope } from './check.ts';
import { knownFromMs } from './check.ts';
import { actionText } from './compare-analytics.ts';
import type { ExpectedAction } from './actions.ts';
import { closingText, storedClosing } from './closing-text.ts';
import { NOTHING, bytesText, keyText, timeText } from './difference.ts';
import type { DifferenceKind } from './difference.ts';
import type { LedgerRow } from './readers.ts';

type Parts = ReadonlyMap<number, Part>;

/** Everything that slots have left, in the ledger or still on its way there. */
export interface Left {
  /** by id */
  actions: Map<string, LedgerRow>;
  /** by id */
  adjustments: Map<string, UsageAdjustment>;
  /** by subscriber and cycle start */
  closings: Map<string, ClosedCycle>;
  /** `<partition>:<offset>` -> reason */
  letters: Map<string, string>;
}

export function nothingLeft(): Left {
  return { actions: new Map(), adjustments: new Map(), closings: new Map(), letters: new Map() };
}

/** Adds what waits in a slot's outbox. What the ledger has under the same id stays. */
export function addOutbox(left: Left, records: readonly OutboxRecord[]): void {
  for (const record of records) {
    if (record.kind === 'action') addAction(left, record.intent);
    else if (record.kind === 'adjustment') addAdjustment(left, record.adjustment);
    else if (record.kind === 'closed-cycle') addClosing(left, record.cycle);
    else if (record.kind === 'dead-letter') {
      const { partition, offset, reason } = record.letter;
      left.letters.set(`${partition}:${offset}`, reason);
    }
  }
}

export function addAction(left: Left, action: LedgerRow): void {
  if (!left.actions.has(action.id)) left.actions.set(action.id, action);
}

export function addAdjustment(left: Left, adjustment: UsageAdjustment): void {
  if (!left.adjustments.has(adjustment.id)) left.adjustments.set(adjustment.id, adjustment);
}

export function addClosing(left: Left, cycle: ClosedCycle): void {
  const key = JSON.stringify([cycle.subscriberId, cycle.cycleStartMs]);
  if (!left.closings.has(key)) left.closings.set(key, cycle);
}

/** Actions by id: each that the log asks for once, and no other. */
export function compareActions(parts: Parts, left: Left, scope: Scope, findings: Findings): void {
  for (const part of parts.values()) {
    const { partition, run, settled } = part;
    if (run.settings.unknownBeforeMs !== null) continue;
    const wanted = new Map(run.expected.actions.map((action) => [action.id, action]));
    for (const action of wanted.values()) {
      if (!isAsked(action, scope)) continue;
      findings.compared += 1;
      const found = left.actions.get(action.id);
      const expected = `${actionText({ ...action, partition })} to ${contentText(action)}`;
      if (found === undefined) {
        if (action.offset < settled)
          findings.put('waiting', 'action', partition, action.id, expected, NOTHING);
        continue;
      }
      const text = `${actionText(found)} to ${contentText(found)}`;
      if (text !== expected) findings.put('wrong', 'action', partition, action.id, expected, text);
    }
    for (const action of left.actions.values()) {
      if (action.partition !== partition || wanted.has(action.id) || action.offset < part.fromOffset)
        continue;
      if (scope.onlySubscriber !== null && action.subscriberId !== scope.onlySubscriber) continue;
      putUnexpected(findings, part, 'action', action.id, actionText(action), action.offset);
    }
  }
}

/** Adjustments by what they are about; numbers of one entry's adjustments say nothing. */
export function compareAdjustments(parts: Parts, left: Left, scope: Scope, findings: Findings): void {
  for (const part of parts.values()) {
    const { partition, run, settled, fromOffset } = part;
    const wanted = new Map<string, Amount>();
    const letters = new Set<string>();
    for (const one of run.expected.adjustments) {
      // A letter's replay has one id, however often it is asked for.
      if (one.letter !== null && letters.has(one.letter)) continue;
      if (one.letter !== null) letters.add(one.letter);
      if (one.cycleStartMs < knownFromMs(part, one.subscriberId, scope)) continue;
      add(wanted, [...keyOf(one), ...placeOf(one, run)], one);
    }
    const found = new Map<string, Amount>();
    for (const one of left.adjustments.values()) {
      if (one.partition !== partition || one.offset < fromOffset) continue;
      if (scope.onlySubscriber !== null && one.subscriberId !== scope.onlySubscriber) continue;
      if (one.cycleStartMs < knownFromMs(part, one.subscriberId, scope)) continue;
      const amount = { down: BigInt(one.downBytes), up: BigInt(one.upBytes) };
      add(found, [...keyOf(one), ...placeOf(one, run)], amount);
    }
    for (const key of new Set([...wanted.keys(), ...found.keys()])) {
      const offset = (JSON.parse(key) as AdjustmentKey)[4];
      const [a, b] = [bytesText(wanted.get(key)), bytesText(found.get(key))];
      findings.compared += 1;
      if (a === b || (b === NOTHING && offset >= settled)) continue;
      if (a === NOTHING) putUnexpected(findings, part, 'adjustment', keyText(key), b, offset);
      else findings.put(b === NOTHING ? 'waiting' : 'wrong', 'adjustment', partition, keyText(key), a, b);
    }
  }
}

type AdjustmentKey = [
  subscriber: string,
  cycle: number,
  serviceClass: string,
  reason: string,
  offset: number,
];

function keyOf(
  one: Pick<UsageAdjustment, 'subscriberId' | 'cycleStartMs' | 'serviceClass' | 'reason' | 'offset'>,
): AdjustmentKey {
  return [one.subscriberId, one.cycleStartMs, one.serviceClass, one.reason, one.offset];
}

/** The part and time band that an adjustment names, where it is known since when slots tell it. */
function placeOf(
  { partFromMs, offPeak }: { partFromMs?: number | null; offPeak?: boolean },
  { world }: Part['run'],
): (string | number)[] {
  if (!world.knowsPolicyFacts || !world.tariffs) return [];
  return [partFromMs ?? 'whole', offPeak === true ? 'off-peak' : 'any time'];
}

/** Cycles that went to billing, with what they come to. */
export function compareClosings(parts: Parts, left: Left, scope: Scope, findings: Findings): void {
  const seen = new Set<string>();
  for (const part of parts.values()) {
    const { partition, run, settled, fromOffset } = part;
    for (const closing of run.expected.closings) {
      const { subscriberId, cycleStartMs, offset } = closing;
      const key = JSON.stringify([subscriberId, cycleStartMs]);
      // Billed once: another close of the same cycle is not taken.
      if (seen.has(key)) continue;
      seen.add(key);
      if (cycleStartMs < knownFromMs(part, subscriberId, scope)) continue;
      findings.compared += 1;
      const name = `${subscriberId} ${timeText(cycleStartMs)}`;
      const tells = { account: closing.account !== null && run.world.knowsPolicyFacts };
      const expected = closingText(closing, tells);
      const found = left.closings.get(key);
      const text = found === undefined ? NOTHING : closingText(storedClosing(found), tells);
      if (text === expected || (found === undefined && offset >= settled)) continue;
      findings.put(
        found === undefined ? 'waiting' : 'wrong',
        'closed-cycle',
        partition,
        name,
        expected,
        text,
      );
    }
    for (const [key, cycle] of left.closings) {
      const { subscriberId, cycleStartMs, offset } = cycle;
      if (cycle.partition !== partition || seen.has(key) || offset < fromOffset) continue;
      if (scope.onlySubscriber !== null && subscriberId !== scope.onlySubscriber) continue;
      if (cycleStartMs < knownFromMs(part, subscriberId, scope)) continue;
      const name = `${subscriberId} ${timeText(cycleStartMs)}`;
      putUnexpected(
        findings,
        part,
        'closed-cycle',
        name,
        closingText(storedClosing(cycle), { account: true }),
        offset,
      );
    }
  }
}

/** Records that could not be metered, with their reasons. Those that were deleted after their time are not missed. */
export function compareLetters(parts: Parts, left: Left, keptFromMs: number, findings: Findings): void {
  for (const part of parts.values()) {
    const { partition, run, settled, fromOffset } = part;
    for (const [offset, { reason, appendTimeMs }] of run.expected.deadLetters) {
      findings.compared += 1;
      const found = left.letters.get(`${partition}:${offset}`) ?? NOTHING;
      if (found === reason) continue;
      if (found === NOTHING && (offset >= settled || appendTimeMs < keptFromMs)) continue;
      const to = found === NOTHING ? 'waiting' : 'wrong';
      findings.put(to, 'dead-letter', partition, `offset ${offset}`, reason, found);
    }
    for (const [place, reason] of left.letters) {
      const [of = 0, offset = 0] = place.split(':').map(Number);
      if (of !== partition || offset < fromOffset || run.expected.deadLetters.has(offset)) continue;
      putUnexpected(findings, part, 'dead-letter', `offset ${offset}`, reason, offset);
    }
  }
}

/** Case 14: what one partition's NAS told reaches all partitions. */
export function compareNasEvents(parts: Parts, findings: Findings): void {
  for (const { partition, run, settled } of parts.values()) {
    for (const [n, nasId] of run.expected.toldEvents) {
      if (n > settled) continue;
      for (const other of parts.values()) {
        findings.compared += 1;
        if (other.run.expected.receivedEvents.has(`slot-${partition}:${n}`)) continue;
        const key = `${nasId} in partition ${other.partition}`;
        findings.put('waiting', 'nas-event', partition, key, `told by offset ${n - 1}`, NOTHING);
      }
    }
  }
}

/** What the log does not give; or not yet, where it comes from an entry that was not recomputed. */
function putUnexpected(
  findings: Findings,
  { run, partition }: Part,
  kind: DifferenceKind,
  key: string,
  found: string,
  offset: number,
): void {
  if (offset >= run.position) findings.putAhead(kind, partition, key, found, offset);
  else findings.put('wrong', kind, partition, key, NOTHING, found);
}

function isAsked(action: ExpectedAction, { sinceMs }: Scope): boolean {
  return action.decidedAtMs >= sinceMs;
}

/** What an action says besides its name. */
function contentText(action: Pick<LedgerRow, 'desired' | 'disposition' | 'overage' | 'topUp'>): string {
  const { desired, disposition, overage, topUp } = action;
  const { state, downBps, upBps, profile } = desired;
  const parts = [`${state} ${downBps}/${upBps} bit/s`];
  if (profile !== null) parts.push(`profile ${profile}`);
  if (disposition !== 'send') parts.push(disposition);
  if (overage !== null) {
    const { block, blockBytes, priceMinor, currency } = overage;
    parts.push(`block ${block} of ${blockBytes} bytes for ${priceMinor} ${currency}`);
  }
  if (topUp !== null) {
    const { productId, bytes, priceMinor, currency, fromMs, expiresMs } = topUp;
    parts.push(
      `${productId} of ${bytes} bytes for ${priceMinor} ${currency}, ${timeText(fromMs)} to ${timeText(expiresMs)}`,
    );
  }
  return parts.join(', ');
}

function add(to: Map<string, Amount>, key: readonly (string | number)[], amount: Amount): void {
  const text = JSON.stringify(key);
  to.set(text, plus(to.get(text) ?? nothing(), { down: amount.down, up: amount.up }));
}
