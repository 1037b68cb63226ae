import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, NOON, plan } from '../../tests/factories.ts';
import { POOL_FACTS } from '../../rules/lint/pool-facts.ts';
import { lintPolicyText } from '../../rules/lint/lint-policy.ts';
import type { PolicyRule } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { member, pool, poolPolicy, PoolRig } from './pool-rig.contract.ts';

const EVENING = NOON + 8 * HOUR;

/** What a pool's facts are on the evening of NOON's day; a rule each that holds on them alone. */
const EVENING_FACTS = {
  poolUsedPercent: 60,
  planId: 'family-plan',
  planFamily: 'family',
  segment: 'residential',
  cycleDay: new Date(EVENING).getUTCDate(),
  cycleDaysLeft: 31 - new Date(EVENING).getUTCDate(),
  cycleElapsedPercent: ((EVENING - Date.UTC(2026, 6, 1)) / (31 * DAY)) * 100,
  hourOfDay: 20,
  dayOfWeek: new Date(EVENING).getUTCDay() || 7,
  isOffPeak: true,
  date: new Date(EVENING).toISOString().slice(0, 10),
};

const rules = Object.entries(EVENING_FACTS).map(([fact, value]): PolicyRule => ({
  name: fact.toLowerCase(),
  conditions: { all: [{ fact, operator: 'equal', value }] },
  event: { type: 'notify', params: { template: fact, channel: 'sms' } },
}));
const { file } = poolPolicy({ rules });
const offPeak = { hours: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '20:00', to: '24:00' }], dates: [] };
const settings = { ...NO_PROVIDER_SETTINGS, offPeak };

function family(): PoolRig {
  return new PoolRig(2)
    .control({ kind: 'provider-settings', settings })
    .control({
      kind: 'plan-version',
      plan: plan({ planId: 'family-plan', family: 'family', capBytes: null }),
    })
    .control({ kind: 'policy-version', policy: poolPolicy({ rules }) })
    .control({ kind: 'pool-profile', pool: pool({ planId: 'family-plan' }) })
    .tick(NOON - HOUR)
    .control(member('anna'))
    .control(member('bob'))
    .deliver()
    .record('anna', { eventTimeMs: NOON, sessionTimeSeconds: 60, outputOctets: 6000 })
    .tick(NOON + 5 * MINUTE)
    .deliver();
}

describe('the facts of a pool', () => {
  it('are those that lint lets policies for pools ask about', () => {
    expect(Object.keys(EVENING_FACTS).sort()).toEqual([...POOL_FACTS].sort());
    const context = { file: 'a.json', plans: null, provider: settings, others: [] };
    expect(lintPolicyText(JSON.stringify(file), context).findings).toEqual([]);
  });

  it('are right when a rule asks, and clocks are looked at as they turn', () => {
    const rig = family();
    const told = (): string[] => rig.intents.map(({ rule }) => rule).sort();
    const atNoon = ['poolUsedPercent', 'planId', 'planFamily', 'segment', 'cycleDay', 'cycleDaysLeft'];
    const ofTheDay = [...atNoon, 'dayOfWeek', 'date'].map((name) => name.toLowerCase());
    expect(told()).toEqual(ofTheDay.sort());
    rig.tick(EVENING).deliver();
    expect(told()).toEqual(rules.map(({ name }) => name).sort());
  });
});
