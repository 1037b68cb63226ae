import { describe, expect, it } from 'vitest';
import type { Effect } from '../../schemas/action.ts';
import { NOON, plan, profile, SETTINGS } from '../../tests/factories.ts';
import { emptySlot, newSubscriber } from '../fold/slot-state.ts';
import type { RuleState, Subscriber } from '../fold/slot-state.ts';
import { lineView, pastLineView } from './explain-line.ts';

const SLOW: Effect = { state: 'throttle', downBps: 2e6, upBps: 1e6, profile: null };
const SLOWER: Effect = { state: 'throttle', downBps: 1e6, upBps: 1e6, profile: 'crawl' };

function acting(key: string, effect: Effect | null, active = true): RuleState {
  return { key, active, sinceMs: NOON, cycleStartMs: NOON, ordinal: 1, effect, releaseMs: null };
}

function lineOf(over: Partial<Subscriber>) {
  const state = { ...emptySlot(0, SETTINGS, 0), watermarkMs: NOON };
  return lineView(state, { ...newSubscriber('s', SETTINGS), ...over }, plan());
}

describe('what acts on a line', () => {
  it('goes block, redirect, lowest throttle; what comes behind is told too', () => {
    const rules = [
      acting('a/slow', SLOW),
      acting('b/pay', { state: 'redirect', profile: 'pay' }),
      acting('c/slower', SLOWER),
      acting('d/stop', { state: 'block' }),
      acting('e/notice', null),
      acting('f/over', { state: 'block' }, false),
      acting('~g/trial', { state: 'block' }),
    ];
    const line = lineOf({ rules, effect: { state: 'block' } });
    expect(line.wishes.map(({ by, wins }) => [by, wins])).toEqual([
      ['d/stop', true],
      ['b/pay', false],
      ['c/slower', false],
      ['a/slow', false],
    ]);
    expect(line.because).toBe('d/stop acts; it goes before 3 other rules that act too');
    expect(line.desired.state).toBe('block');
  });

  it('is one rule, or none', () => {
    expect(lineOf({ rules: [acting('a/slow', SLOW)], effect: SLOW }).because).toBe('a/slow acts');
    expect(lineOf({}).because).toBe('no rule acts, plan home-100');
    const unassigned = lineView(emptySlot(0, SETTINGS, 0), newSubscriber('s', SETTINGS), null);
    expect(unassigned.because).toBe('no rule acts and no plan is assigned: nothing is limited');
  });

  it('has the holds of now beside it: they keep notices back and no more', () => {
    const hold = (kind: 'fraud' | 'legal' | 'customer', fromMs: number, toMs: number | null) => ({
      kind,
      fromMs,
      toMs,
    });
    const holds = [hold('fraud', NOON, null), hold('legal', 0, NOON), hold('customer', NOON + 1, null)];
    const line = lineOf({ profile: profile({ holds }), rules: [acting('a/slow', SLOW)], effect: SLOW });
    expect(line.wishes).toEqual([
      { by: 'hold (fraud)', wants: 'no notices', wins: false },
      { by: 'a/slow', wants: 'throttle to 2/1 Mbit/s', wins: true },
    ]);
    expect(line.because).toBe('a/slow acts');
  });

  it('is of the past what the last action set', () => {
    expect(pastLineView(SLOWER, plan(), 'c/slower')).toMatchObject({
      because: 'c/slower had acted',
      desired: SLOWER,
      wishes: [{ wants: 'throttle to 1/1 Mbit/s (profile crawl)', wins: true }],
    });
    expect(pastLineView(null, plan(), 'c/slower')).toMatchObject({
      because: 'no rule acts, plan home-100',
      wishes: [],
    });
  });
});
