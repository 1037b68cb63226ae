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
  it('goes hold, block, redirect, lowest throttle, fastest boost; what comes behind is told too', () => {
    const rules = [
      acting('profile:boost/b', { state: 'boost', downBps: 3e8, upBps: 2e7 }),
      acting('profile:boost/a', { state: 'boost', downBps: 4e8, upBps: 2e7 }),
      acting('profile:hold/fraud', { state: 'hold' }),
      acting('a/slow', SLOW),
      acting('b/pay', { state: 'redirect', profile: 'pay' }),
      acting('c/slower', SLOWER),
      acting('d/stop', { state: 'block' }),
      acting('e/notice', null),
      acting('f/over', { state: 'block' }, false),
      acting('~g/trial', { state: 'block' }),
    ];
    const line = lineOf({ rules, effect: { state: 'hold' } });
    expect(line.wishes.map(({ by, wins }) => [by, wins])).toEqual([
      ['profile:hold/fraud', true],
      ['d/stop', false],
      ['b/pay', false],
      ['c/slower', false],
      ['a/slow', false],
      ['profile:boost/a', false],
      ['profile:boost/b', false],
    ]);
    expect(line.wishes[0]?.wants).toBe('hold: no traffic, no notices');
    expect(line.wishes[5]?.wants).toBe('boost to 400/20 Mbit/s');
    expect(line.because).toBe('profile:hold/fraud acts; it goes before 6 others that act too');
    expect(line.desired.state).toBe('hold');
  });

  it('is one rule, or none', () => {
    expect(lineOf({ rules: [acting('a/slow', SLOW)], effect: SLOW }).because).toBe('a/slow acts');
    expect(lineOf({}).because).toBe('no rule acts, plan home-100');
    const unassigned = lineView(emptySlot(0, SETTINGS, 0), newSubscriber('s', SETTINGS), null);
    expect(unassigned.because).toBe('no rule acts and no plan is assigned: nothing is limited');
  });

  it('has holds beside it that do not act on it yet: they keep notices back', () => {
    const hold = (kind: 'fraud' | 'legal' | 'customer', fromMs: number, toMs: number | null) => ({
      kind,
      fromMs,
      toMs,
    });
    const holds = [hold('fraud', NOON, null), hold('legal', 0, NOON), hold('customer', NOON + 1, null)];
    const line = lineOf({ profile: profile({ holds }), rules: [acting('a/slow', SLOW)], effect: SLOW });
    expect(line.wishes).toEqual([
      { by: 'profile:hold/fraud', wants: 'no notices', wins: false },
      { by: 'a/slow', wants: 'throttle to 2/1 Mbit/s', wins: true },
    ]);
    expect(line.because).toBe('a/slow acts');
    const older = { ...emptySlot(0, SETTINGS, 0), watermarkMs: NOON, blobVersion: 3 };
    const held = { ...newSubscriber('s', SETTINGS), profile: profile({ holds }) };
    expect(lineView(older, held, plan()).wishes).toEqual([
      { by: 'profile:hold/fraud', wants: 'no notices; the rest waits for weir upgrade-state 4', wins: false },
    ]);
  });

  it('is of the past also a hold or a boost', () => {
    const boost: Effect = { state: 'boost', downBps: 3e8, upBps: 1e6 };
    expect(pastLineView(boost, plan(), 'profile:boost/a')).toMatchObject({
      desired: { state: 'boost', downBps: 3e8, upBps: 2e7 },
      because: 'profile:boost/a had acted',
    });
    const held = pastLineView({ state: 'hold' }, plan(), 'profile:hold/legal');
    expect(held.desired).toEqual({ state: 'hold', downBps: 1e8, upBps: 2e7, profile: null });
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
