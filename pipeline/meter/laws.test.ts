import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NasProfile } from '../../schemas/profile.ts';
import type { Bytes } from '../fold/slot-state.ts';
import { HOUR, MINUTE, MeterRig, NOON, nasProfile } from './meter-rig.contract.ts';
import type { Report } from './meter-rig.contract.ts';
import { endByNasEvents, endByOperator, endOverdue } from './session-end.ts';

/** How a NAS reports the start of a session. */
type Told = 'right' | 'absent' | 'zero';

/** Growth of one session's counters between its records; minutes pass between them. */
interface Life {
  begin: number;
  told: Told;
  start: boolean;
  steps: { minutes: number; down: number | null; up: number | null }[];
  stop: 'none' | 'totals' | 'absent' | 'zero';
  /** a second Stop with more, minutes after the first */
  tail: { minutes: number; down: number } | null;
}

const growth = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 5_000_000_000 }) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant(0) },
);
const life: fc.Arbitrary<Life> = fc.record({
  begin: fc.integer({ min: 0, max: 60 }),
  told: fc.constantFrom<Told>('right', 'absent', 'zero'),
  start: fc.boolean(),
  steps: fc.array(fc.record({ minutes: fc.constantFrom(0, 1, 5, 10, 90), down: growth, up: growth }), {
    minLength: 1,
    maxLength: 6,
  }),
  stop: fc.constantFrom('none', 'totals', 'totals', 'absent', 'zero'),
  tail: fc.option(
    fc.record({ minutes: fc.constantFrom(0, 5, 10), down: fc.integer({ min: 0, max: 1000 }) }),
    { nil: null },
  ),
});

/** The records of a life in the order of their times; octets may be left out. */
function recordsOf({ begin, told, start, steps, stop, tail }: Life): Report[] {
  const reports: Report[] = [];
  let at = begin;
  let [down, up] = [0, 0];
  const time = (): number | null => (told === 'right' ? (at - begin) * 60 : told === 'zero' ? 0 : null);
  if (start) reports.push({ at, kind: 'start', time: told === 'absent' ? null : 0 });
  for (const step of steps) {
    at += step.minutes;
    down += step.down ?? 0;
    up += step.up ?? 0;
    const totals = [step.down === null ? null : down, step.up === null ? null : up] as const;
    reports.push({ at, time: time(), totals });
  }
  if (stop === 'none') return reports;
  at += 1;
  const last = { totals: [(down += 7), (up += 9)], absent: [null, null], zero: [0, 0] } as const;
  reports.push({ at, kind: 'stop', time: time(), totals: last[stop] });
  if (tail !== null && stop === 'totals') {
    at += tail.minutes;
    reports.push({ at, kind: 'stop', time: time(), totals: [down + tail.down, up] });
  }
  return reports;
}

/** Greatest totals that any record reports. */
function finalTotal(reports: readonly Report[], also: (report: Report) => Bytes = () => NONE): Bytes {
  const final = { down: 0, up: 0 };
  for (const report of reports) {
    const [down, up] = report.totals ?? [null, null];
    const more = also(report);
    final.down = Math.max(final.down, (down ?? 0) + (down === null ? 0 : more.down));
    final.up = Math.max(final.up, (up ?? 0) + (up === null ? 0 : more.up));
  }
  return final;
}

const NONE: Bytes = { down: 0, up: 0 };

/** Any order, any of them again: indexes into the records, each at least once. */
function deliveries(count: number): fc.Arbitrary<number[]> {
  const each = Array.from({ length: count }, (_, i) => i);
  const more = fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: count });
  return more.chain((again) => fc.shuffledSubarray([...each, ...again], { minLength: count + again.length }));
}

const delivered = life.chain((drawn) => {
  const reports = recordsOf(drawn);
  return fc.tuple(fc.constant(reports), deliveries(reports.length));
});

function pick(reports: readonly Report[], order: readonly number[]): Report[] {
  return order.flatMap((i) => reports[i] ?? []);
}

