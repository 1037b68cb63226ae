import { describe, expect, it } from 'vitest';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { DAY, HOUR, NOON, SETTINGS } from '../../tests/factories.ts';
import {
  AUGUST,
  JULY,
  Line,
  MIDNIGHT,
  SEPTEMBER,
  TWO,
  adjustments,
  changed,
  closes,
} from './tariff-line.contract.ts';

describe('what is carried over', () => {
  const CARRYING = [{ carryOver: { limitBytes: 400 } }];

  it('is what was left, up to the limit, for one cycle', () => {
    const line = new Line(CARRYING).given({}).used(NOON, 700).tick(AUGUST);
    expect(line.facts().allowanceBytes).toBe(1300);
    expect(
      line
        .used(AUGUST + HOUR, 950)
        .tick(SEPTEMBER)
        .facts().allowanceBytes,
    ).toBe(1050);
    const much = new Line(CARRYING).given({}).used(NOON, 1).tick(AUGUST);
    expect(much.facts().allowanceBytes).toBe(1400);
  });

  it('is the same whether days are looked at one by one or at once', () => {
    const at = [new Line(CARRYING), new Line(CARRYING)].map((line) => line.given({}).used(NOON, 700));
    const [daily, once] = at;
    for (let day = NOON; day < SEPTEMBER + 3 * DAY; day += DAY) daily?.tick(day);
    const facts = [daily, once].map((line) => line?.tick(SEPTEMBER + 4 * DAY).folded());
    expect(facts[0]?.facts).toEqual(facts[1]?.facts);
    expect(facts[0]?.subscriber.carry).toEqual({ cycleStartMs: SEPTEMBER, bytes: 400, final: true });
    expect(facts[1]?.subscriber.carry?.bytes).toBe(400);
  });

  it('falls with what comes late, until the cycle is closed', () => {
    const line = new Line(CARRYING).given({}).used(NOON, 700).tick(AUGUST);
    line.used(AUGUST - HOUR, 100, { appendTimeMs: AUGUST + HOUR });
    expect(line.facts().allowanceBytes).toBe(1200);
    line.tick(AUGUST + DAY).used(AUGUST - HOUR, 100, { appendTimeMs: AUGUST + DAY });
    expect(line.facts().allowanceBytes).toBe(1200);
    expect(line.folded().subscriber.carry).toMatchObject({ final: true, bytes: 200 });
  });

  it('is nothing in the first cycle, nor from the profile once that has ended', () => {
    const line = new Line(CARRYING).given({ carryOverBytes: 9, carryOverUntilMs: NOON });
    expect(line.tick(NOON - 1).facts().allowanceBytes).toBe(1009);
    expect(line.tick(NOON).facts().allowanceBytes).toBe(1000);
  });
});

describe('top-ups', () => {
  const topUp = (id: string, bytes: number, expiresMs: number): SubscriberProfile['topUps'][number] => ({
    ...{ id, bytes, fromMs: 0, expiresMs },
  });

  it('are used up over cycles', () => {
    const topUps = [topUp('t', 300, SEPTEMBER + DAY)];
    const line = new Line().given({ topUps }).used(NOON, 1200).tick(AUGUST);
    expect(line.facts()).toMatchObject({ allowanceBytes: 1100, topUpRemainingBytes: 100 });
    expect(
      line
        .used(AUGUST + HOUR, 1100)
        .tick(SEPTEMBER)
        .facts(),
    ).toMatchObject({ allowanceBytes: 1000 });
    expect(line.folded().subscriber.topUpUses).toEqual([{ id: 't', beforeBytes: 300, usedBytes: 0 }]);
  });

  it('cover what comes late to the cycle before as well', () => {
    const topUps = [topUp('t', 300, AUGUST + HOUR)];
    const line = new Line()
      .given({ topUps })
      .used(NOON, 1100)
      .tick(AUGUST + 2 * HOUR);
    line.used(AUGUST - HOUR, 150, { appendTimeMs: AUGUST + 2 * HOUR }).tick(AUGUST + DAY);
    const [close] = closes(line.folded());
    expect(close).toMatchObject({
      allowance: { baseBytes: 1000, topUps: [{ id: 't', usedBytes: 250 }] },
      overage: { overBytes: 0 },
    });
  });

  it('are left alone by a line without a cap', () => {
    const line = new Line([{ capBytes: null }])
      .given({ topUps: [topUp('t', 300, SEPTEMBER)] })
      .used(NOON, 5000);
    expect(line.tick(AUGUST).facts()).toMatchObject({ allowanceBytes: null, topUpRemainingBytes: 300 });
  });
});

