import type { BatchEffects } from '../../pipeline/fold/effects.ts';
import type { Session, SlotState } from '../../pipeline/fold/slot-state.ts';
import { factsOf } from '../../pipeline/decide/facts-of.ts';
import { planOf } from '../../pipeline/decide/in-force.ts';
import type { ExpectedAction } from '../../verify/actions.ts';
import { storedAccount } from '../../verify/closing-text.ts';
import type { ClosedAccount } from '../../verify/expected.ts';
import type { Facts } from '../../verify/conditions.ts';
import { totalOf } from '../../verify/totals.ts';
import { factsAt } from '../../verify/facts.ts';
import type { Line } from '../../verify/line.ts';
import { planNow } from '../../verify/tariff.ts';
import { LocalCalendar } from '../../verify/local-calendar.ts';
import { lineOf } from '../../verify/origin.ts';
import type { Recomputation } from '../../verify/recompute.ts';
import type { Session as VerifySession } from '../../verify/sessions.ts';

/** Texts of what one side says, sorted: they compare and print well. Nothing that is 0 is in it. */
export type Picture = Record<string, string[]>;

type Part = string | number | bigint | boolean | null;

/** What the fold made of a log, taken in as one. */
export function foldPicture(state: SlotState, effects: BatchEffects): Picture {
  const picture = new Sketch();
  for (const [name, count] of Object.entries(state.counts)) picture.sum('outcomes', [name], [count]);
  for (const [name, count] of Object.entries(state.flags)) picture.sum('flags', [name], [count]);
  picture.put('watermark', [state.watermarkMs]);
  for (const { subscriberId, startMs, serviceClass, nasId, down, up, version } of effects.windows)
    picture.sum('windows', [subscriberId, startMs, serviceClass, nasId, version], [down, up]);
  const ends = new Map<string, Part[]>();
  for (const { row } of effects.oneShots) {
    if (row.kind === 'late') {
      const { offset, subscriberId, fromMs, toMs, serviceClass, nasId, down, up } = row;
      picture.sum('late', [offset, subscriberId, fromMs, toMs, serviceClass, nasId], [down, up]);
    } else if (row.kind === 'session') {
      const { subscriberId, nasId, sessionId, startMs, endMs, cause, down, up } = row;
      const key = [subscriberId, nasId, sessionId, startMs];
      ends.set(JSON.stringify(key), [...key, endMs, cause, down, up]);
    }
  }
  for (const row of ends.values()) picture.put('session ends', row);
  for (const record of effects.outbox) {
    if (record.kind === 'action') {
      picture.action(record.intent);
    } else if (record.kind === 'shadow') {
      const { id, began, liveEffect } = record.decision;
      picture.put('shadows', [id, began, JSON.stringify(liveEffect)]);
    } else if (record.kind === 'adjustment') {
      const { subscriberId, cycleStartMs, serviceClass, reason, offset, downBytes, upBytes } =
        record.adjustment;
      const { partFromMs = null, offPeak = false } = record.adjustment;
      picture.sum(
        'adjustments',
        [subscriberId, cycleStartMs, serviceClass, reason, offset, partFromMs, offPeak],
        [downBytes, upBytes],
      );
    } else if (record.kind === 'closed-cycle') {
      const { subscriberId, cycleStartMs, cycleEndMs, classes, adjustedDownBytes, adjustedUpBytes } =
        record.cycle;
      const key = [subscriberId, cycleStartMs, cycleEndMs];
      for (const { serviceClass, downBytes, upBytes } of classes)
        picture.sum('closed cycles', [...key, serviceClass], [downBytes, upBytes]);
      picture.sum('closed cycles', [...key, 'adjusted'], [adjustedDownBytes, adjustedUpBytes]);
      picture.account(storedAccount(record.cycle), key);
    } else if (record.kind === 'control') {
      const { control, id } = record;
      if (control.kind === 'nas-event') picture.put('told', [id.source, id.n]);
      if (control.kind === 'pool-contribution')
        picture.put('contributions', [JSON.stringify(control.contribution)]);
    }
  }
  for (const { offset, reason } of effects.dead) picture.put('dead letters', [offset, reason]);
  const calendar = new LocalCalendar();
  for (const subscriber of state.subscribers.values()) {
    const { id, cycles, pastCycles, sessions, tombstones } = subscriber;
    for (const { startMs, endMs, down, up, classes, adjusted, closed } of [...cycles, ...pastCycles]) {
      picture.sum('cycles', [id, startMs, endMs], [down, up]);
      for (const share of classes)
        picture.sum('cycles', [id, startMs, endMs, share.serviceClass], [share.down, share.up]);
      picture.sum('cycles', [id, startMs, endMs, 'adjusted'], [adjusted.down, adjusted.up]);
      if (closed && down + up > 0) picture.put('cycles', [id, startMs, 'closed']);
    }
    for (const session of sessions) picture.put('open sessions', sessionParts(id, session));
    for (const session of tombstones) picture.put('closed sessions', sessionParts(id, session));
    picture.use(lineOf(subscriber, calendar));
  }
  return picture.done();
}

