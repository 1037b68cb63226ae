import { createHash } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { attribute, readAttribute } from './attributes.ts';
import { encodeResponse } from './authenticator.ts';
import { CoaClient, type CoaClientOptions } from './coa-client.ts';
import type { CoaReply, CoaRequest } from './coa-exchange.ts';
import { CoaServer, type CoaServerOptions } from './coa-server.ts';
import { CODE, decodePacket, encodePacket, type RadiusPacket } from './packet.ts';

const SECRET = 'testing123';
/** Waits of 20, 40, 60 ms; gives up after 150 ms. */
const FAST = { firstMs: 20, maxMs: 60, maxSends: 5, maxDurationMs: 150, jitter: 0.1 };

/** Four sends, however slow the machine is. */
const PATIENT = { ...FAST, maxSends: 4, maxDurationMs: 60_000 };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function client(options: CoaClientOptions = {}): CoaClient {
  const created = new CoaClient({ retransmission: FAST, ...options });
  closing.push(() => {
    created.close();
  });
  return created;
}

async function server(options: Omit<CoaServerOptions, 'secret'>): Promise<{ nas: CoaServer; port: number }> {
  const nas = new CoaServer({ secret: SECRET, ...options });
  closing.push(() => nas.close());
  return { nas, port: (await nas.listen()).port };
}

interface Hostile {
  readonly port: number;
  readonly datagrams: Buffer[];
  readonly sources: number[];
  readonly socket: Socket;
}

