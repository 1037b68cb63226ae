import { describe, expect, it } from 'vitest';
import { simulatedPlan } from './plans.ts';
import { simulatedNas, simulatedSubscriber } from './profiles.ts';

const ORIGIN = Date.UTC(2026, 4, 31, 23, 50);
const MANY = Array.from({ length: 3_000 }, (_, index) => simulatedSubscriber(5, index, ORIGIN));
const PROFILES = MANY.map(({ profile }) => profile);

describe('simulatedSubscriber', () => {
  it('depends on seed, number and origin only', () => {
    expect(simulatedSubscriber(5, 1_234, ORIGIN)).toEqual(MANY[1_234]);
    expect(simulatedSubscriber(6, 1_234, ORIGIN)).not.toEqual(MANY[1_234]);
  });

  it('gives ids and user names that are unique', () => {
    expect(new Set(PROFILES.map(({ subscriberId }) => subscriberId)).size).toBe(MANY.length);
    expect(new Set(PROFILES.map(({ userName }) => userName)).size).toBe(MANY.length);
  });

  it('fills every field with something valid', () => {
    for (const profile of PROFILES) {
      expect(() => new Intl.DateTimeFormat('en', { timeZone: profile.zone })).not.toThrow();
      expect(profile.anchorDay).toBeGreaterThanOrEqual(1);
      expect(profile.anchorDay).toBeLessThanOrEqual(31);
      expect(profile.tags.length).toBeGreaterThan(0);
      expect(Number.isSafeInteger(profile.carryOverBytes) && profile.carryOverBytes >= 0).toBe(true);
      for (const { planId } of profile.assignments) expect(simulatedPlan(planId)).toBeDefined();
      expect(profile.assignments.at(-1)?.toMs).toBeNull();
      profile.assignments.slice(1).forEach(({ fromMs }, index) => {
        expect(fromMs).toBe(profile.assignments[index]?.toMs);
      });
      for (const { bytes, fromMs, expiresMs } of profile.topUps) {
        expect(bytes).toBeGreaterThan(0);
        expect(expiresMs).toBeGreaterThan(fromMs);
      }
      for (const { downBps, fromMs, expiresMs } of profile.boosts ?? []) {
        expect(downBps).toBeGreaterThan(simulatedPlan(profile.assignments[0]?.planId ?? '')?.downBps ?? 0);
        expect(expiresMs).toBeGreaterThan(fromMs);
      }
      for (const { fromMs, toMs } of profile.holds) expect(toMs ?? Infinity).toBeGreaterThan(fromMs);
    }
  });

  it.each([
    ['top-ups', PROFILES.filter(({ topUps }) => topUps.length > 0).length, 0.05],
    ['carry-over', PROFILES.filter(({ carryOverBytes }) => carryOverBytes > 0).length, 0.08],
    ['holds', PROFILES.filter(({ holds }) => holds.length > 0).length, 0.03],
    ['boosts', PROFILES.filter(({ boosts }) => boosts?.length === 1).length, 0.03],
    ['a pool', PROFILES.filter(({ poolId }) => poolId !== null).length, 0.054],
    ['a plan change', PROFILES.filter(({ assignments }) => assignments.length > 1).length, 0.04],
    ['debts', PROFILES.filter(({ billingStatus }) => billingStatus !== 'current').length, 0.08],
    ['consent to overage', PROFILES.filter(({ overageConsent }) => overageConsent).length, 0.3],
  ])('gives a minority %s', (_, found, share) => {
    expect(found / MANY.length).toBeGreaterThan(share * 0.7);
    expect(found / MANY.length).toBeLessThan(share * 1.3);
  });

  it('makes every fiftieth a starter on the small plan without anything that would lift its cap', () => {
    const starters = MANY.filter(({ appetite }) => appetite === 'starter');
    expect(starters.map(({ index }) => index)).toEqual(Array.from({ length: 60 }, (_, i) => i * 50));
    for (const { profile } of starters) {
      expect(profile).toMatchObject({
        topUps: [],
        holds: [],
        carryOverBytes: 0,
        poolId: null,
        anchorDay: 21,
      });
      expect(profile.boosts).toBeUndefined();
      expect(profile.assignments.map(({ planId }) => planId)).toEqual(['home-lite']);
    }
  });
});

describe('simulatedNas', () => {
  it('mixes makes and habits', () => {
    const nas = Array.from({ length: 12 }, (_, index) => simulatedNas(index));
    expect(new Set(nas.map(({ vendor }) => vendor))).toEqual(new Set(['mikrotik', 'wispr']));
    expect(nas.filter(({ profile }) => profile.reversed)).toHaveLength(3);
    expect(nas.filter(({ omitsZeroGigawords }) => omitsZeroGigawords)).toHaveLength(4);
    expect(new Set(nas.map(({ profile }) => profile.nasId)).size).toBe(12);
  });
});
