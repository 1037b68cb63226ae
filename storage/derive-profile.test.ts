import { describe, expect, it } from 'vitest';
import type { CycleChange } from '../schemas/profile.ts';
import { DAY, HOUR, NOON, profile } from '../tests/factories.ts';
import { tooLong } from './derive-profile.ts';

const hours = (count: number, everyMs: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `u${i}`,
    fromMs: NOON + i * everyMs,
    toMs: NOON + i * everyMs + HOUR,
  }));

describe('tooLong', () => {
  it('lets an unlimited hour a day be, for as long as profiles tell of it', () => {
    expect(tooLong(profile({ unlimited: hours(150, DAY) }))).toBeNull();
  });

  it('names what a cycle is cut by too often', () => {
    expect(tooLong(profile({ assignments: [], unlimited: hours(60, DAY / 2) }))).toBeNull();
    expect(tooLong(profile({ assignments: [], unlimited: hours(61, DAY / 2) }))).toMatch(/unlimited times/);
    const planA = [{ planId: 'a', fromMs: NOON + 5 * HOUR, toMs: null }];
    expect(tooLong(profile({ assignments: planA, unlimited: hours(60, DAY / 2) }))).toMatch(
      /changes of plan/,
    );
  });

  it('names a list that readers refuse', () => {
    expect(tooLong(profile({ unlimited: hours(201, DAY) }))).toBe('unlimited');
  });

  it('is so of changes of the cycle, none of which is left out', () => {
    const changes = (count: number): CycleChange[] =>
      Array.from({ length: count }, (_, i) => ({ fromMs: i * DAY, cycle: { kind: 'week', weekday: 1 } }));
    expect(tooLong(profile({ cycleChanges: changes(100) }))).toBeNull();
    expect(tooLong(profile({ cycleChanges: changes(101) }))).toBe('cycleChanges');
  });
});