/** What the recomputation made of it. */
export function verifyPicture(run: Recomputation): Picture {
  const picture = new Sketch();
  const { expected } = run;
  for (const [name, count] of Object.entries(expected.outcomes)) picture.sum('outcomes', [name], [count]);
  for (const [name, count] of Object.entries(expected.flags)) picture.sum('flags', [name], [count]);
  picture.put('watermark', [run.watermarkMs]);
  for (const [key, { down, up, version }] of expected.windows)
    picture.sum('windows', [...(JSON.parse(key) as Part[]), version], [down, up]);
  for (const [key, { down, up }] of expected.late) picture.sum('late', JSON.parse(key) as Part[], [down, up]);
  for (const [key, { endMs, cause, down, up }] of expected.sessionEnds)
    picture.put('session ends', [...(JSON.parse(key) as Part[]), endMs, cause, down, up]);
  for (const action of expected.actions) picture.action(action);
  for (const { id, began, liveEffect } of expected.shadows)
    picture.put('shadows', [id, began, JSON.stringify(liveEffect)]);
  for (const one of expected.adjustments) {
    const { subscriberId, cycleStartMs, serviceClass, reason, offset, partFromMs, offPeak, down, up } = one;
    const key = [subscriberId, cycleStartMs, serviceClass, reason, offset, partFromMs, offPeak];
    picture.sum('adjustments', key, [down, up]);
  }
  for (const closing of expected.closings) {
    const { subscriberId, cycleStartMs, cycleEndMs, classes, adjusted, account } = closing;
    const key = [subscriberId, cycleStartMs, cycleEndMs];
    for (const [serviceClass, { down, up }] of classes)
      picture.sum('closed cycles', [...key, serviceClass], [down, up]);
    picture.sum('closed cycles', [...key, 'adjusted'], [adjusted.down, adjusted.up]);
    picture.account(account, key);
  }
  for (const n of expected.toldEvents.keys()) picture.put('told', ['slot-0', n]);
  for (const { contribution } of expected.contributions)
    picture.put('contributions', [JSON.stringify(contribution)]);
  for (const [offset, { reason }] of expected.deadLetters) picture.put('dead letters', [offset, reason]);
  for (const line of run.lines.values()) {
    const { id, book, sessions } = line;
    for (const cycle of book.cycles) {
      const { startMs, endMs, adjusted, closed, classes } = cycle;
      const { down, up } = totalOf(cycle);
      picture.sum('cycles', [id, startMs, endMs], [down, up]);
      for (const [name, share] of classes)
        if (name !== '') picture.sum('cycles', [id, startMs, endMs, name], [share.down, share.up]);
      picture.sum('cycles', [id, startMs, endMs, 'adjusted'], [adjusted.down, adjusted.up]);
      if (closed && down + up > 0n) picture.put('cycles', [id, startMs, 'closed']);
    }
    for (const session of sessions.open) picture.put('open sessions', sessionParts(id, session));
    for (const session of sessions.closed) picture.put('closed sessions', sessionParts(id, session));
    picture.use(line);
  }
  return picture.done();
}

/** Facts of everybody by both, of lines that were looked at since their cycle began: others nobody decides about. */
export function factPictures(state: SlotState, run: Recomputation): [fold: Picture, recomputed: Picture] {
  const [folded, expected] = [new Sketch(), new Sketch()];
  for (const line of run.lines.values()) {
    const subscriber = state.subscribers.get(line.id);
    const { current } = line.book;
    if (subscriber === undefined || current === null || run.watermarkMs >= current.endMs) continue;
    folded.facts(line.id, factsOf(state, subscriber, planOf(state, subscriber)));
    const plan = planNow(line, run.world.plans, run.watermarkMs);
    expected.facts(line.id, factsAt(line, plan, run.watermarkMs, run.world));
  }
  return [folded.done(), expected.done()];
}

function sessionParts(id: string, session: Session | VerifySession): Part[] {
  const { nasId, sessionId, service, startMs, lastEventMs, counted, level, closedBy, absurd } = session;
  const names = [id, nasId, sessionId, service, startMs, lastEventMs, closedBy, absurd];
  return [...names, counted.down, counted.up, level.down, level.up];
}

class Sketch {
  readonly #parts: Picture = {};

  put(section: string, parts: readonly Part[]): void {
    (this.#parts[section] ??= []).push(
      JSON.stringify(parts.map((part) => (part === null ? '-' : String(part)))),
    );
  }

