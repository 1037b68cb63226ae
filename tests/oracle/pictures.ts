import type { BatchEffects } from '../../pipeline/fold/effects.ts';
import type { Session, SlotState } from '../../pipeline/fold/slot-state.ts';
import { totalOf } from '../../verify/cycle-book.ts';
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
      const { id, kind, subscriberId, desired } = record.intent;
      picture.put('actions', [id, kind, subscriberId, desired.downBps, desired.upBps]);
    } else if (record.kind === 'adjustment') {
      const { subscriberId, cycleStartMs, serviceClass, reason, offset, downBytes, upBytes } =
        record.adjustment;
      picture.sum(
        'adjustments',
        [subscriberId, cycleStartMs, serviceClass, reason, offset],
        [downBytes, upBytes],
      );
    } else if (record.kind === 'closed-cycle') {
      const { subscriberId, cycleStartMs, cycleEndMs, classes, adjustedDownBytes, adjustedUpBytes } =
        record.cycle;
      const key = [subscriberId, cycleStartMs, cycleEndMs];
      for (const { serviceClass, downBytes, upBytes } of classes)
        picture.sum('closed cycles', [...key, serviceClass], [downBytes, upBytes]);
      picture.sum('closed cycles', [...key, 'adjusted'], [adjustedDownBytes, adjustedUpBytes]);
    } else if (record.kind === 'control') picture.put('told', [record.id.source, record.id.n]);
  }
  for (const { offset, reason } of effects.dead) picture.put('dead letters', [offset, reason]);
  for (const { id, cycles, pastCycles, sessions, tombstones, effect } of state.subscribers.values()) {
    for (const { startMs, endMs, down, up, classes, adjusted, closed } of [...cycles, ...pastCycles]) {
      picture.sum('cycles', [id, startMs, endMs], [down, up]);
      for (const share of classes)
        picture.sum('cycles', [id, startMs, endMs, share.serviceClass], [share.down, share.up]);
      picture.sum('cycles', [id, startMs, endMs, 'adjusted'], [adjusted.down, adjusted.up]);
      if (closed && down + up > 0) picture.put('cycles', [id, startMs, 'closed']);
    }
    for (const session of sessions) picture.put('open sessions', sessionParts(id, session));
    for (const session of tombstones) picture.put('closed sessions', sessionParts(id, session));
    if (effect !== null) picture.put('effects', [id, JSON.stringify(effect)]);
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
  for (const { id, kind, subscriberId, desired } of expected.actions)
    picture.put('actions', [id, kind, subscriberId, desired.downBps, desired.upBps]);
  for (const { subscriberId, cycleStartMs, serviceClass, reason, offset, down, up } of expected.adjustments)
    picture.sum('adjustments', [subscriberId, cycleStartMs, serviceClass, reason, offset], [down, up]);
  for (const { subscriberId, cycleStartMs, cycleEndMs, classes, adjusted } of expected.closings) {
    const key = [subscriberId, cycleStartMs, cycleEndMs];
    for (const [serviceClass, { down, up }] of classes)
      picture.sum('closed cycles', [...key, serviceClass], [down, up]);
    picture.sum('closed cycles', [...key, 'adjusted'], [adjusted.down, adjusted.up]);
  }
  for (const n of expected.toldEvents.keys()) picture.put('told', ['slot-0', n]);
  for (const [offset, { reason }] of expected.deadLetters) picture.put('dead letters', [offset, reason]);
  for (const { id, book, sessions, throttle } of run.lines.values()) {
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
    if (throttle !== null) picture.put('throttles', [id, throttle.downBps, throttle.upBps]);
  }
  return picture.done();
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

  done(): Picture {
    for (const lines of Object.values(this.#parts)) lines.sort();
    return this.#parts;
  }
}
