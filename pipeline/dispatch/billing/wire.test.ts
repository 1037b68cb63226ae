import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContract } from '../../../simulator/billing/contract.ts';
import { ITEM_TYPES } from '../../../schemas/billing.ts';
import type { BillingItem, InvoiceDelivery } from '../../../schemas/billing.ts';
import { anItem } from '../../../storage/billing-items.contract.ts';
import { ANSWERS, cycleBody, differing, itemBody } from './wire.ts';

const { check, operations } = readContract();

const instantMs = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });
const minor = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });

const item: fc.Arbitrary<BillingItem> = fc
  .record({
    key: fc.stringMatching(/^[!-~]{1,200}$/),
    type: fc.constantFrom(...ITEM_TYPES),
    accountId: name,
    subscriberId: name,
    poolId: fc.option(name),
    amountMinor: minor,
    currency: fc.constantFrom('EUR', 'JPY', 'KWD', 'CLF'),
    quantity: minor,
    taxClass: name,
    line: name,
    description: fc.string({ maxLength: 3_000 }),
    cycleStartMs: instantMs,
    cycleEndMs: fc.option(instantMs),
    period: fc.option(fc.tuple(instantMs, instantMs)),
  })
  .map(({ period, ...rest }) =>
    anItem(rest.key, { ...rest, periodFromMs: period?.[0] ?? null, periodToMs: period?.[1] ?? null }),
  );

function delivery(of: BillingItem, accountRef: string | null = null): InvoiceDelivery {
  return {
    ...{ item: of, state: 'sending', detail: '', attempts: 1, askFirst: false, remoteId: null },
    ...{ accountRef, createdAtMs: 1, updatedAtMs: 1 },
  };
}

describe('what is sent', () => {
  it('is what the contract describes, whatever the item', () => {
    fc.assert(
      fc.property(item, fc.option(name), (of, ref) => {
        const made = itemBody(delivery(of, ref));
        expect('body' in made && check('InvoiceItem', JSON.parse(JSON.stringify(made.body)))).toBe(null);
      }),
      { numRuns: 500 },
    );
  });

  it('names the account as the billing system does', () => {
    expect(itemBody(delivery(anItem('k', { currency: 'EUR' }), 'B-7'))).toMatchObject({
      body: { account: 'B-7' },
    });
    expect(itemBody(delivery(anItem('k', { currency: 'EUR' })))).toMatchObject({
      body: { account: 'acct-7' },
    });
  });

  it.each([
    ['EUR', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['CLF', 4],
  ])('says how many decimals %s has: %i', (currency, exponent) => {
    expect(itemBody(delivery(anItem('k', { currency })))).toMatchObject({ body: { amount: { exponent } } });
  });

  it.each([
    [{ currency: 'XXZ' }, 'XXZ is no currency that Weir knows'],
    [{ key: 'a b' }, 'its key holds what a header cannot carry'],
    [{ key: 'ü' }, 'its key holds what a header cannot carry'],
    [{ key: 'x'.repeat(201) }, 'its key holds what a header cannot carry'],
  ])('is nothing at all of %j', (over, fault) => {
    expect(itemBody(delivery(anItem('k', { currency: 'EUR', ...over })))).toEqual({ fault });
  });

  it('is a cycle by the contract too', () => {
    expect(check('CycleSpan', cycleBody({ startMs: 0, endMs: Date.UTC(2099, 0, 1) }))).toBe(null);
  });
});

describe('what comes back', () => {
  it('is the same item when it is what was sent, with whatever the billing system adds', () => {
    fc.assert(
      fc.property(item, (of) => {
        const made = itemBody(delivery(of));
        const stored = { id: 'i', ...('body' in made ? (made.body as object) : {}), added: { by: 'them' } };
        expect(check('StoredItem', JSON.parse(JSON.stringify(stored)))).toBe(null);
        const read = ANSWERS.item(JSON.stringify(stored));
        expect(read !== null && differing(read, delivery(of))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('is read or refused, and never throws, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (body) => {
        for (const read of Object.values(ANSWERS)) expect(() => read(body)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

it('needs these operations of a billing system', () => {
  expect(operations.sort()).toEqual([
    'GET /healthz',
    'GET /v1/accounts/{ref}',
    'GET /v1/invoice-items',
    'GET /v1/invoice-items/{key}',
    'POST /v1/invoice-items',
    'PUT /v1/accounts/{ref}/cycle',
  ]);
});
