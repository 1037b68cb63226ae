import { describe, expect, it } from 'vitest';
import { FACTS } from '../facts/catalogue.ts';
import type { FactDefinition, FactName } from '../facts/catalogue.ts';
import { completeFacts, restingFacts } from './neutral-facts.ts';

describe('restingFacts', () => {
  it('has every fact of the catalogue, within its bounds', () => {
    const facts = restingFacts({});
    expect(Object.keys(facts).sort()).toEqual(Object.keys(FACTS).sort());
    for (const name of Object.keys(FACTS) as FactName[]) {
      const { type, nullable, min = -Infinity, max = Infinity, values }: FactDefinition = FACTS[name];
      const value = facts[name];
      if (value === null) expect([name, nullable]).toEqual([name, true]);
      else if (type === 'number')
        expect([name, Number(value) >= min && Number(value) <= max]).toEqual([name, true]);
      else if (values !== undefined) expect(values).toContain(value);
    }
  });

  it('is what follows from itself', () => {
    expect(completeFacts({}, {})).toEqual(restingFacts({}));
    expect(completeFacts({}, { ...restingFacts({}) })).toEqual(restingFacts({}));
  });
});

describe('completeFacts', () => {
  it.each([
    [
      'cap to allowance',
      { capBytes: 50e9 },
      { allowanceBytes: 50e9, capRemainingBytes: 50e9, capUsedPercent: 0 },
    ],
    [
      'no cap',
      { capBytes: null },
      { allowanceBytes: null, capUsedPercent: null, capRemainingBytes: null, projectedCapUsedPercent: null },
    ],
    [
      'share to bytes',
      { capUsedPercent: 80 },
      { cycleCountedBytes: 80e9, capRemainingBytes: 20e9, projectedCapUsedPercent: 160 },
    ],
    ['more than all', { capUsedPercent: 120 }, { cycleCountedBytes: 120e9, capRemainingBytes: 0 }],
    [
      'bytes to share',
      { cycleCountedBytes: 29, allowanceBytes: 100 },
      { capUsedPercent: 29, capRemainingBytes: 71, capBytes: 100e9 },
    ],
    ['what is left to share', { capRemainingBytes: 10e9 }, { cycleCountedBytes: 90e9, capUsedPercent: 90 }],
    ['an allowance of nothing', { capBytes: 0 }, { capUsedPercent: 100, capRemainingBytes: 0 }],
    [
      'stated facts as they are, also where they contradict each other',
      { capUsedPercent: 10, capRemainingBytes: 0, cycleCountedBytes: 7 },
      { capUsedPercent: 10, capRemainingBytes: 0, cycleCountedBytes: 7, allowanceBytes: 100e9 },
    ],
    ['early in the cycle', { capUsedPercent: 10, cycleElapsedPercent: 4 }, { projectedCapUsedPercent: null }],
    ['ten usual days', { dayBytes: 50, usualDayBytes: 5 }, { dayToUsualPercent: 1000 }],
    ['no usual day', { dayBytes: 50, usualDayBytes: null }, { dayToUsualPercent: null }],
    ['a usual day of nothing', { dayBytes: 50, usualDayBytes: 0 }, { dayToUsualPercent: null }],
  ])('fills in what follows: %s', (_, stated, expected) => {
    expect(completeFacts({}, stated)).toMatchObject(expected);
  });

  it('fills in the facts of a class', () => {
    expect(completeFacts({}, { byClass: { video: { dayBytes: 5 } } }).byClass).toMatchObject({
      video: { dayBytes: 5, hourBytes: 0, usualDayBytes: null },
    });
  });
});
