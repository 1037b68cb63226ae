import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultGiven } from '../../../simulator/billing/faults.ts';
import type { ActionState } from '../../../schemas/action.ts';
import { billed, deliveredOf, InvoiceRig, LATER_MS } from './invoice-rig.contract.ts';

let rig: InvoiceRig;
beforeEach(async () => {
  rig = new InvoiceRig();
  await rig.open();
});
afterEach(() => rig.close());

const POST = 'POST /v1/invoice-items';
const GET = 'GET /v1/invoice-items/k1';

/** [what goes wrong with the first POST, state then, requests of the second try, state after it] */
type Case = [FaultGiven, ActionState, string[], ActionState];

const OPEN: Case[] = (
  ['cut', 'hang', 'garbage', 'redirect', 'trickle', 'huge', 'status'] as const
).flatMap<Case>((kind) => [
  [{ kind, when: 'before' }, 'unknown', [GET, POST], 'delivered'],
  [{ kind, when: 'after' }, 'unknown', [GET], 'delivered'],
]);
const STATUSES: Case[] = [
  ...[500, 502, 503, 504, 408].flatMap<Case>((status) => [
    [{ kind: 'status', status, when: 'before' }, 'unknown', [GET, POST], 'delivered'],
    [{ kind: 'status', status, when: 'after' }, 'unknown', [GET], 'delivered'],
  ]),
  ...[401, 403, 405, 501].map<Case>((status) => [{ kind: 'status', status }, 'pending', [POST], 'delivered']),
  // The question for the item is answered by the contract, so the address is right.
  ...[400, 404, 410, 413, 422].map<Case>((status) => [
    { kind: 'status', status },
    'rejected',
    [],
    'rejected',
  ]),
  [{ kind: 'status', status: 429, retryAfter: '120' }, 'pending', [POST], 'delivered'],
  [{ kind: 'status', status: 409, when: 'after' }, 'delivered', [], 'delivered'],
  [{ kind: 'status', status: 409, when: 'before' }, 'unknown', [GET, POST], 'delivered'],
  [{ kind: 'slow', ms: 5_000, when: 'after' }, 'unknown', [GET], 'delivered'],
  [{ kind: 'slow', ms: 30 }, 'delivered', [], 'delivered'],
];

describe('an item, and what becomes of it', () => {
  it.each([...OPEN, ...STATUSES].map((one) => [JSON.stringify(one[0]), ...one] as const))(
    '%s',
    async (_, fault, first, requests, last) => {
      rig.fault({ faults: [{ ...fault, method: 'POST', times: 1 }] });
      rig.ledger.add([billed('k1')]);
      rig.dispatch();
      await rig.untilSettled(1);
      expect(rig.settled).toEqual([`k1 ${first}`]);
      const before = rig.server.requests.length;
      await rig.timers.advance(LATER_MS);
      if (requests.length > 0) await rig.untilSettled(2);
      expect(rig.server.requests.slice(before)).toEqual(requests);
      expect((await rig.theOnly()).state).toBe(last);
      expect(rig.server.books.items).toHaveLength(last === 'delivered' ? 1 : 0);
    },
  );

  it('is delivered with what billing calls it, at the first try', async () => {
    rig.ledger.add([billed('k1', { amountMinor: -1_234, quantity: -1, poolId: 'p', cycleEndMs: null })]);
    rig.dispatch();
    await rig.untilSettled(1);
    expect(await rig.theOnly()).toMatchObject({ state: 'delivered', remoteId: 'inv-1', attempts: 1 });
    expect(rig.server.books.items[0]).toMatchObject({
      key: 'k1',
      amount: { amountMinor: -1_234, currency: 'EUR', exponent: 2 },
    });
  });
});

