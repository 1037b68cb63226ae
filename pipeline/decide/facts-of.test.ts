import { describe, expect, it } from 'vitest';
import type { Condition } from '../../schemas/policy.ts';
import type { FactName, Facts } from '../../rules/facts/catalogue.ts';
import { FACTS, isFactName } from '../../rules/facts/catalogue.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import {
  DAY,
  HOUR,
  LogBuilder,
  MINUTE,
  NOON,
  fold,
  freshSlot,
  plan,
  profile,
} from '../../tests/factories.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { factsOf, nextDueMs } from './facts-of.ts';
import { planOf } from './in-force.ts';

const NIGHT: ProviderSettings = {
  ...NO_PROVIDER_SETTINGS,
  offPeak: { hours: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '23:00', to: '07:00' }], dates: [] },
};

/** A subscriber of a plan with 1,000 bytes in UTC; records say how much in all was carried, minutes after noon of 10 July. */
class Line {
  readonly log = new LogBuilder();
  private readonly totals = new Map<string, number>();

  constructor(
    fields: Parameters<typeof profile>[0] = {},
    terms: Parameters<typeof plan>[0] = {},
    provider: ProviderSettings = NIGHT,
  ) {
    this.log
      .control({ kind: 'provider-settings', settings: provider })
      .control({ kind: 'plan-version', plan: plan(terms) })
      .control({ kind: 'subscriber-profile', profile: profile(fields) });
  }

  /** Bytes that were carried at one moment, in a session of their own. */
  used(minute: number, bytes: number, serviceClass: string | null = null): this {
    const sessionId = `${minute} ${serviceClass}`;
    this.totals.set(sessionId, (this.totals.get(sessionId) ?? 0) + bytes);
    const outputOctets = this.totals.get(sessionId) ?? 0;
    this.log.record({ eventTimeMs: NOON + minute * MINUTE, sessionId, outputOctets, serviceClass });
    return this;
  }

  /** Facts once event time has come to a minute after noon. */
  at(minute: number, needs?: ReadonlySet<FactName>): Facts {
    const { state, subscriber } = this.folded(minute);
    return factsOf(state, subscriber, planOf(state, subscriber), needs);
  }

  folded(minute: number): { state: SlotState; subscriber: Subscriber } {
    const state = freshSlot();
    fold(state, this.log.tick(NOON + minute * MINUTE).inputs);
    const subscriber = state.subscribers.get('sub-1');
    if (subscriber === undefined) throw new Error('nobody was folded');
    return { state, subscriber };
  }
}

