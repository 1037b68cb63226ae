import { describe, expect, it } from 'vitest';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import { DAY, HOUR, LogBuilder, MINUTE, NOON, SETTINGS, capPolicy } from '../../tests/factories.ts';
import { fold, freshSlot, intentsOf, plan, profile } from '../../tests/factories.ts';
import { factsOf } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import type { BatchEffects } from './effects.ts';
import type { SlotState, Subscriber } from './slot-state.ts';

const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);
const SEPTEMBER = Date.UTC(2026, 8, 1);
const MIDNIGHT = Date.UTC(2026, 6, 10);

type Given = Partial<SubscriberProfile>;

/** A log of one subscriber; each record is a session of its own. */
class Line {
  readonly log = new LogBuilder();
  readonly state: SlotState;
  #sessions = 0;

  constructor(plans: Parameters<typeof plan>[0][] = [{}], layout?: number) {
    this.state = freshSlot();
    if (layout !== undefined) this.state.blobVersion = layout;
    for (const fields of plans) this.log.control({ kind: 'plan-version', plan: plan(fields) });
    this.log.control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
  }

  given(fields: Given, appendTimeMs = NOON): this {
    this.log.control({ kind: 'subscriber-profile', profile: profile(fields) });
    const input = this.log.inputs.at(-1);
    if (input !== undefined) input.appendTimeMs = appendTimeMs;
    return this;
  }

  used(
    atMs: number,
    outputOctets: number,
    more: { serviceClass?: string; appendTimeMs?: number } = {},
  ): this {
    this.#sessions += 1;
    const { serviceClass = null, appendTimeMs } = more;
    this.log.record(
      { eventTimeMs: atMs, sessionId: `s${this.#sessions}`, outputOctets, serviceClass },
      appendTimeMs,
    );
    return this;
  }

  tick(atMs: number): this {
    this.log.tick(atMs);
    return this;
  }

  folded(): { effects: BatchEffects; subscriber: Subscriber; facts: ReturnType<typeof factsOf> } {
    const effects = fold(this.state, this.log.inputs);
    const subscriber = this.state.subscribers.get('sub-1');
    if (subscriber === undefined) throw new Error('nobody was folded');
    const facts = factsOf(this.state, subscriber, planOf(this.state, subscriber));
    return { effects, subscriber, facts };
  }

  facts(): ReturnType<typeof factsOf> {
    return this.folded().facts;
  }
}

const closes = ({ effects }: ReturnType<Line['folded']>): ClosedCycle[] =>
  effects.outbox.flatMap((record) => (record.kind === 'closed-cycle' ? [record.cycle] : []));

const adjustments = ({ effects }: ReturnType<Line['folded']>): UsageAdjustment[] =>
  effects.outbox.flatMap((record) => (record.kind === 'adjustment' ? [record.adjustment] : []));

const changed = (atMs: number, before = 'home-100', after = 'home-200'): Given => ({
  assignments: [
    { planId: before, fromMs: 0, toMs: atMs },
    { planId: after, fromMs: atMs, toMs: null },
  ],
});

const TWO = [{}, { planId: 'home-200', capBytes: 5000 }];

describe('a change that is made known with its instant', () => {
  it('acts with its control, not when the watermark gets there', () => {
    const line = new Line(TWO).given({}).used(NOON, 2000).tick(NOON);
    const upgrade = { ...changed(NOON + MINUTE), asOfMs: NOON + MINUTE };
    const actions = intentsOf(line.given(upgrade, NOON + MINUTE).folded().effects);
    expect(actions.map(({ kind }) => kind)).toEqual(['throttle', 'restore']);
    expect(line.state.watermarkMs).toBe(NOON);
    const late = new Line(TWO)
      .given({})
      .used(NOON, 2000)
      .tick(NOON)
      .given(changed(NOON + MINUTE));
    expect(intentsOf(late.folded().effects).map(({ kind }) => kind)).toEqual(['throttle']);
  });

  it('does not act more than 5 minutes ahead of the log', () => {
    const ahead = { ...changed(NOON + HOUR), asOfMs: NOON + 2 * HOUR };
    expect(new Line(TWO).given({}).tick(NOON).given(ahead).facts().planId).toBe('home-100');
    expect(
      new Line(TWO)
        .given({})
        .tick(NOON)
        .given(ahead, NOON + HOUR)
        .facts().planId,
    ).toBe('home-200');
  });

  it('stays known: a profile without an instant, or an earlier one, takes nothing back', () => {
    const line = new Line(TWO).given({}).tick(NOON);
    line.given({ ...changed(NOON + MINUTE), asOfMs: NOON + MINUTE }, NOON + MINUTE);
    expect(line.given(changed(NOON + MINUTE)).facts().planId).toBe('home-200');
    expect(line.given({ ...changed(NOON + MINUTE), asOfMs: NOON }).facts().planId).toBe('home-200');
  });

  it("does not bring the next cycle's plan before the roll", () => {
    const smaller = { ...changed(AUGUST, 'home-200', 'home-100'), asOfMs: AUGUST + MINUTE };
    const line = new Line(TWO).given({ assignments: [{ planId: 'home-200', fromMs: 0, toMs: null }] });
    line
      .used(NOON, 4000)
      .tick(AUGUST - MINUTE)
      .given(smaller, AUGUST + MINUTE);
    expect(intentsOf(line.folded().effects)).toEqual([]);
    expect(line.facts()).toMatchObject({ planId: 'home-200', cycleCountedBytes: 4000 });
    expect(line.tick(AUGUST).facts()).toMatchObject({ planId: 'home-100', cycleCountedBytes: 0 });
  });

  it('brings top-ups, holds, boosts and pools along', () => {
    const at = NOON + MINUTE;
    const line = new Line().given({}).tick(NOON);
    line.given(
      {
        asOfMs: at,
        topUps: [{ id: 't', bytes: 50, fromMs: at, expiresMs: at + DAY }],
        holds: [{ kind: 'customer', fromMs: at, toMs: null }],
        poolMemberships: [{ poolId: 'family', fromMs: at, toMs: null }],
      },
      at,
    );
    const { facts, effects, subscriber } = line.folded();
    expect(facts).toMatchObject({ allowanceBytes: 1050, topUpRemainingBytes: 50 });
    expect(intentsOf(effects).map(({ kind, decidedAtMs }) => [kind, decidedAtMs])).toEqual([['hold', NOON]]);
    expect(subscriber.pool?.poolId).toBe('family');
  });

  it('is nothing to a slot of the layout before', () => {
    const upgrade = { ...changed(NOON + MINUTE), asOfMs: NOON + MINUTE };
    const line = new Line(TWO, 4)
      .given({})
      .tick(NOON)
      .given(upgrade, NOON + MINUTE);
    expect(line.facts().planId).toBe('home-100');
    expect(line.folded().subscriber.profile).not.toHaveProperty('asOfMs');
  });
});

