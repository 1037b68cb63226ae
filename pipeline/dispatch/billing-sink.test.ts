import { expect, it } from 'vitest';
import type { TopUp } from '../../schemas/profile.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import { MemoryBillingItems } from '../../storage/memory/billing-items.ts';
import { BillingSink } from './billing-sink.ts';

const BLOCK = { block: 3, blockBytes: 50_000_000_000, priceMinor: 500, currency: 'EUR' };

it('puts a block on the account once, by the id of its action', async () => {
  const items = new MemoryBillingItems();
  const sink = new BillingSink(items);
  const intent = anIntent({ id: 'block-3', kind: 'overage', overage: BLOCK });
  expect(await sink.send(intent)).toEqual({ state: 'delivered', detail: 'on the account' });
  expect(await sink.send(intent)).toEqual({ state: 'delivered', detail: 'was on the account' });
  expect(await items.ofSubscriber('s-1', 9)).toMatchObject([
    { key: 'block-3', type: 'overage', amountMinor: 500, currency: 'EUR', quantity: 1 },
  ]);
});

it('buys a top-up: the item and the bytes', async () => {
  const given: TopUp[] = [];
  const items = new MemoryBillingItems((_subscriber, topUp) => given.push(topUp) > 0);
  const topUp = {
    productId: 'gb-50',
    bytes: 5e10,
    priceMinor: 900,
    currency: 'EUR',
    fromMs: 5,
    expiresMs: 9,
  };
  await new BillingSink(items).send(anIntent({ id: 'buy', kind: 'topup', topUp }));
  expect(given).toEqual([{ id: 'buy', bytes: 5e10, fromMs: 5, expiresMs: 9 }]);
  expect(await items.ofSubscriber('s-1', 9)).toMatchObject([{ key: 'buy', type: 'topup', amountMinor: 900 }]);
});

it('rejects a top-up for nobody', async () => {
  const topUp = { productId: 'gb-50', bytes: 1, priceMinor: 1, currency: 'EUR', fromMs: 5, expiresMs: 9 };
  const sink = new BillingSink(new MemoryBillingItems(() => false));
  expect(await sink.send(anIntent({ id: 'buy', kind: 'topup', topUp }))).toMatchObject({ state: 'rejected' });
});

it('rejects what holds nothing to be charged', async () => {
  const sink = new BillingSink(new MemoryBillingItems());
  expect(await sink.send(anIntent({ id: 'x', kind: 'overage' }))).toMatchObject({ state: 'rejected' });
});