/** A NAS that does whatever a test says. */
async function hostile(
  react: (packet: RadiusPacket, from: RemoteInfo, socket: Socket, nth: number) => void,
): Promise<Hostile> {
  const socket = createSocket('udp4');
  const nas = { socket, port: 0, datagrams: [] as Buffer[], sources: [] as number[] };
  socket.on('message', (datagram, from) => {
    const decoded = decodePacket(datagram);
    if (!decoded.ok) return;
    nas.datagrams.push(datagram);
    nas.sources.push(from.port);
    react(decoded.packet, from, socket, nas.datagrams.length);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push(() => {
    socket.close();
  });
  return { ...nas, port: socket.address().port };
}

function answerTo(packet: RadiusPacket, code: number = CODE.coaAck, secret = SECRET): Buffer {
  const encoded = encodeResponse(packet, { code, secret, attributes: [] });
  if (!encoded.ok) throw new Error(encoded.reason);
  return encoded.bytes;
}

function request(port: number, change: Partial<CoaRequest> = {}): CoaRequest {
  const attributes = [attribute('User-Name', 'bob')];
  return { address: '127.0.0.1', port, secret: SECRET, code: CODE.coaRequest, attributes, ...change };
}

describe('CoaClient against CoaServer', () => {
  it('brings the attributes over and the verdict back', async () => {
    const seen: (string | undefined)[] = [];
    const { port } = await server({
      timestampWindowSeconds: 300,
      handle: ({ code, attributes }) => {
        const user = readAttribute(attributes, 'User-Name');
        seen.push(`${code} ${user ?? ''}`);
        return user === 'ghost' ? { kind: 'nak', errorCause: 503 } : { kind: 'ack' };
      },
    });
    const coa = client();
    expect(await coa.send(request(port))).toMatchObject({ kind: 'ack', sends: 1 });
    const ghost = [attribute('User-Name', 'ghost')];
    const nak = { kind: 'nak', errorCause: 503 };
    expect(await coa.send(request(port, { attributes: ghost }))).toMatchObject(nak);
    const disconnect = request(port, { code: CODE.disconnectRequest, attributes: ghost });
    expect(await coa.send(disconnect)).toMatchObject(nak);
    expect(seen).toEqual(['43 bob', '43 ghost', '40 ghost']);
    expect(coa.counters).toMatchObject({ sends: 3, retransmissions: 0, acks: 1, naks: 2 });
  });

  it('speaks IPv6 in any spelling', async () => {
    const nas = new CoaServer({ secret: SECRET, handle: () => ({ kind: 'ack' }) });
    closing.push(() => nas.close());
    const { port } = await nas.listen(0, '::1');
    expect(await client().send(request(port, { address: '0:0:0:0:0:0:0:1' }))).toMatchObject({ kind: 'ack' });
  });

  it('reports no answer after all sends, and the NAS handled it once', async () => {
    const handle = vi.fn(() => ({ kind: 'silent' as const }));
    const { nas, port } = await server({ handle });
    const coa = client({ retransmission: PATIENT });
    expect(await coa.send(request(port))).toEqual({ kind: 'no-answer', sends: 4 });
    expect(handle).toHaveBeenCalledTimes(1);
    expect(nas.counters).toMatchObject({ duplicates: 3, answered: 0 });
    expect(coa.inFlight).toBe(0);
  });

  it('takes a wrong secret for no answer: the NAS discards', async () => {
    const { nas, port } = await server({ handle: () => ({ kind: 'ack' }) });
    const coa = client({ retransmission: PATIENT });
    expect(await coa.send(request(port, { secret: 'wrong' }))).toMatchObject({ kind: 'no-answer' });
    // 4 sends, and the probe of the port.
    expect(nas.counters.discarded).toBeGreaterThanOrEqual(4);
    expect(nas.counters.answered).toBe(0);
  });

  it('is discarded by a NAS whose clock is 10 minutes off', async () => {
    const { nas, port } = await server({
      handle: () => ({ kind: 'ack' }),
      timestampWindowSeconds: 300,
      now: () => Date.now() + 600_000,
    });
    expect(await client().send(request(port))).toMatchObject({ kind: 'no-answer' });
    expect(nas.counters.answered).toBe(0);
  });

  it('keeps more in flight than one source port has identifiers', async () => {
    const sources = new Set<number>();
    const waiting: (() => void)[] = [];
    const total = 600;
    const { port } = await server({
      handle: ({ port: source }) => {
        sources.add(source);
        return new Promise((resolve) => {
          waiting.push(() => {
            resolve({ kind: 'ack' });
          });
          if (waiting.length === total) for (const release of waiting) release();
        });
      },
    });
    const coa = client({
      retransmission: { ...FAST, firstMs: 200, maxMs: 200, maxSends: 50, maxDurationMs: 10_000 },
    });
    const replies = await Promise.all(Array.from({ length: total }, () => coa.send(request(port))));
    expect(replies.every(({ kind }) => kind === 'ack')).toBe(true);
    expect(sources.size).toBe(3);
  });

  it('queues beyond its source ports and refuses beyond its queue', async () => {
    const { port } = await server({ handle: () => ({ kind: 'ack' }) });
    const coa = client({ maxPortsPerNas: 1, maxQueuedPerNas: 400 });
    const replies = await Promise.all(Array.from({ length: 500 }, () => coa.send(request(port))));
    const count = (kind: CoaReply['kind']): number => replies.filter((reply) => reply.kind === kind).length;
    expect([count('ack'), count('unsendable')]).toEqual([400, 100]);
    expect(replies.at(-1)).toEqual({ kind: 'unsendable', reason: 'overloaded' });
  });
});

describe('CoaClient against a hostile NAS', () => {
  it('repeats the same octets from the same port until answered', async () => {
    const nas = await hostile((packet, from, socket, nth) => {
      if (nth === 3) socket.send(answerTo(packet), from.port, from.address);
    });
    let seconds = 1_700_000_000;
    const timers = {
      now: (): number => (seconds += 1) * 1000,
      after: (ms: number, run: () => void) => {
        const handle = setTimeout(run, ms);
        return (): void => {
          clearTimeout(handle);
        };
      },
    };
    const coa = client({ timers });
    expect(await coa.send(request(nas.port))).toMatchObject({ kind: 'ack', sends: 3 });
    expect(new Set(nas.datagrams.map((datagram) => datagram.toString('hex'))).size).toBe(1);
    expect(new Set(nas.sources).size).toBe(1);
    const decoded = decodePacket(nas.datagrams[2] ?? Buffer.alloc(0));
    expect(decoded.ok && readAttribute(decoded.packet.attributes, 'Event-Timestamp')).toBe(1_700_000_001);
    expect(coa.counters.retransmissions).toBe(2);
  });

  it('repeats nothing after the whole time, though the process stood still meanwhile', async () => {
    const nas = await hostile(() => undefined);
    const coa = client({ retransmission: { ...FAST, firstMs: 1_000, maxMs: 1_000, maxDurationMs: 1_500 } });
    const reply = coa.send(request(nas.port));
    await once(nas.socket, 'message');
    // As SIGSTOP does: no timer fires, and the clock goes on.
    const endMs = performance.now() + 1_500;
    while (performance.now() < endMs);
    expect(await reply).toEqual({ kind: 'no-answer', sends: 1 });
    expect(nas.datagrams).toHaveLength(1);
  });

  it.each([
    ['garbage', 'malformed', () => Buffer.from('garbage')],
    ['a lying length', 'malformed', (packet: RadiusPacket) => Buffer.from(answerTo(packet).fill(0xff, 2, 4))],
    [
      'another secret',
      'wrongAuthenticator',
      (packet: RadiusPacket) => answerTo(packet, CODE.coaAck, 'other'),
    ],
    ['an echo of the request', 'wrongAuthenticator', (packet: RadiusPacket) => packet.raw],
    ['the ACK of a Disconnect', 'wrongCode', (packet: RadiusPacket) => answerTo(packet, CODE.disconnectAck)],
    [
      'another identifier',
      'unmatched',
      (packet: RadiusPacket) => answerTo({ ...packet, identifier: (packet.identifier + 1) % 256 }),
    ],
  ] as const)('ignores and counts %s, and takes the right answer behind it', async (_, counter, forge) => {
    const nas = await hostile((packet, from, socket) => {
      socket.send(forge(packet), from.port, from.address);
      socket.send(answerTo(packet), from.port, from.address);
    });
    const coa = client();
    expect(await coa.send(request(nas.port))).toMatchObject({ kind: 'ack', sends: 1 });
    expect(coa.counters[counter]).toBe(1);
  });

  it('ignores and counts an answer from another address', async () => {
    const elsewhere = createSocket('udp4');
    elsewhere.bind(0, '127.0.0.2');
    await once(elsewhere, 'listening');
    closing.push(() => {
      elsewhere.close();
    });
    const nas = await hostile((packet, from) => {
      elsewhere.send(answerTo(packet), from.port, from.address);
    });
    const coa = client();
    expect(await coa.send(request(nas.port))).toMatchObject({ kind: 'no-answer' });
    expect(coa.counters.wrongAddress).toBe(4);
  });

  it('counts a doubled answer as unmatched', async () => {
    const nas = await hostile((packet, from, socket) => {
      socket.send(answerTo(packet), from.port, from.address);
      socket.send(answerTo(packet), from.port, from.address);
    });
    const coa = client();
    expect(await coa.send(request(nas.port))).toMatchObject({ kind: 'ack' });
    await vi.waitFor(() => {
      expect(coa.counters.unmatched).toBe(1);
    });
    expect(coa.counters.acks).toBe(1);
  });

  it('never takes the late answer to one request for the answer to the next', async () => {
    let late: Buffer | undefined;
    const nas = await hostile((packet, from, socket) => {
      // Also under the identifier of the new request, as if identifiers had come round.
      if (late !== undefined) {
        socket.send(late, from.port, from.address);
        socket.send(Buffer.from(late).fill(packet.identifier, 1, 2), from.port, from.address);
      }
      late ??= answerTo(packet);
    });
    const coa = client({ retransmission: { ...FAST, maxSends: 1 } });
    expect(await coa.send(request(nas.port))).toEqual({ kind: 'no-answer', sends: 1 });
    expect(await coa.send(request(nas.port))).toEqual({ kind: 'no-answer', sends: 1 });
    expect(coa.counters).toMatchObject({ unmatched: 1, wrongAuthenticator: 1, acks: 0 });
  });

  it('survives a NAS that loses 30 % of what it gets', async () => {
    let draw = 7;
    const nas = await hostile((packet, from, socket) => {
      draw = (draw * 1_103_515_245 + 12_345) % 2_147_483_648;
      if (draw / 2_147_483_648 >= 0.3) socket.send(answerTo(packet), from.port, from.address);
    });
    const coa = client({ retransmission: { ...FAST, maxSends: 20, maxMs: 20, maxDurationMs: 2000 } });
    const replies = await Promise.all(Array.from({ length: 200 }, () => coa.send(request(nas.port))));
    expect(replies.filter(({ kind }) => kind === 'ack')).toHaveLength(200);
    expect(coa.counters.retransmissions).toBeGreaterThan(0);
  });

  it.each([
    [undefined, { kind: 'ack' }, 0],
    [true, { kind: 'no-answer' }, 4],
  ])(
    'with requireMessageAuthenticator %s takes an answer without one as %j',
    async (required, reply, ignored) => {
      const nas = await hostile((packet, from, socket) => {
        const bare = encodePacket({ ...packet, code: CODE.coaAck, attributes: [] });
        if (!bare.ok) return;
        createHash('md5').update(bare.bytes).update(SECRET).digest().copy(bare.bytes, 4);
        socket.send(bare.bytes, from.port, from.address);
      });
      const coa = client();
      const change = required === undefined ? {} : { requireMessageAuthenticator: required };
      expect(await coa.send(request(nas.port, change))).toMatchObject(reply);
      expect(coa.counters.wrongAuthenticator).toBe(ignored);
    },
  );

  it('passes a NAK whose Error-Cause is garbage', async () => {
    const nas = await hostile((packet, from, socket) => {
      const attributes = [{ type: 101, value: Buffer.from([1]) }];
      const encoded = encodeResponse(packet, { code: CODE.coaNak, secret: SECRET, attributes });
      if (encoded.ok) socket.send(encoded.bytes, from.port, from.address);
    });
    expect(await client().send(request(nas.port))).toMatchObject({ kind: 'nak', errorCause: undefined });
  });
});

describe('CoaClient when nothing can be reached', () => {
  it('notices a closed port without waiting for all sends', async () => {
    const nas = await hostile(() => undefined);
    const { port } = nas;
    closing.pop();
    nas.socket.close();
    await once(nas.socket, 'close');
    const coa = client({ retransmission: { ...FAST, maxDurationMs: 60_000, maxMs: 60_000, firstMs: 20 } });
    const [first, second] = await Promise.all([coa.send(request(port)), coa.send(request(port))]);
    expect(first).toMatchObject({ kind: 'unreachable', reason: 'port-closed' });
    expect(second).toMatchObject({ kind: 'unreachable', reason: 'port-closed' });
    expect(coa.inFlight).toBe(0);
  });

  it.each([
    [{ address: 'nas.example' }, { kind: 'unreachable', reason: 'bad-address', sends: 0 }],
    [{ port: 0 }, { kind: 'unreachable', reason: 'bad-address', sends: 0 }],
    [{ code: CODE.accountingRequest }, { kind: 'unsendable', reason: 'bad-code' }],
    [{ secret: '' }, { kind: 'unsendable', reason: 'secret-empty' }],
    [{ attributes: [attribute('User-Name', '')] }, { kind: 'unsendable', reason: 'attribute-empty' }],
  ])('answers %j as a value', async (change, reply) => {
    expect(await client().send(request(9, change))).toEqual(reply);
  });

  it('ends by signal, before and during the wait, and by close', async () => {
    const nas = await hostile(() => undefined);
    const slow = { ...FAST, firstMs: 60_000, maxMs: 60_000, maxDurationMs: 60_000 };
    const coa = client({ retransmission: slow });
    expect(await coa.send(request(nas.port), AbortSignal.abort())).toEqual({ kind: 'aborted', sends: 0 });
    const controller = new AbortController();
    const waiting = coa.send(request(nas.port), controller.signal);
    await vi.waitFor(() => {
      expect(nas.datagrams).toHaveLength(1);
    });
    controller.abort();
    expect(await waiting).toEqual({ kind: 'aborted', sends: 1 });
    expect(coa.inFlight).toBe(0);
    const closed = coa.send(request(nas.port));
    coa.close();
    expect(await closed).toEqual({ kind: 'aborted', sends: 1 });
    expect(await coa.send(request(nas.port))).toEqual({ kind: 'aborted', sends: 0 });
  });
});
