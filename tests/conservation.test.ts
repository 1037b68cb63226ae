import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Input } from '../pipeline/decode/input.ts';
import { recordTime } from '../pipeline/meter/record-time.ts';
import type { BatchEffects, LatePart } from '../pipeline/fold/effects.ts';
import type { Bytes, ClassTotal, SlotState, Subscriber } from '../pipeline/fold/slot-state.ts';
import { DAY, fold, freshSlot } from './factories.ts';
import type { LogBuilder } from './factories.ts';
import { randomLog, randomLogWithControls } from './random-log.ts';
import { WorkerRig } from './worker-rig.ts';

/** A bound for busy machines only. */
const TIMEOUT_MS = 120_000;

interface Folded {
  log: LogBuilder;
  state: SlotState;
  effects: BatchEffects;
}

function folded(log: LogBuilder): Folded {
  const state = freshSlot();
  return { log, state, effects: fold(state, log.inputs) };
}

type Totals = Record<string, [down: number, up: number]>;

function addTo(totals: Totals, serviceClass: string, { down, up }: Bytes): void {
  const [downBefore, upBefore] = totals[serviceClass] ?? [0, 0];
  if (down + up > 0 || serviceClass in totals) totals[serviceClass] = [downBefore + down, upBefore + up];
}

/** Octets by class of everything that a cycle or day holds. */
function byClass(spans: readonly (Bytes & { classes: readonly ClassTotal[] })[]): Totals {
  const totals: Totals = {};
  for (const span of spans) {
    let [down, up] = [span.down, span.up];
    for (const share of span.classes) {
      addTo(totals, share.serviceClass, share);
      down -= share.down;
      up -= share.up;
    }
    addTo(totals, '', { down, up });
  }
  return totals;
}

function lateOf({ oneShots }: BatchEffects, id: string): LatePart[] {
  return oneShots.flatMap(({ row }) => (row.kind === 'late' && row.subscriberId === id ? [row] : []));
}

/** What analysts see: windows and late rows. */
function shown({ effects }: Folded, subscriber: Subscriber): Totals {
  const totals: Totals = {};
  for (const row of [...subscriber.rows, ...lateOf(effects, subscriber.id)])
    addTo(totals, row.serviceClass, row);
  return totals;
}

/** Every cycle is still there: none was dropped, none went to billing whose bytes a new anchor left behind. */
function keepsAll({ pastCycles }: Subscriber): boolean {
  return pastCycles.length < 3;
}

function replayed({ effects }: Folded, id: string): Bytes {
  const sum = { down: 0, up: 0 };
  for (const record of effects.outbox) {
    if (record.kind !== 'adjustment' || record.adjustment.reason !== 'replay') continue;
    if (record.adjustment.subscriberId !== id) continue;
    sum.down += record.adjustment.downBytes;
    sum.up += record.adjustment.upBytes;
  }
  return sum;
}

/** The log again, with something that can not be read and something too old after it. */
function withLetters(log: LogBuilder): void {
  const last = log.inputs.at(-1);
  const appendTimeMs = last?.appendTimeMs ?? 0;
  for (const value of ['garbage', 'more of it']) {
    const dead = { kind: 'dead', reason: 'undecodable', detail: '', key: null } as const;
    log.inputs.push({ ...dead, offset: log.inputs.length, appendTimeMs, value: Buffer.from(value) });
    log.record({ eventTimeMs: appendTimeMs - 8 * DAY, outputOctets: 5 }, appendTimeMs);
  }
}

