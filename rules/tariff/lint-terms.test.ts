import { describe, expect, it } from 'vitest';
import type { AddOnTerms, PlanTerms } from '../../schemas/tariff.ts';
import { addOnFaults, planFaults } from './lint-terms.ts';
import { addOnTerms, planTerms } from './tariff-factory.contract.ts';

const METERING = planTerms().metering;
const OVERAGE = { blockBytes: 1, blockPriceMinor: 1, currency: 'EUR', maxBlocks: null };
const metering = (given: Partial<PlanTerms['metering']>): Partial<PlanTerms> => ({
  metering: { ...METERING, ...given },
});

describe('planFaults', () => {
  it.each<[string, Partial<PlanTerms>, string[]]>([
    ['nothing', {}, []],
    ['no fee', { recurring: null }, []],
    [
      'overage',
      metering({ overage: OVERAGE, carryOver: { limitBytes: 1 }, throttled: { downBps: 1, upBps: 1 } }),
      [],
    ],
    ['a currency that is none', { currency: 'EUX' }, ['currency']],
    ['a negative fee', { recurring: { feeMinor: -1, when: 'advance' } }, ['recurring.feeMinor']],
    ['a part of a cent', { recurring: { feeMinor: 0.5, when: 'advance' } }, ['recurring.feeMinor']],
    ['a fee beyond reason', { recurring: { feeMinor: 1e13, when: 'advance' } }, ['recurring.feeMinor']],
    ['tiers without an end', { usage: { mode: 'volume', tiers: [], includedBytes: 0 } }, ['usage.tiers']],
    [
      'negative bytes in the fee',
      {
        usage: { mode: 'volume', tiers: [{ toBytes: null, unitBytes: 1, priceMicro: 1 }], includedBytes: -1 },
      },
      ['usage.includedBytes'],
    ],
    [
      'a share beyond the whole',
      { heldPerMille: { 'non-payment': 1001, customer: 0, fraud: -1, legal: 0.5 } },
      ['heldPerMille.non-payment', 'heldPerMille.fraud', 'heldPerMille.legal'],
    ],
    [
      'blocks in another currency',
      metering({ overage: { ...OVERAGE, currency: 'USD' } }),
      ['metering.overage.currency'],
    ],
    ['blocks beyond no cap', metering({ overage: OVERAGE, capBytes: null }), ['metering.overage']],
    [
      'a block that nobody can pay',
      metering({ overage: { ...OVERAGE, blockPriceMinor: 1e13 } }),
      ['metering.overage.blockPriceMinor'],
    ],
    [
      'the rest of no cap',
      metering({ carryOver: { limitBytes: 1 }, capBytes: null }),
      ['metering.carryOver'],
    ],
    ['throttled up', metering({ throttled: { downBps: 1, upBps: 1e12 } }), ['metering.throttled']],
  ])('%s', (_name, given, paths) => {
    expect(planFaults(planTerms(given)).map(({ path }) => path)).toEqual(paths);
  });
});

describe('addOnFaults', () => {
  it.each<[string, Partial<AddOnTerms>, string[]]>([
    ['nothing', {}, []],
    ['a currency that is none', { currency: 'XXX' }, ['currency']],
    ['a negative fee', { feeMinor: -1 }, ['feeMinor']],
    ['negative bytes', { capBytes: -1 }, ['capBytes']],
  ])('%s', (_name, given, paths) => {
    expect(addOnFaults(addOnTerms(given)).map(({ path }) => path)).toEqual(paths);
  });
});