describe('ask before resend', () => {
  it('charges once although the billing system forgets the key of the request', async () => {
    const fault = { kind: 'cut', when: 'after', method: 'POST', times: 1 } as const;
    rig.fault({ forgetKeysAfterMs: 0, faults: [fault] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    await rig.timers.advance(16_000);
    await rig.untilSettled(2);
    expect((await rig.theOnly()).detail).toBe('it was there');
    expect(rig.server.books.items).toHaveLength(1);
  });

  it('would charge twice if it were sent again: the server of this test does forget', async () => {
    rig.fault({ forgetKeysAfterMs: 0 });
    const client = rig.client();
    rig.ledger.add([billed('k1')]);
    const delivery = await rig.theOnly();
    const signal = new AbortController().signal;
    await client.send(delivery, signal);
    await client.send(delivery, signal);
    expect(rig.server.books.items).toHaveLength(2);
  });

  it('waits twice as long each time that the question has no answer, to an hour, and never gives up', async () => {
    rig.fault({ faults: [{ kind: 'status', status: 500 }] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    const waits: number[] = [];
    for (let n = 2; n < 14; n++) {
      const beganMs = rig.timers.now();
      while (rig.settled.length < n) {
        const before = rig.server.requests.length;
        await rig.timers.advance(5_000);
        if (rig.server.requests.length > before) await rig.untilSettled(n);
      }
      waits.push(Math.round((rig.timers.now() - beganMs) / 15_000));
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240, 240]);
    expect((await rig.theOnly()).state).toBe('unknown');
    rig.fault({});
    await rig.timers.advance(LATER_MS);
    await rig.untilSettled(14);
    expect(rig.server.books.items).toHaveLength(1);
  });

  it('does not believe a 404 that is not of the contract', async () => {
    const cut = { kind: 'cut', when: 'after', method: 'POST', times: 1 } as const;
    rig.fault({ faults: [cut, { kind: 'status', status: 404, method: 'GET', times: 1 }] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    await rig.timers.advance(16_000);
    await rig.untilSettled(2);
    expect(rig.settled).toEqual(['k1 unknown', 'k1 unknown']);
    await rig.timers.advance(LATER_MS);
    await rig.untilSettled(3);
    expect(rig.server.books.items).toHaveLength(1);
  });

  it('rejects an item whose key stands for another one there, and says what differs', async () => {
    rig.ledger.add([billed('k1', { amountMinor: 700 })]);
    const client = rig.client();
    const delivery = await rig.theOnly();
    const other = { ...delivery, item: { ...delivery.item, amountMinor: 9_999 } };
    await client.send(other, new AbortController().signal);
    rig.dispatch({ client });
    await rig.untilSettled(1);
    expect(await rig.theOnly()).toMatchObject({
      state: 'rejected',
      detail: 'key-taken: the item of this key there has other amount',
    });
    expect(rig.taken).toEqual(['k1']);
  });
});

describe('a billing system that refuses us, or is away', () => {
  it('takes a wrong address for one, and not for a fault of the item', async () => {
    rig.fault({ faults: [{ kind: 'status', status: 404 }] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    expect(await rig.theOnly()).toMatchObject({ state: 'pending', attempts: 0 });
    expect(rig.stops).toEqual(['status 404: as it was told']);
  });

  it('is not stopped by one item that it has no account for', async () => {
    rig.fault({ faults: [{ kind: 'status', status: 404, method: 'POST', times: 1 }] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    rig.ledger.add([billed('k2')]);
    await rig.timers.advance(1_000);
    await rig.untilSettled(2);
    expect(await rig.states()).toMatchObject({ k1: ['rejected', 1], k2: ['delivered', 1] });
    expect(rig.stops).toEqual([]);
  });

  it('is stopped where it redirects all that it is asked', async () => {
    rig.fault({ faults: [{ kind: 'redirect' }] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    await rig.timers.advance(16_000);
    await rig.untilSettled(2);
    expect(rig.settled).toEqual(['k1 unknown', 'k1 pending']);
    expect(rig.stops).toEqual(['status 302']);
    rig.fault({});
    await rig.timers.advance(61_000);
    await rig.untilSettled(3);
    expect(rig.server.books.items).toHaveLength(1);
  });

  it('is not asked either before Retry-After', async () => {
    const cut = { kind: 'cut', when: 'after', method: 'POST', times: 1 } as const;
    rig.fault({
      faults: [cut, { kind: 'status', status: 429, retryAfter: '600', method: 'GET', times: 1 }],
    });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    await rig.timers.advance(16_000);
    await rig.untilSettled(2);
    expect(await rig.theOnly()).toMatchObject({ state: 'pending', askFirst: true });
    rig.ledger.add([billed('k2')]);
    await rig.timers.advance(590_000);
    expect(rig.server.requests).toHaveLength(2);
    await rig.timers.advance(20_000);
    await rig.untilSettled(4);
    expect(rig.server.books.items.map(({ key }) => key).sort()).toEqual(['k1', 'k2']);
  });

  it('stops after one refusal, tries one item a minute, and goes on with all of them', async () => {
    rig.fault({ faults: [{ kind: 'status', status: 401 }] });
    rig.ledger.add([billed('k0')]);
    rig.dispatch();
    await rig.untilSettled(1);
    rig.ledger.add(Array.from({ length: 50 }, (_, n) => billed(`k${n + 1}`)));
    await rig.timers.advance(59_000);
    expect(rig.server.requests).toHaveLength(1);
    await rig.timers.advance(2_000);
    await rig.untilSettled(2);
    expect(rig.server.requests).toHaveLength(2);
    expect(rig.stops).toEqual(['status 401: as it was told']);
    expect((await rig.states())['k0']).toEqual(['pending', 0]);
    rig.fault({});
    while (rig.server.requests.length < 3) await rig.timers.advance(500);
    await rig.untilSettled(3);
    // Without time passing: nothing of the crowd may be cut off.
    await expect.poll(() => deliveredOf(rig.ledger), { timeout: 20_000 }).toBe(51);
    expect(rig.stops).toEqual(['status 401: as it was told', null]);
    expect(rig.server.books.items).toHaveLength(51);
  });

  it('sends nothing and counts no attempt while nobody listens', async () => {
    const away = rig.client({ url: 'http://127.0.0.1:9' });
    rig.ledger.add([billed('k1')]);
    rig.dispatch({ client: away });
    await rig.untilSettled(1);
    for (let n = 2; n < 5; n++) {
      await rig.timers.advance(60_000);
      await rig.untilSettled(n);
    }
    expect(await rig.theOnly()).toMatchObject({
      state: 'pending',
      attempts: 0,
      askFirst: false,
      detail: 'connection failed: ECONNREFUSED',
    });
  });

  it('honours Retry-After as seconds and as a date', async () => {
    // By the clock of the server, which says its time in each answer.
    const at = new Date(Date.now() + 600_000).toUTCString();
    const limited = (retryAfter: string) => ({ kind: 'status', status: 429, times: 1, retryAfter }) as const;
    rig.fault({ faults: [limited('30'), limited(at)] });
    rig.ledger.add([billed('k1')]);
    rig.dispatch();
    await rig.untilSettled(1);
    await rig.timers.advance(29_000);
    expect(rig.server.requests).toHaveLength(1);
    await rig.timers.advance(2_000);
    await rig.untilSettled(2);
    expect(rig.server.requests).toHaveLength(2);
    rig.fault({});
    await rig.timers.advance(LATER_MS);
    await rig.untilSettled(3);
    expect(await rig.theOnly()).toMatchObject({ state: 'delivered', attempts: 1 });
  });
});