describe('a cycle that closes', () => {
  it('tells its parts, allowance and blocks', () => {
    const unlimited = [{ id: 'u', fromMs: NOON + DAY, toMs: NOON + 2 * DAY }];
    const line = new Line([
      { carryOver: { limitBytes: 50 } },
      { planId: 'home-200', version: 7, capBytes: 900 },
    ]);
    line
      .given({ ...changed(NOON), unlimited })
      .used(NOON - 1, 300, { serviceClass: 'tv' })
      .used(NOON + 1, 800);
    line.used(NOON + DAY, 10_000).tick(AUGUST + DAY);
    const [close] = closes(line.folded());
    expect(close).toMatchObject({
      planId: 'home-200',
      parts: [
        {
          ...{
            fromMs: JULY,
            toMs: NOON,
            planId: 'home-100',
            version: 1,
            unlimited: false,
            countedBytes: 300,
          },
          classes: [{ serviceClass: '' }, { serviceClass: 'tv', downBytes: 300 }],
        },
        { fromMs: NOON, toMs: NOON + DAY, planId: 'home-200', version: 7, countedBytes: 800 },
        { fromMs: NOON + DAY, unlimited: true, countedBytes: 0 },
        { fromMs: NOON + 2 * DAY, toMs: AUGUST, countedBytes: 0 },
      ],
      allowance: { baseBytes: 900, carryInBytes: 0, carryOutBytes: 0, topUps: [] },
      overage: { blocks: 0, soldBytes: 0, overBytes: 200, correctedBytes: 0, terms: null },
    });
  });

  it('tells what is beyond its cap to the byte, beside the most that can be carried into it', () => {
    const carryOverBytes = Number.MAX_SAFE_INTEGER;
    const topUps = [{ id: 't', bytes: 300, fromMs: 0, expiresMs: NOON + HOUR }];
    const line = new Line().given({ topUps }).used(NOON, 1500);
    line.tick(NOON + 2 * HOUR).given({ topUps, carryOverBytes }, NOON + 2 * HOUR);
    const [close] = closes(line.tick(AUGUST + DAY).folded());
    expect(close).toMatchObject({
      allowance: { baseBytes: 1000, carryInBytes: carryOverBytes, topUps: [{ id: 't', usedBytes: 300 }] },
      overage: { overBytes: 1500 - 1000 - 300 - carryOverBytes },
    });
  });

  it('has no part for who was never assigned a plan, or for the time without one', () => {
    const never = new Line()
      .given({ assignments: [] })
      .used(NOON, 5)
      .tick(AUGUST + DAY);
    expect(closes(never.folded())).toMatchObject([{ planId: '', parts: [] }]);
    const ended = new Line().given({ assignments: [{ planId: 'home-100', fromMs: 0, toMs: NOON }] });
    const [close] = closes(
      ended
        .used(NOON - 1, 5)
        .used(NOON + 1, 3)
        .tick(AUGUST + DAY)
        .folded(),
    );
    expect(close).toMatchObject({ planId: '', parts: [{ toMs: NOON, countedBytes: 5 }] });
  });

  it('tells what comes later by part and time of day', () => {
    const line = new Line(TWO)
      .given(changed(MIDNIGHT))
      .used(NOON, 5)
      .tick(AUGUST + DAY);
    line.log.record(
      { eventTimeMs: MIDNIGHT + HOUR, sessionTimeSeconds: 7200, sessionId: 'late', outputOctets: 100 },
      MIDNIGHT + SETTINGS.acceptLatenessMs - HOUR,
    );
    expect(adjustments(line.folded())).toMatchObject([
      { partFromMs: JULY, downBytes: 50 },
      { partFromMs: MIDNIGHT, downBytes: 50 },
    ]);
  });

  it('is told as ever by a slot of the layout before', () => {
    const line = new Line(TWO, 4)
      .given(changed(NOON))
      .used(NOON, 5)
      .tick(AUGUST + DAY);
    const [close] = closes(line.folded());
    expect(close).not.toHaveProperty('parts');
    expect(line.folded().subscriber.pastCycles[0]?.parts).toEqual([]);
  });
});

describe('cycles that are no months', () => {
  it('begin as their rule says, and a change of it moves none that is open', () => {
    const line = new Line().given({ cycle: { kind: 'week', weekday: 1 } }).used(NOON, 5);
    const { subscriber } = line.tick(NOON).folded();
    expect(subscriber.cycles[0]).toMatchObject({
      startMs: Date.UTC(2026, 6, 6),
      endMs: Date.UTC(2026, 6, 13),
    });
    const next = Date.UTC(2026, 6, 13);
    line.given({
      cycle: { kind: 'week', weekday: 1 },
      cycleChanges: [{ fromMs: next, cycle: { kind: 'month', anchorDay: 20 } }],
    });
    expect(line.folded().subscriber.cycles[0]).toMatchObject({ endMs: next, down: 5 });
    expect(line.tick(next).folded().subscriber.cycles[0]).toMatchObject({
      startMs: next,
      endMs: Date.UTC(2026, 6, 20),
    });
  });
});

describe('a profile with other cycles', () => {
  const topUps = [{ id: 't', bytes: 500, fromMs: 0, expiresMs: SEPTEMBER }];
  const line = (): Line =>
    new Line([{ carryOver: { limitBytes: 300 } }])
      .given({ topUps })
      .used(NOON, 1200)
      .tick(AUGUST - HOUR);

  it('comes after the roll that nobody has looked at yet, as one that is looked at in time', () => {
    const late = line();
    late.folded();
    // What is due to many is looked at input by input: event time is ahead of it.
    late.state.watermarkMs = AUGUST + HOUR;
    const inTime = line().tick(AUGUST + HOUR);
    const [a, b] = [late, inTime].map((one) => one.given({ topUps, zone: 'Europe/Berlin' }).folded());
    expect(a?.subscriber.topUpUses).toEqual([{ id: 't', beforeBytes: 200, usedBytes: 0 }]);
    expect(a?.subscriber.topUpUses).toEqual(b?.subscriber.topUpUses);
    expect(a?.subscriber.pastCycles).toEqual(b?.subscriber.pastCycles);
    expect(a?.facts).toEqual(b?.facts);
  });
});