describe('factsOf', () => {
  it('has every fact of the catalogue, and no other', () => {
    expect(Object.keys(new Line().at(0)).sort()).toEqual(Object.keys(FACTS).sort());
  });

  it('knows windows, hours and days', () => {
    const line = new Line()
      .used(-25 * 60, 100)
      .used(-60, 30)
      .used(-3, 4)
      .used(1, 2)
      .used(2, 1);
    expect(line.at(3)).toMatchObject({
      last5mBytes: 3,
      hourBytes: 3,
      last24hBytes: 37,
      dayBytes: 37,
      peakRateBps: (30 * 8) / 300,
      cycleTotalBytes: 137,
      usualDayBytes: null,
      dayToUsualPercent: null,
    });
  });

  it('forgets the newest window 10 minutes after its end, hours and days with the clock', () => {
    const line = new Line().used(0, 8);
    expect(line.at(14)).toMatchObject({ last5mBytes: 8, hourBytes: 8 });
    expect(line.at(15)).toMatchObject({ last5mBytes: 0, hourBytes: 8 });
    expect(line.at(60)).toMatchObject({ hourBytes: 0, last24hBytes: 8, dayBytes: 8 });
    expect(line.at(12 * 60)).toMatchObject({ last24hBytes: 8, dayBytes: 0, peakRateBps: 0 });
    expect(line.at(23 * 60 + 59).last24hBytes).toBe(8);
    expect(line.at(24 * 60).last24hBytes).toBe(0);
  });

  it('counts hours and days by the zone', () => {
    const line = new Line({ zone: 'Asia/Kathmandu' }).used(10, 5).used(20, 7);
    // 17:45 is 12:00 UTC: 17:55 is one hour, 18:05 the next.
    expect(line.at(25)).toMatchObject({ hourBytes: 7, hourOfDay: 18, dayOfWeek: 5, date: '2026-07-10' });
    expect(line.at(7 * 60)).toMatchObject({ dayBytes: 0, hourOfDay: 0, dayOfWeek: 6, date: '2026-07-11' });
  });

  it('takes the median of the days before today, from 3 on', () => {
    const day = 24 * 60;
    const line = new Line()
      .used(-3 * day, 100)
      .used(-2 * day, 30)
      .used(0, 80);
    expect(line.at(1).usualDayBytes).toBeNull();
    expect(line.used(day, 90).at(day + 1)).toMatchObject({ usualDayBytes: 80, dayToUsualPercent: 112.5 });
    expect(line.at(2 * day)).toMatchObject({ usualDayBytes: 85, dayBytes: 0, dayToUsualPercent: 0 });
    expect(line.used(29 * day, 1).at(29 * day + 1).usualDayBytes).toBeNull();
  });

  it('knows each class that had usage, and none that had not', () => {
    const { byClass } = new Line().used(-60, 5, 'tv').used(1, 2, 'tv').used(2, 9).at(3);
    expect({ ...byClass }).toEqual({
      tv: {
        cycleTotalBytes: 7,
        cycleDownloadBytes: 7,
        cycleUploadBytes: 0,
        last5mBytes: 2,
        hourBytes: 2,
        dayBytes: 7,
        last24hBytes: 7,
        peakRateBps: (5 * 8) / 300,
        usualDayBytes: null,
      },
    });
    expect(new Line().used(0, 1, '__proto__').at(1).byClass['__proto__']?.dayBytes).toBe(1);
  });

  it('counts off-peak use by its own factors', () => {
    const terms = { classFactors: { tv: 500 }, offPeakFactors: { '*': 0, tv: 100 } };
    const facts = new Line({}, terms)
      .used(-6 * 60, 40)
      .used(-5 * 60 - 1, 30, 'tv')
      .used(0, 7)
      .used(1, 20, 'tv');
    expect(facts.at(2)).toMatchObject({ cycleTotalBytes: 97, cycleOffPeakBytes: 70, cycleCountedBytes: 20 });
    expect(facts.at(2).isOffPeak).toBe(false);
    expect(facts.at(11 * 60).isOffPeak).toBe(true);
  });

  it('uses up cap and carry-over before top-ups, and those that expire first before others', () => {
    const topUp = (
      bytes: number,
      hours: number,
    ): { id: string; bytes: number; fromMs: number; expiresMs: number } => ({
      ...{ id: `${hours}`, bytes },
      ...{ fromMs: NOON - DAY, expiresMs: NOON + hours * HOUR },
    });
    const line = new Line({ carryOverBytes: 50, topUps: [topUp(200, 1), topUp(300, 5)] });
    expect(line.used(0, 1040).at(1)).toMatchObject({ allowanceBytes: 1550, topUpRemainingBytes: 500 });
    expect(line.used(1, 60).at(2)).toMatchObject({ capRemainingBytes: 450, topUpRemainingBytes: 450 });
    // What the expired one covered stays covered: 50 bytes; the other one is whole.
    expect(line.at(60)).toMatchObject({ allowanceBytes: 1400, topUpRemainingBytes: 300 });
    expect(line.at(300)).toMatchObject({
      allowanceBytes: 1100,
      capRemainingBytes: 0,
      topUpRemainingBytes: 0,
    });
    const unlimited = new Line({ topUps: [topUp(200, 1)] }, { capBytes: null });
    expect(unlimited.used(0, 9).at(1)).toMatchObject({ topUpRemainingBytes: 200, capUsedPercent: null });
  });

  it('counts days of the cycle by local dates, and projects from its twentieth on', () => {
    const line = new Line({ zone: 'America/Havana', anchorDay: 10 }).used(-8 * 60 + 1, 100);
    // 10 July begins at 04:00 UTC there.
    expect(line.at(0)).toMatchObject({ cycleDay: 1, cycleDaysLeft: 30, projectedCapUsedPercent: null });
    const facts = line.at(3 * 24 * 60 + 4 * 60);
    expect(facts).toMatchObject({ cycleDay: 4, cycleDaysLeft: 27 });
    expect(facts.cycleElapsedPercent).toBeCloseTo((84 / (31 * 24)) * 100);
    expect(facts.projectedCapUsedPercent).toBeCloseTo(10 / (84 / (31 * 24)));
    expect(line.at(30 * 24 * 60)).toMatchObject({ cycleDay: 31, cycleDaysLeft: 0 });
  });

  it('knows how long a session and a throttle last', () => {
    const line = new Line();
    line.log.enforced().record({ statusType: 'START', eventTimeMs: NOON });
    line.used(1, 5000);
    // It is decided a minute behind the record.
    expect(line.at(61)).toMatchObject({
      longestSessionSeconds: 3660,
      isThrottled: true,
      throttledSeconds: 3660,
    });
  });

  it('leaves out what nobody asks about', () => {
    const line = new Line().used(0, 10, 'tv');
    const facts = line.at(1, new Set<FactName>(['capUsedPercent']));
    expect(facts).toMatchObject({ capUsedPercent: 1, dayBytes: 0, hourBytes: 0, date: '', byClass: {} });
    expect(Object.keys(facts)).toEqual(Object.keys(line.at(1)));
    const some = line.at(1, new Set<FactName>(['dayBytes', 'hourOfDay']));
    expect(some).toMatchObject({ dayBytes: 10, hourOfDay: 12, hourBytes: 0 });
  });
});