describe('the sum of the deltas is the final total, whatever the order and number of deliveries', () => {
  it('case 1, 4, 5, 8, 9, 11: any records of one session', () => {
    fc.assert(
      fc.property(delivered, ([reports, order]) => {
        const rig = new MeterRig();
        for (const report of pick(reports, order)) rig.report(report);
        expect(rig.sum).toEqual(finalTotal(reports));
        expect(rig.sessions).toHaveLength(1);
        expect(rig.sessions[0]?.counted).toEqual(rig.sum);
      }),
      { numRuns: 1500 },
    );
  });

  it('case 17, 18, 23: whatever the profile makes of the totals', () => {
    const profile = fc.record<Partial<NasProfile>>({
      reversed: fc.boolean(),
      unit: fc.constantFrom('octets' as const, 'kilobytes' as const),
      ipv6: fc.constantFrom('subset' as const, 'additive' as const),
    });
    fc.assert(
      fc.property(delivered, profile, ([reports, order], fields) => {
        const rig = new MeterRig({ nas: nasProfile(fields) });
        // IPv6 counters that grow with the others, so that their sum does.
        const ipv6Of = ({ totals }: Report): Bytes => ({
          down: Math.floor((totals?.[0] ?? 0) / 3),
          up: Math.floor((totals?.[1] ?? 0) / 5),
        });
        for (const report of pick(reports, order)) {
          const ipv6 = ipv6Of(report);
          rig.report({ ...report, fields: { ipv6OutputOctets: ipv6.down, ipv6InputOctets: ipv6.up } });
        }
        const { down, up } = finalTotal(reports, fields.ipv6 === 'additive' ? ipv6Of : undefined);
        const factor = fields.unit === 'kilobytes' ? 1000 : 1;
        const [expectedDown, expectedUp] = fields.reversed === true ? [up, down] : [down, up];
        expect(rig.sum).toEqual({ down: expectedDown * factor, up: expectedUp * factor });
      }),
      { numRuns: 500 },
    );
  });

  it('case 13, 14: with time-outs, NAS events and operators in between', () => {
    const closing = fc.constantFrom('none', 'none', 'timeout', 'nas-event', 'operator');
    fc.assert(
      fc.property(delivered, fc.array(closing, { maxLength: 20 }), ([reports, order], closings) => {
        const rig = new MeterRig();
        let nowMs = 0;
        pick(reports, order).forEach((report, i) => {
          rig.report(report);
          nowMs = Math.max(nowMs, NOON + report.at * MINUTE);
          const { subscriber } = rig;
          const quiet = (): { timeoutMs: number; heardMs: number } => ({
            timeoutMs: 1,
            heardMs: nowMs + HOUR,
          });
          if (closings[i] === 'timeout') endOverdue(subscriber, nowMs + 1, quiet);
          if (closings[i] === 'nas-event') endByNasEvents(subscriber, new Map([['nas-1', nowMs]]));
          if (closings[i] === 'operator') endByOperator(subscriber, 'nas-1', 's1', nowMs);
        });
        expect(rig.sum).toEqual(finalTotal(reports));
        expect(rig.sessions).toHaveLength(1);
      }),
      { numRuns: 1500 },
    );
  });

  it('case 16: sessions, devices and NAS of one subscriber all sum', () => {
    const three = fc.tuple(delivered, delivered, delivered);
    fc.assert(
      fc.property(three, fc.integer(), (lives, seed) => {
        const rig = new MeterRig();
        const queue = lives.flatMap(([reports, order], i) =>
          pick(reports, order).map((report) => ({ ...report, fields: keyOf(i) })),
        );
        for (const report of interleave(queue, seed)) rig.report(report);
        const totals = lives.map(([reports]) => finalTotal(reports));
        expect(rig.sum).toEqual({
          down: totals.reduce((sum, { down }) => sum + down, 0),
          up: totals.reduce((sum, { up }) => sum + up, 0),
        });
      }),
      { numRuns: 300 },
    );
  });

  it('case 16 shared: siblings of one multi-session id sum to the greatest', () => {
    const siblings = fc.tuple(delivered, delivered);
    fc.assert(
      fc.property(siblings, fc.integer(), (lives, seed) => {
        const rig = new MeterRig({ nas: nasProfile({ subSessions: 'shared' }) });
        const queue = lives.flatMap(([reports, order], i) =>
          pick(reports, order).map((report) => ({
            ...report,
            fields: { sessionId: `s${i}`, multiSessionId: 'm1' },
          })),
        );
        for (const report of interleave(queue, seed)) rig.report(report);
        const totals = lives.map(([reports]) => finalTotal(reports));
        expect(rig.sum).toEqual({
          down: Math.max(...totals.map(({ down }) => down)),
          up: Math.max(...totals.map(({ up }) => up)),
        });
        expect(rig.sessions).toHaveLength(1);
      }),
      { numRuns: 500 },
    );
  });

  it('case 16 split: what children move out of the parent is part of its total', () => {
    fc.assert(
      fc.property(delivered, delivered, fc.integer(), (parent, child, seed) => {
        const rig = new MeterRig({ nas: nasProfile({ subSessions: 'split' }) });
        const ofChild = { sessionId: 'c1', parentSessionId: 's1', serviceClass: 'video' };
        const queue = [
          ...pick(...parent),
          ...pick(...child).map((report) => ({ ...report, fields: ofChild })),
        ];
        for (const report of interleave(queue, seed)) rig.report(report);
        const total = finalTotal(parent[0]);
        const most = finalTotal(child[0]);
        expect(rig.sum).toEqual(total);
        const own = rig.shares.get('') ?? NONE;
        const video = rig.shares.get('video') ?? NONE;
        expect({ down: own.down + video.down, up: own.up + video.up }).toEqual(total);
        expect(video.down).toBeLessThanOrEqual(most.down);
        expect(video.up).toBeLessThanOrEqual(most.up);
      }),
      { numRuns: 500 },
    );
  });

  it('case 3: a 32-bit counter that wraps, delivered in order and again', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 12 });
    const again = fc.array(fc.nat(), { maxLength: 12 });
    fc.assert(
      fc.property(steps, again, (grown, repeats) => {
        const rig = new MeterRig({ nas: nasProfile({ gigawords: false }) });
        let total = 0;
        const reports = grown.map((by, i) => {
          total += by;
          return { at: i * 5, time: i * 300, totals: [total % 2 ** 32, 0] as const };
        });
        reports.forEach((report, i) => {
          rig.report(report);
          const old = reports[(repeats[i] ?? i) % (i + 1)];
          if (old !== undefined) rig.report(old);
        });
        expect(rig.sum.down).toBe(total);
      }),
      { numRuns: 500 },
    );
  });

  it('case 7: deltas are never negative, never more than the counter ever showed, and add up to what the session holds', () => {
    const step = fc.record({
      at: fc.integer({ min: 0, max: 20 }),
      down: fc.integer({ min: 0, max: 50 }),
      up: fc.option(fc.integer({ min: 0, max: 50 }), { nil: null }),
      stop: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), fc.boolean(), (steps, countersReset) => {
        const rig = new MeterRig({ nas: nasProfile({ countersReset }) });
        for (const { at, down, up, stop } of steps) {
          const { delta } = rig.report({ at, kind: stop === 0 ? 'stop' : 'interim', totals: [down, up] });
          expect(Math.min(delta.down, delta.up)).toBeGreaterThanOrEqual(0);
          expect(delta.down).toBeLessThanOrEqual(down);
          expect(delta.up).toBeLessThanOrEqual(up ?? 0);
        }
        const held = rig.sessions.map(({ counted }) => counted);
        expect(rig.sum).toEqual({
          down: held.reduce((sum, { down }) => sum + down, 0),
          up: held.reduce((sum, { up }) => sum + up, 0),
        });
      }),
      { numRuns: 500 },
    );
  });
});

/** Two devices on one NAS, one on another under an id of the first. */
function keyOf(i: number): Report['fields'] & object {
  return { sessionId: i === 2 ? 's0' : `s${i}`, nasId: i === 2 ? 'nas-2' : 'nas-1' };
}

/** Some order that the seed names. */
function interleave<T>(items: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  const keyed = items.map((item) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return { item, key: state };
  });
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
