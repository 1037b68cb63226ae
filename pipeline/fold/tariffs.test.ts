import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, NOON, intentsOf } from '../../tests/factories.ts';
import { AUGUST, JULY, Line, TWO, adjustments, changed } from './tariff-line.contract.ts';

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
