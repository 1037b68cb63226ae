import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { attribute, readAttribute } from './attributes.ts';
import { encodeRequest } from './authenticator.ts';
import { CoaServer, type CoaServerOptions } from './coa-server.ts';
import { CODE } from './packet.ts';

const SECRET = 'testing123';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(options: Omit<CoaServerOptions, 'secret'>): Promise<{ nas: CoaServer; port: number }> {
  const nas = new CoaServer({ secret: SECRET, ...options });
  closing.push(() => nas.close());
  return { nas, port: (await nas.listen()).port };
}

describe('CoaServer', () => {
  /** Sends raw octets from one port and collects what comes back. */
  async function peer(port: number): Promise<{ send(bytes: Buffer): void; answers: Buffer[] }> {
    const socket = createSocket('udp4');
    const answers: Buffer[] = [];
    socket.on('message', (datagram) => answers.push(datagram));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closing.push(() => {
      socket.close();
    });
    return {
      answers,
      send: (bytes): void => {
        socket.send(bytes, port, '127.0.0.1');
      },
    };
  }

  function coaBytes(identifier: number, user = 'bob'): Buffer {
    const attributes = [attribute('User-Name', user)];
    const encoded = encodeRequest({ code: CODE.coaRequest, identifier, secret: SECRET, attributes });
    if (!encoded.ok) throw new Error(encoded.reason);
    return encoded.bytes;
  }

  it('gives a repeat the same answer and handles it once', async () => {
    const handle = vi.fn(() => ({ kind: 'ack' as const }));
    const { port } = await server({ handle });
    const { send, answers } = await peer(port);
    send(coaBytes(1));
    await vi.waitFor(() => {
      expect(answers).toHaveLength(1);
    });
    send(coaBytes(1));
    await vi.waitFor(() => {
      expect(answers).toHaveLength(2);
    });
    expect(answers[1]).toEqual(answers[0]);
    expect(handle).toHaveBeenCalledTimes(1);
    // The same identifier with other content is a new request.
    send(coaBytes(1, 'alice'));
    await vi.waitFor(() => {
      expect(answers).toHaveLength(3);
    });
    expect(handle).toHaveBeenCalledTimes(2);
  });

  it('forgets answers by age and by number', async () => {
    let now = 0;
    const handle = vi.fn(() => ({ kind: 'ack' as const }));
    const { port } = await server({ handle, now: () => now, maxDuplicates: 2 });
    const { send, answers } = await peer(port);
    const sendAndWait = async (bytes: Buffer): Promise<void> => {
      const before = answers.length;
      send(bytes);
      await vi.waitFor(() => {
        expect(answers).toHaveLength(before + 1);
      });
    };
    await sendAndWait(coaBytes(1));
    now = 30_001;
    await sendAndWait(coaBytes(1));
    expect(handle).toHaveBeenCalledTimes(2);
    await sendAndWait(coaBytes(2));
    await sendAndWait(coaBytes(3));
    await sendAndWait(coaBytes(1));
    expect(handle).toHaveBeenCalledTimes(5);
  });

  it('answers neither hostile datagrams nor a failing handler, and goes on', async () => {
    const failures: unknown[] = [];
    const { nas, port } = await server({
      handle: ({ attributes }) => {
        if (readAttribute(attributes, 'User-Name') === 'bad') throw new Error('broken');
        return { kind: 'ack' };
      },
      onFailure: (error) => failures.push(error),
    });
    const { send, answers } = await peer(port);
    const good = coaBytes(1);
    send(Buffer.alloc(0));
    send(good.subarray(0, 19));
    send(good.subarray(0, good.length - 1));
    send(Buffer.from(good).fill(0, 21, 22));
    send(coaBytes(2, 'bad'));
    send(good);
    await vi.waitFor(() => {
      expect(answers).toHaveLength(1);
      expect(failures).toHaveLength(1);
    });
    expect(nas.counters).toMatchObject({ received: 6, discarded: 4, failed: 1, answered: 1 });
  });

  it('says that a port is taken', async () => {
    const { port } = await server({ handle: () => ({ kind: 'ack' }) });
    const second = new CoaServer({ secret: SECRET, handle: () => ({ kind: 'ack' }) });
    await expect(second.listen(port)).rejects.toMatchObject({ code: 'port-in-use' });
  });
});
