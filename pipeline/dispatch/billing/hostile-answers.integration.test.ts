import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BillingServer } from '../../../simulator/billing/server.ts';
import type { InvoiceDelivery } from '../../../schemas/billing.ts';
import { Secret } from '../../config/secret.ts';
import { BillingClient } from './client.ts';
import { billed, BILLING_KEY, TIMEOUT_MS } from './invoice-rig.contract.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from './test-certificate.contract.ts';

const DELIVERY: InvoiceDelivery = {
  item: billed('k1'),
  state: 'sending',
  detail: '',
  attempts: 1,
  askFirst: false,
  remoteId: null,
  accountRef: null,
  createdAtMs: Date.UTC(2025, 0, 31),
  updatedAtMs: Date.UTC(2025, 0, 31),
};
const never = new AbortController().signal;
const clients: BillingClient[] = [];

function clientOf(url: string, over: { ca?: string; key?: string; timeoutMs?: number } = {}): BillingClient {
  const client = new BillingClient({
    url: new Secret(url),
    key: new Secret(over.key ?? BILLING_KEY),
    timeoutMs: over.timeoutMs ?? TIMEOUT_MS,
    maxConnections: 2,
    ...(over.ca === undefined ? {} : { ca: over.ca }),
  });
  clients.push(client);
  return client;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

describe('answers that no server should give', () => {
  const sockets = new Set<Socket>();
  let server: Server;
  let url = '';
  let reply: string | Buffer = '';
  beforeEach(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(reply));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => server.close(resolve));
  });
  const http = (status: string, body: string, headers = ''): string =>
    `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

  it.each([
    ['bytes that are no HTTP', '\u0000\u0001\u0002\r\n\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\n${'X-A: '.padEnd(40_000, 'b')}\r\n\r\n`],
    ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000)],
    ['a body shorter than it says', 'HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{"id":"x"}'],
    ['a receipt without id', http('201 Created', '{}')],
    ['an id of another type', http('201 Created', '{"id":7}')],
    ['an id without end', http('201 Created', JSON.stringify({ id: 'x'.repeat(100_000) }))],
    ['nesting without end', http('201 Created', '['.repeat(500_000))],
    ['a prototype instead of an id', http('201 Created', '{"__proto__":{"id":"x"}}')],
    ['an empty body', http('204 No Content', '')],
    ['a status beyond all', http('999 Odd', '{}')],
  ])('%s: it may have been done', async (_, answer) => {
    reply = answer;
    expect(await clientOf(url).send(DELIVERY, never)).toMatchObject({ kind: 'unknown' });
  });

  it('keeps lines, control characters, size and the key of a problem out of the ledger', async () => {
    const detail = `no\r\n\u001b[31m ${BILLING_KEY} ${'y'.repeat(5_000)}`;
    reply = http('422 Unprocessable', JSON.stringify({ status: 422, detail }));
    const answer = await clientOf(url).send(DELIVERY, never);
    expect(answer.kind).toBe('refused');
    const told = 'detail' in answer ? answer.detail : '';
    expect(told).toMatch(/^status 422: no \[31m \[secret\] y+$/);
    expect(told.length).toBeLessThan(330);
  });

  it.each([
    ['an item of another key', { key: 'other' }, 'key'],
    ['another amount', { amount: { amountMinor: 1, currency: 'EUR', exponent: 2 } }, 'amount'],
    ['another account', { account: 'acct-of-somebody' }, 'account'],
  ])('%s is not the same item', async (_, over, name) => {
    reply = http('200 OK', JSON.stringify({ ...storedForm(), ...over }));
    expect(await clientOf(url).ask(DELIVERY, never)).toMatchObject({
      kind: 'there',
      same: false,
      detail: name,
    });
  });

  it.each([
    ['an amount with decimals', { amount: { amountMinor: 1.5, currency: 'EUR', exponent: 2 } }],
    ['an amount beyond what is exact', { amount: { amountMinor: 2 ** 53, currency: 'EUR', exponent: 2 } }],
    ['no currency', { amount: { amountMinor: 1 } }],
    ['an instant that is none', { createdAt: '2025-13-45T99:00:00Z' }],
  ])('%s is no answer to the question', async (_, over) => {
    reply = http('200 OK', JSON.stringify({ ...storedForm(), ...over }));
    expect(await clientOf(url).ask(DELIVERY, never)).toMatchObject({ kind: 'no-answer' });
  });

  it('ends a list that says the same cursor again', async () => {
    reply = http('200 OK', JSON.stringify({ items: [storedForm()], next: 'a' }), 'Connection: close\r\n');
    const seen = async (): Promise<void> => {
      for await (const page of clientOf(url).items(0, 1, never)) expect(page).toHaveLength(1);
    };
    await expect(seen()).rejects.toMatchObject({ code: 'store-corrupt' });
  });

  it('does not take another account for the one it asked for', async () => {
    const account = {
      ref: 'B-8',
      currency: 'EUR',
      cycle: { kind: 'month', anchorDay: 1 },
      status: 'current',
    };
    reply = http('200 OK', JSON.stringify({ ...account, cycleStart: null }));
    await expect(clientOf(url).account('B-7', never)).rejects.toMatchObject({ code: 'store-corrupt' });
  });
});

describe('a key', () => {
  it.each(['with space', 'line\nbreak', '', 'ü'])('that no header can carry is refused: %j', (key) => {
    expect(() => clientOf('http://127.0.0.1:9', { key })).toThrow(/BILLING_API_KEY must be/);
  });

  it('is in nothing that is printed of a client', () => {
    expect(inspect(clientOf('http://127.0.0.1:9'), { depth: 9, showHidden: true })).not.toContain(
      BILLING_KEY,
    );
  });

  it.each([
    ['https://billing.example/api', false],
    ['http://127.0.0.1:9', false],
    ['http://billing.example', true],
  ])('goes to %s unencrypted: %s', (url, isOpen) => {
    expect(clientOf(url).isOpen).toBe(isOpen);
  });
});

describe('HTTPS', () => {
  const tls = { cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY };
  const server = new BillingServer({ key: BILLING_KEY, tls });
  let url = '';
  beforeEach(async () => {
    if (url === '') url = await server.listen();
    server.requests.length = 0;
  });

  it('delivers where the certificate is trusted', async () => {
    const client = clientOf(url, { ca: TEST_CERTIFICATE, timeoutMs: 5_000 });
    expect(await client.send(DELIVERY, never)).toEqual({ kind: 'accepted', remoteId: 'inv-1' });
  });

  it('sends nothing where it is not', async () => {
    const answer = await clientOf(url, { timeoutMs: 5_000 }).send(DELIVERY, never);
    expect(answer).toMatchObject({ kind: 'not-sent', detail: expect.stringContaining('CERT') as unknown });
    expect(server.requests).toEqual([]);
    await server.close();
  });
});

function storedForm(): Record<string, unknown> {
  const { item } = DELIVERY;
  return {
    id: 'inv-1',
    key: item.key,
    account: item.accountId,
    subscriber: item.subscriberId,
    type: item.type,
    amount: { amountMinor: item.amountMinor, currency: item.currency, exponent: 2 },
    quantity: item.quantity,
    line: item.line,
    createdAt: new Date(DELIVERY.createdAtMs).toISOString(),
  };
}