describe('bytes of a cycle with parts', () => {
  it('count each by the plan of its time', () => {
    const plans = [
      { classFactors: { tv: 0 } },
      { planId: 'home-200', capBytes: 5000, counted: 'down' as const, classFactors: { tv: 500 } },
    ];
    const line = new Line(plans).given(changed(NOON));
    line.used(NOON - HOUR, 300, { serviceClass: 'tv' }).used(NOON - HOUR, 20);
    line
      .used(NOON + HOUR, 400, { serviceClass: 'tv' })
      .used(NOON + HOUR, 7)
      .tick(NOON + 2 * HOUR);
    expect(line.facts()).toMatchObject({ cycleCountedBytes: 20 + 200 + 7, cycleTotalBytes: 727 });
  });

  it('count for nothing in an unlimited time', () => {
    const unlimited = [{ id: 'u', fromMs: NOON, toMs: NOON + HOUR }];
    const line = new Line()
      .given({ unlimited })
      .used(NOON - 1, 10)
      .used(NOON + 1, 5000)
      .used(NOON + HOUR, 3);
    const { facts, effects } = line.tick(NOON + 2 * HOUR).folded();
    expect(facts.cycleCountedBytes).toBe(13);
    expect(intentsOf(effects)).toEqual([]);
  });

  it('count from the change on where the plan says so, and not where one plan follows on itself', () => {
    const plans = [{}, { planId: 'home-200', capBytes: 500, usedBefore: 'fresh' as const }];
    const line = new Line(plans)
      .given(changed(NOON))
      .used(NOON - 1, 900)
      .used(NOON + 1, 30);
    expect(line.tick(NOON + HOUR).facts()).toMatchObject({ cycleCountedBytes: 30, allowanceBytes: 500 });
    const same = new Line([{ usedBefore: 'fresh' }]).given(changed(NOON, 'home-100', 'home-100'));
    same
      .used(NOON - 1, 900)
      .used(NOON + 1, 30)
      .tick(NOON + HOUR);
    expect(same.facts().cycleCountedBytes).toBe(930);
  });

  it('take corrections once, never below nothing', () => {
    const line = new Line(TWO)
      .given(changed(NOON))
      .used(NOON - 1, 100)
      .used(NOON + 1, 30);
    const correction = { atMs: NOON - 1, downBytes: -120, upBytes: 0, reason: 'test', by: 'ann' };
    line.log.control({
      kind: 'operator',
      command: { type: 'adjust', subscriberId: 'sub-1', ...correction },
    });
    const folded = line.tick(NOON + HOUR).folded();
    expect(folded.facts.cycleCountedBytes).toBe(10);
    expect(adjustments(folded)).toMatchObject([{ partFromMs: JULY, downBytes: -120 }]);
  });
});

describe('the cap of a cycle', () => {
  const half = Date.UTC(2026, 6, 16, 12);
  it('is that of its parts by time where plans prorate it, as they begin', () => {
    const plans = [
      { capBytes: 1000, capProration: 'prorated' as const },
      { planId: 'home-200', capBytes: 5000, capProration: 'prorated' as const },
    ];
    const line = new Line(plans).tick(JULY + HOUR).given(changed(half));
    expect(line.tick(half - 1).facts().allowanceBytes).toBe(500);
    expect(line.tick(half).facts().allowanceBytes).toBe(3000);
  });

  it('grows by add-ons as they begin', () => {
    const addOns = [{ id: 'a', fromMs: half, toMs: null, capBytes: 310, prorated: true }];
    const line = new Line().tick(JULY + HOUR).given({ addOns });
    expect(line.tick(half - 1).facts().allowanceBytes).toBe(1000);
    expect(line.tick(half).facts().allowanceBytes).toBe(1155);
  });

  it('is that of the version in effect as the cycle or the assignment began', () => {
    const plans = [{}, { version: 2, capBytes: 3000, effectiveFromMs: NOON }];
    const line = new Line(plans).tick(JULY + HOUR).given({});
    expect(line.tick(NOON + HOUR).facts().allowanceBytes).toBe(1000);
    expect(line.tick(AUGUST).facts().allowanceBytes).toBe(3000);
    const joining = new Line(plans).tick(JULY + HOUR).given(changed(NOON + HOUR, 'home-50', 'home-100'));
    expect(joining.tick(NOON + HOUR).facts().allowanceBytes).toBe(3000);
  });
});

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
