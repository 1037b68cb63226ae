import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BillingItem } from '../../schemas/billing.ts';
import { dueFees } from './fees.ts';
import { law } from './laws.contract.ts';
import type { DueLine, ItemContext, ItemisedLine } from './settle.ts';
import { itemKey, settleLines } from './settle.ts';
import { histories, tariffCases, withHistory } from './tariff-factory.contract.ts';

const CONTEXT: ItemContext = {
  subscriberId: 's1',
  accountId: 'acct-s1',
  currency: 'EUR',
  taxClass: 'standard',
  cycle: { startMs: 1000, endMs: 9000 },
  closed: false,
};

const due = (line: string, amountMinor: number, given: Partial<DueLine> = {}): DueLine => ({
  line,
  amountMinor,
  quantity: 1,
  periodFromMs: 2000,
  periodToMs: 9000,
  description: 'Plan A',
  planId: 'a',
  version: 3,
  ...given,
});

function itemised(items: readonly BillingItem[]): ItemisedLine[] {
  const lines = new Map<string, ItemisedLine>();
  for (const { line, amountMinor, quantity } of items) {
    const known = lines.get(line) ?? { line, amountMinor: 0, quantity: 0, n: 0 };
    lines.set(line, {
      line,
      amountMinor: known.amountMinor + amountMinor,
      quantity: known.quantity + quantity,
      n: known.n + 1,
    });
  }
  return [...lines.values()];
}

describe('settleLines', () => {
  it('makes a whole item of what is due', () => {
    const key = createHash('sha256').update('["item","s1",1000,"plan:a",1]').digest('hex').slice(0, 32);
    expect(settleLines([due('plan:a', 3000)], [], CONTEXT)).toEqual([
      {
        key,
        type: 'recurring',
        accountId: 'acct-s1',
        subscriberId: 's1',
        poolId: null,
        amountMinor: 3000,
        currency: 'EUR',
        quantity: 1,
        taxClass: 'standard',
        line: 'plan:a',
        description: 'Plan A',
        cycleStartMs: 1000,
        cycleEndMs: 9000,
        periodFromMs: 2000,
        periodToMs: 9000,
        source: { actionId: '', policyId: '', policyVersion: '', rule: '', what: 'a version 3' },
      },
    ]);
  });

  const before: ItemisedLine = { line: 'plan:a', amountMinor: 3000, quantity: 1, n: 1 };
  it.each<[string, DueLine[], ItemisedLine[], boolean, [string, number, number][]]>([
    ['nothing where it is the same', [due('plan:a', 3000)], [before], false, []],
    ['nothing for nothing', [due('plan:a', 0)], [], false, []],
    [
      'a credit, then a charge',
      [due('plan:a', 1000), due('plan:b', 4000)],
      [before],
      false,
      [
        ['proration', -2000, -1],
        ['recurring', 4000, 1],
      ],
    ],
    ['more of the same', [due('plan:a', 3500)], [before], false, [['proration', 500, 1]]],
    ['what is due no more', [], [before], false, [['proration', -3000, -1]]],
    ['an add-on', [due('add-on:x', 500)], [], false, [['add-on', 500, 1]]],
    ['usage', [due('usage:1000', 70, { quantity: 700 })], [], false, [['usage', 70, 700]]],
    [
      'late usage',
      [due('usage:1000', 80, { quantity: 790 })],
      [{ line: 'usage:1000', amountMinor: 70, quantity: 700, n: 1 }],
      true,
      [['adjustment', 10, 90]],
    ],
    [
      'another price for the same usage',
      [due('usage:1000', 80, { quantity: 700 })],
      [{ line: 'usage:1000', amountMinor: 70, quantity: 700, n: 1 }],
      false,
      [['usage', 10, 1]],
    ],
    ['after the close', [due('plan:a', 2900)], [before], true, [['adjustment', -100, -1]]],
    [
      'the first of a line after the close',
      [due('plan:b', 10)],
      [before],
      true,
      [
        ['adjustment', 10, 1],
        ['adjustment', -3000, -1],
      ],
    ],
  ])('%s', (_name, lines, known, closed, made) => {
    const items = settleLines(lines, known, { ...CONTEXT, closed });
    expect(items.map(({ type, amountMinor, quantity }) => [type, amountMinor, quantity])).toEqual(made);
  });

  it('says of what is due no more that it was for the cycle', () => {
    expect(settleLines([], [before], CONTEXT)[0]).toMatchObject({
      periodFromMs: 1000,
      periodToMs: 9000,
      key: itemKey('s1', 1000, 'plan:a', 2),
      source: { what: 'plan:a' },
    });
  });

  const changes = fc.record({
    one: tariffCases,
    more: fc.array(histories, { maxLength: 5 }),
    late: fc.array(histories, { maxLength: 2 }),
  });

  law(
    'comes to what the last timeline costs, however it came about, and a repeat makes nothing',
    changes,
    (one) => {
      const { t, cycle, plans, atMs } = one.one;
      const context = { ...CONTEXT, cycle };
      const items: BillingItem[] = [];
      const settle = (now: typeof t, which: 'advance' | 'all', closed: boolean): void => {
        const lines = dueFees(now, cycle, plans, which);
        items.push(...settleLines(lines, itemised(items), { ...context, closed }));
        expect(settleLines(lines, itemised(items), { ...context, closed })).toEqual([]);
        const sums = new Map(itemised(items).map(({ line, amountMinor }) => [line, amountMinor]));
        for (const { line, amountMinor } of lines) {
          expect(sums.get(line) ?? 0).toBe(amountMinor);
          sums.delete(line);
        }
        for (const rest of sums.values()) expect(rest).toBe(0);
      };
      let last = t;
      settle(last, 'advance', false);
      for (const history of one.more) settle((last = withHistory(t, history, atMs)), 'advance', false);
      settle(last, 'all', false);
      for (const history of one.late) settle((last = withHistory(t, history, atMs)), 'all', true);
      expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
      for (const { quantity, amountMinor } of items) expect(Math.sign(quantity)).toBe(Math.sign(amountMinor));
    },
  );

  law(
    'has no negative item but for a credit: none where nothing changed',
    tariffCases,
    ({ t, cycle, plans }) => {
      const context = { ...CONTEXT, cycle };
      const advance = settleLines(dueFees(t, cycle, plans, 'advance'), [], context);
      const close = settleLines(dueFees(t, cycle, plans, 'all'), itemised(advance), context);
      for (const { amountMinor } of [...advance, ...close]) expect(amountMinor).toBeGreaterThan(0);
    },
  );
});