  /** As put, unless all amounts are 0. */
  sum(section: string, key: readonly Part[], amounts: readonly (number | bigint)[]): void {
    if (amounts.some((amount) => BigInt(amount) !== 0n)) this.put(section, [...key, ...amounts]);
  }

  action(action: Omit<ExpectedAction, 'offset'>): void {
    const { id, kind, subscriberId, desired, disposition, overage, topUp } = action;
    const { state, downBps, upBps, profile } = desired;
    const content = JSON.stringify([state, downBps, upBps, profile, disposition, overage, topUp]);
    this.put('actions', [id, kind, subscriberId, content]);
  }

  /** What a closed cycle is billed by. */
  account(account: ClosedAccount | null, key: readonly Part[]): void {
    if (account === null) return;
    const { planId, parts, base, carryIn, carryOut, topUps, blocks, soldBytes, over, corrected } = account;
    this.put('closed accounts', [...key, planId, base, carryIn, carryOut, over, corrected]);
    this.sum('closed blocks', key, [blocks, soldBytes]);
    const { blockBytes, blockPriceMinor, currency, maxBlocks } = account.terms ?? {};
    if (blockBytes !== undefined)
      this.put('closed terms', [...key, JSON.stringify([blockBytes, blockPriceMinor, currency, maxBlocks])]);
    for (const [topUp, bytes] of topUps) this.sum('closed top-ups', [...key, topUp], [bytes]);
    for (const { fromMs, toMs, planId: plan, version, unlimited, counted, total } of parts) {
      const part = [...key, fromMs, toMs, plan, version];
      this.put('closed parts', [...part, unlimited, counted]);
      for (const [name, { down, up }] of total.classes) this.sum('closed parts', [...part, name], [down, up]);
      for (const [name, { down, up }] of total.offPeak)
        this.sum('closed parts', [...part, name, 'off-peak'], [down, up]);
    }
  }

  /** What plans made of cycles. */
  tariff({ id, book, carry, topUpUses }: Line): void {
    for (const { startMs, parts, spent } of book.cycles) {
      for (const part of parts) {
        const key = [id, startMs, part.startMs, part.endMs];
        this.put('parts', key);
        for (const [name, { down, up }] of part.classes) this.sum('parts', [...key, name], [down, up]);
        for (const [name, { down, up }] of part.offPeak)
          this.sum('parts', [...key, name, 'off-peak'], [down, up]);
      }
      this.sum('spent', [id, startMs], [spent?.carryBytes ?? 0, spent?.blocks ?? 0, spent?.soldBytes ?? 0]);
      for (const [topUp, bytes] of spent?.topUps ?? []) this.sum('spent', [id, startMs, topUp], [bytes]);
    }
    if (carry !== null) this.put('carry', [id, carry.cycleStartMs, carry.bytes, carry.final]);
    for (const [topUp, { before, used }] of topUpUses) this.sum('top-up use', [id, topUp], [before, used]);
  }

  /** Use by time of day, hour and window, what is in force and what was asked for. */
  use(line: Line): void {
    this.tariff(line);
    const { id, book, recent, effect, extras } = line;
    for (const { startMs, offPeak } of book.cycles)
      for (const [name, { down, up }] of offPeak) this.sum('off-peak', [id, startMs, name], [down, up]);
    for (const { startMs, endMs, classes } of recent.hours.values())
      for (const [name, { down, up }] of classes) this.sum('hours', [id, startMs, endMs, name], [down, up]);
    for (const [name, { down, up }] of recent.newest?.classes ?? [])
      this.sum('newest windows', [id, recent.newest?.startMs ?? null, name], [down, up]);
    for (const [name, bytes] of [['', recent.peak?.bytes ?? 0n] as const, ...(recent.peak?.classes ?? [])])
      this.sum('peaks', [id, recent.peak?.dayStartMs ?? null, name], [bytes]);
    if (effect !== null) this.put('effects', [id, JSON.stringify(effect)]);
    if (extras !== null)
      this.put('extras', [id, extras.cycleStartMs, extras.blocks, extras.soldBytes, extras.topUps]);
  }

  facts(id: string, facts: Facts): void {
    for (const [name, value] of Object.entries(facts)) {
      if (name === 'byClass') {
        for (const [serviceClass, ofClass] of Object.entries(value as Record<string, Facts>))
          for (const [fact, one] of Object.entries(ofClass))
            this.put('facts', [id, serviceClass, fact, JSON.stringify(one)]);
      } else this.put('facts', [id, name, JSON.stringify(value)]);
    }
  }

  done(): Picture {
    for (const lines of Object.values(this.#parts)) lines.sort();
    return this.#parts;
  }
}
