import { expect, it } from 'vitest';
import { overageItemKey } from '../../rules/tariff/blocks.ts';
import { AppError } from '../../schemas/errors.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import { MemoryBillingItems } from '../../storage/memory/billing-items.ts';
import { MemoryTariffs } from '../../storage/memory/tariffs.ts';
import { given } from '../../storage/tariff-given.contract.ts';
import { BillingSink } from './billing-sink.ts';

const BLOCK = { block: 3, blockBytes: 50_000_000_000, priceMinor: 500, currency: 'EUR' };
const TOP_UP = { productId: 'gb-50', bytes: 5e10, priceMinor: 900, currency: 'EUR', fromMs: 5, expiresMs: 9 };

/** A sink, and what it changed. */
async function rig(nowMs = 5) {
  const items = new MemoryBillingItems();
  const tariffs = new MemoryTariffs();
  await tariffs.store.putSubscriber(given('s-1'), { by: 'ann', atMs: 0, reason: '' });
  const sink = new BillingSink({ items, tariffs: tariffs.store, nowMs: () => nowMs });
  return { items, tariffs, sink };
}

it('puts a block on the account once, by the id of its action', async () => {
  const { items, sink } = await rig();
  const intent = anIntent({ id: 'block-3', kind: 'overage', overage: BLOCK });
  expect(await sink.send(intent)).toEqual({ state: 'delivered', detail: 'on the account' });
  expect(await sink.send(intent)).toEqual({ state: 'delivered', detail: 'was on the account' });
  expect(await items.ofSubscriber('s-1', 9)).toMatchObject([
    { key: 'block-3', type: 'overage', amountMinor: 500, currency: 'EUR', quantity: 1 },
  ]);
});

it('buys a top-up once: the item and the bytes', async () => {
  const { sink, tariffs } = await rig();
  const intent = anIntent({ id: 'buy', kind: 'topup', topUp: TOP_UP });
  expect(await sink.send(intent)).toEqual({ state: 'delivered', detail: 'on the account' });
  expect(await sink.send(intent)).toEqual({ state: 'delivered', detail: 'was on the account' });
  const [bought] = tariffs.profile('s-1')?.topUps ?? [];
  expect(bought).toEqual({ id: 'buy', bytes: 5e10, fromMs: 5, expiresMs: 9 });
  expect(tariffs.items).toMatchObject([{ key: 'buy', type: 'topup', amountMinor: 900 }]);
});

it('charges nothing for a top-up that is over by the clock of the log', async () => {
  const { sink, tariffs } = await rig(9);
  const result = await sink.send(anIntent({ id: 'buy', kind: 'topup', topUp: TOP_UP }));
  expect(result).toMatchObject({ state: 'rejected' });
  expect([tariffs.items, tariffs.profile('s-1')?.topUps]).toEqual([[], []]);
});

it('rejects what is in another currency than the account is charged in, and gives nothing', async () => {
  const { sink, tariffs } = await rig();
  const dear = anIntent({ id: 'buy', kind: 'topup', topUp: { ...TOP_UP, currency: 'USD' } });
  expect(await sink.send(dear)).toMatchObject({ state: 'rejected' });
  expect([tariffs.items, tariffs.profile('s-1')?.topUps]).toEqual([[], []]);
});

it('rejects a block that billing refuses for good, and tries one again that it could not take', async () => {
  const { tariffs } = await rig();
  const answers = [
    new AppError('conflict', 'currency: another'),
    new AppError('unreachable', 'away'),
    new AppError('conflict', 'deadlock', { retriable: true }),
  ];
  const items = { charge: () => Promise.reject(answers.shift() ?? new Error('no more')) };
  const sink = new BillingSink({ items, tariffs: tariffs.store, nowMs: () => 5 });
  const intent = anIntent({ id: 'block-3', kind: 'overage', overage: BLOCK });
  expect(await sink.send(intent)).toEqual({ state: 'rejected', detail: 'currency: another' });
  await expect(sink.send(intent)).rejects.toMatchObject({ code: 'unreachable' });
  await expect(sink.send(intent)).rejects.toMatchObject({ code: 'conflict' });
});

it('keeps a pool’s blocks apart from those of the subscriber that pays them', async () => {
  const { items, sink } = await rig();
  const own = overageItemKey('s-1', 0, 'data', 3);
  for (const id of [own, 'of-a-pool'])
    await sink.send(anIntent({ id, kind: 'overage', subscriberId: 's-1', cycleStartMs: 0, overage: BLOCK }));
  const made = await items.ofSubscriber('s-1', 9);
  expect(made.map(({ key, line }) => [key, line])).toEqual([
    ['of-a-pool', 'overage:pool'],
    [own, 'overage:data'],
  ]);
});

it('rejects a top-up for nobody', async () => {
  const { sink } = await rig();
  const intent = anIntent({ id: 'buy', kind: 'topup', subscriberId: 'nobody', topUp: TOP_UP });
  expect(await sink.send(intent)).toMatchObject({ state: 'rejected' });
});

it('rejects what holds nothing to be charged', async () => {
  const { sink } = await rig();
  expect(await sink.send(anIntent({ id: 'x', kind: 'overage' }))).toMatchObject({ state: 'rejected' });
});