describe('nextDueMs', () => {
  const UNLIKELY: Record<string, [operator: string, value: unknown]> & { number: [string, unknown] } = {
    number: ['greaterThan', 2 ** 50],
    boolean: ['equal', true],
    string: ['equal', '1999-12-31'],
  };

  /** When a subscriber of whom a policy asks about a fact is looked at next, minutes after noon. */
  function dueAfter(minute: number, fact: string, line = new Line().used(-2, 10)): number | null {
    const [operator, value] = UNLIKELY[isFactName(fact) ? FACTS[fact].type : 'number'] ?? UNLIKELY['number'];
    const path = fact === 'byClass' ? { path: '$.tv.dayBytes' } : {};
    const conditions: Condition = { all: [{ fact, operator, value, ...path }] };
    const event = { type: 'notify', params: { template: 't', channel: 'sms' } } as const;
    const file = {
      id: 'p',
      description: '',
      mode: 'enforce' as const,
      rules: [{ name: 'r', conditions, event }],
    };
    line.log.control({ kind: 'policy-version', policy: { policyId: 'p', version: '1', file } });
    const { state, subscriber } = line.folded(minute);
    const dueMs = nextDueMs(state, subscriber);
    return dueMs === null ? null : (dueMs - NOON) / MINUTE;
  }

  const CYCLE_END = 21.5 * 24 * 60;
  it.each([
    ['capUsedPercent', CYCLE_END],
    ['hourBytes', 60],
    ['hourOfDay', 60],
    ['projectedCapUsedPercent', 60],
    ['longestSessionSeconds', 60],
    ['throttledSeconds', CYCLE_END],
    ['dayBytes', 12 * 60],
    ['date', 12 * 60],
    ['isOffPeak', 11 * 60],
    ['last5mBytes', 10],
    ['byClass', 10],
  ])('%s: by its own clock', (fact, minute) => {
    expect(dueAfter(1, fact)).toBe(minute);
  });

  it('asks no clock for a window that is too old already', () => {
    expect(dueAfter(10, 'last5mBytes')).toBe(CYCLE_END);
  });
});