describe('conservation', { timeout: TIMEOUT_MS }, () => {
  it('windows and late rows sum to the cycles, class by class, and to the days', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.oneof(randomLog(), randomLogWithControls()), (log) => {
        const run = folded(log);
        for (const subscriber of run.state.subscribers.values()) {
          if (!keepsAll(subscriber)) continue;
          const { cycles, pastCycles, today, days } = subscriber;
          const seen = shown(run, subscriber);
          expect(byClass([...cycles, ...pastCycles])).toEqual(seen);
          expect(byClass(today === null ? days : [today, ...days])).toEqual(seen);
          compared += 1;
        }
      }),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it('off-peak use is part of the use of its class; more classes than are told apart count as the default one', () => {
    let offPeak = 0;
    fc.assert(
      fc.property(randomLogWithControls(), (log) => {
        for (const { cycles, pastCycles, today, days } of folded(log).state.subscribers.values())
          for (const span of [...cycles, ...pastCycles, ...days, ...(today === null ? [] : [today])]) {
            const used = byClass([span]);
            for (const { serviceClass, down, up } of span.offPeak) {
              const [mostDown, mostUp] = used[serviceClass] ?? [0, 0];
              expect(down).toBeLessThanOrEqual(mostDown);
              expect(up).toBeLessThanOrEqual(mostUp);
              offPeak += down + up;
            }
          }
      }),
      { numRuns: 150 },
    );
    expect(offPeak).toBeGreaterThan(0);
  });

  it('the hours of the newest day sum to it, class by class, and its peak lies between a window and the day', () => {
    let compared = 0;
    fc.assert(
      fc.property(randomLog(), (log) => {
        for (const { today, hour, hours, newestWindow, peak } of folded(log).state.subscribers.values()) {
          if (today === null || hour === null) continue;
          const ofDay = [hour, ...hours].filter(
            ({ startMs }) => startMs >= today.startMs && startMs < today.endMs,
          );
          expect(byClass(ofDay)).toEqual(byClass([today]));
          compared += 1;
          if (newestWindow === null || peak?.dayStartMs !== today.startMs) continue;
          expect(peak.bytes).toBeLessThanOrEqual(today.down + today.up);
          if (newestWindow.startMs >= today.startMs)
            expect(peak.bytes).toBeGreaterThanOrEqual(newestWindow.down + newestWindow.up);
        }
      }),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it('sessions have counted what the cycles hold, and what replays added beside them', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.oneof(randomLog(20), randomLogWithControls(20)), (log) => {
        const run = folded(log);
        const { state } = run;
        const times = log.inputs.flatMap((input) =>
          input.kind === 'usage' ? [recordTime(input.event, input.appendTimeMs).atMs] : [],
        );
        // Children of kind split count what their parent counts too; tombstones are forgotten after a week.
        const isSplit = ({ kind, ...input }: Input): boolean =>
          kind === 'control' && JSON.stringify(input).includes('"split"');
        if (log.inputs.some(isSplit)) return;
        if (state.watermarkMs > Math.min(...times) + 7 * DAY) return;
        for (const subscriber of state.subscribers.values()) {
          const { id, sessions, tombstones, cycles, pastCycles } = subscriber;
          const counted = replayed(run, id);
          for (const session of [...sessions, ...tombstones]) {
            counted.down -= session.counted.down;
            counted.up -= session.counted.up;
          }
          for (const cycle of [...cycles, ...pastCycles]) {
            counted.down += cycle.down;
            counted.up += cycle.up;
          }
          expect(counted).toEqual({ down: 0, up: 0 });
          compared += sessions.length + tombstones.length;
        }
      }),
      { numRuns: 200 },
    );
    expect(compared).toBeGreaterThan(50);
  });

  it('what is counted beside subscribers is what they hold: population, open sessions of each NAS', () => {
    fc.assert(
      fc.property(randomLogWithControls(), (log) => {
        const { state } = folded(log);
        const lines = [...state.subscribers.values()];
        const open = lines.flatMap(({ sessions }) => sessions);
        expect(state.population).toEqual({
          subscribers: lines.length,
          openSessions: open.length,
          throttled: lines.filter(({ effect }) => effect?.state === 'throttle').length,
        });
        for (const { nasId, openSessions } of state.feeds.all())
          expect(openSessions, nasId).toBe(open.filter((session) => session.nasId === nasId).length);
      }),
      { numRuns: 150 },
    );
  });

  it('every record has one outcome, and every dead letter is named once', () => {
    fc.assert(
      fc.property(randomLogWithControls(), (log) => {
        const { state, effects } = folded(log);
        const records = log.inputs.filter(({ kind }) => kind === 'usage').length;
        const letters = effects.dead.map(({ offset }) => offset);
        expect(letters).toEqual([...new Set(letters)]);
        expect(letters).toHaveLength(state.counts['dead-lettered']);
        const badControls = effects.dead.filter(({ reason }) => reason === 'bad-control').length;
        expect(Object.values(state.counts).reduce((a, b) => a + b, 0)).toBe(records + badControls);
      }),
      { numRuns: 150 },
    );
  });

  it('each dead letter leaves the slot once, with its bytes, whatever batches and restarts', async () => {
    let letters = 0;
    await fc.assert(
      fc.asyncProperty(randomLogWithControls(), fc.array(fc.nat(7), { minLength: 1 }), async (log, sizes) => {
        withLetters(log);
        const rig = new WorkerRig(log.inputs);
        let step = 0;
        await rig.run(
          () => 1 + (sizes[(step += 1) % sizes.length] ?? 0),
          () => step % 3 === 1,
        );
        const { effects } = folded(log);
        const left = (await rig.left()).flatMap((record) =>
          record.kind === 'dead-letter' ? [record.letter] : [],
        );
        const places = left
          .map(({ offset, reason }) => [offset, reason])
          .sort(([a], [b]) => Number(a) - Number(b));
        expect(places).toEqual(effects.dead.map(({ offset, reason }) => [offset, reason]));
        expect(left.every(({ value }) => value !== null && value.length >= 7)).toBe(true);
        letters += left.length;
      }),
      { numRuns: 60 },
    );
    expect(letters).toBeGreaterThan(100);
  });
});
