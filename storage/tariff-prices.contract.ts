import { expect, it } from 'vitest';
import { quietClose } from './money-fixture.contract.ts';
import type { MoneyFixture } from './money-fixture.contract.ts';
import { by, given, terms } from './tariff-given.contract.ts';

const at = (day: string): number => Date.parse(`2026-${day}T00:00Z`);
const ID = 's-1';
/** When cycles of the accounts begin: on the 1st or the 15th. */
const ANCHORS = { first: 1, other: 1, mid: 15 } as const;
type AccountId = keyof typeof ANCHORS;

/** A plan changes its price while its subscriber moves. Days of 2026, 00:00 UTC. */
interface PriceCase {
  /** 173.60 a cycle from there on, 86.80 before: a day of 31 is 2.80 or 5.60, one of 28 is 3.10 or 6.20 */
  dearerFrom: string;
  on: AccountId;
  from: string;
  /** what the slot closed before anybody moved */
  told: [string, string] | null;
  moves: [string, AccountId][];
  until: string;
  paid: Record<AccountId, number>;
}

const CASES: [string, PriceCase][] = [
  [
    'the rest of the cycle keeps its price, the next one has the new one: 24 days, 7 days and February',
    {
      ...{ dearerFrom: '01-20', on: 'first', from: '01-01', told: null, until: '02-02' },
      moves: [['01-25', 'other']],
      paid: { first: 6_720, other: 1_960 + 17_360, mid: 0 },
    },
  ],
  [
    'in a cycle of the new account that began before the price: 24 days and 21 days',
    {
      ...{ dearerFrom: '01-20', on: 'first', from: '01-01', told: null, until: '01-26' },
      moves: [['01-25', 'mid']],
      paid: { first: 6_720, other: 0, mid: 5_880 },
    },
  ],
  [
    'in a cycle of the new account that began after the price: 24 days and 21 days',
    {
      ...{ dearerFrom: '01-10', on: 'first', from: '01-01', told: null, until: '01-26' },
      moves: [['01-25', 'mid']],
      paid: { first: 6_720, other: 0, mid: 11_760 },
    },
  ],
  [
    'moved twice within one cycle: 9 days, 15 days and 21 days',
    {
      ...{ dearerFrom: '01-20', on: 'first', from: '01-01', told: null, until: '01-26' },
      moves: [
        ['01-10', 'other'],
        ['01-25', 'mid'],
      ],
      paid: { first: 2_520, other: 4_200, mid: 5_880 },
    },
  ],
  [
    'after a cycle that the slot closed the cycle begins where that ended, after the price: 5 days and 9 days',
    {
      ...{ dearerFrom: '02-10', on: 'mid', from: '01-15', told: ['01-15', '02-15'], until: '02-21' },
      moves: [['02-20', 'first']],
      paid: { first: 5_580, other: 0, mid: 8_680 + 3_100 },
    },
  ],
  [
    'after a cycle that the slot closed the cycle begins where that ended, before the price: 5 days and 9 days',
    {
      ...{ dearerFrom: '02-17', on: 'mid', from: '01-15', told: ['01-15', '02-15'], until: '02-21' },
      moves: [['02-20', 'first']],
      paid: { first: 2_790, other: 0, mid: 8_680 + 1_550 },
    },
  ],
  [
    'where the slot closed nothing the cycle of the new account reaches back before the price: 5 days and 9 days',
    {
      ...{ dearerFrom: '02-10', on: 'mid', from: '01-15', told: null, until: '02-21' },
      moves: [['02-20', 'first']],
      paid: { first: 2_790, other: 0, mid: 8_680 + 3_100 },
    },
  ],
  [
    'a cycle that the slot closed long before is nothing to it: two months, 9 days and 22 days',
    {
      ...{ dearerFrom: '02-20', on: 'first', from: '01-01', told: ['01-01', '02-01'], until: '03-11' },
      moves: [['03-10', 'other']],
      paid: { first: 8_680 + 8_680 + 5_040, other: 12_320, mid: 0 },
    },
  ],
];

/** Which price the parts of a cycle have, reckoned by hand: the law of money asks the code itself which version it is. */
export function priceCases(fixture: () => MoneyFixture): void {
  it.each(CASES)('%s', async (_name, { dearerFrom, on, from, told, moves, until, paid }) => {
    const { store, begun, close, items } = fixture();
    const version = { version: 2, effectiveFromMs: at(dearerFrom) };
    await store.putPlanVersion(terms('priced', { recurring: { feeMinor: 8_680, when: 'advance' } }), by(0));
    await store.putPlanVersion(
      terms('priced', { ...version, recurring: { feeMinor: 17_360, when: 'advance' } }),
      by(0),
    );
    for (const [accountId, anchorDay] of Object.entries(ANCHORS))
      await store.putAccount(
        {
          ...{ accountId, currency: 'EUR', taxClass: 'standard', billingRef: null, billingStatus: 'current' },
          cycle: { kind: 'month', anchorDay },
        },
        by(0),
      );
    await store.putSubscriber(given(ID, { accountId: on }), by(at(from)));
    await store.assign(ID, 'priced', { at: 'now' }, false, by(at(from)));
    if (told !== null) {
      await begun(at(told[1]));
      await close([quietClose(ID, at(told[0]), at(told[1]))], []);
    }
    for (const [day, accountId] of moves) {
      await begun(at(day));
      await store.putSubscriber(given(ID, { accountId }), by(at(day)));
    }
    await begun(at(until));
    const sums = { first: 0, other: 0, mid: 0 };
    for (const { accountId, amountMinor } of await items(ID)) sums[accountId as AccountId] += amountMinor;
    expect(sums).toEqual(paid);
  });
}
