import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { attribute, readAttribute } from './attributes.ts';
import { CoaClient } from './coa-client.ts';
import type { CoaReply } from './coa-exchange.ts';
import { CoaServer, type ReceivedCoa } from './coa-server.ts';
import { decodeSpeed, encoderFor } from './encoders.ts';
import { CODE, type RadiusAttribute } from './packet.ts';

/** FreeRADIUS listens for CoA there: user `ghost` gets NAK 503, `deaf` no answer, everybody else ACK. */
const FREERADIUS_PORT = Number(process.env['FREERADIUS_COA_PORT']);
const FREERADIUS_SECRET = process.env['FREERADIUS_SECRET'] ?? '';
const SECRET = 'testing123';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Runs radclient once; resolves with its exit code and everything it printed. */
async function radclient(
  port: number,
  command: string,
  attributes: string,
  secret = SECRET,
): Promise<string> {
  const child = spawn('radclient', ['-x', '-r', '2', '-t', '0.3', `127.0.0.1:${port}`, command, secret]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(`${attributes}\n`);
  await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  return output;
}

describe('CoaServer with radclient', () => {
  const seen: ReceivedCoa[] = [];
  async function listening(): Promise<{ nas: CoaServer; port: number }> {
    seen.length = 0;
    const nas = new CoaServer({
      secret: SECRET,
      handle: (request) => {
        seen.push(request);
        const user = readAttribute(request.attributes, 'User-Name');
        if (user === 'deaf') return { kind: 'silent' };
        return user === 'ghost' ? { kind: 'nak', errorCause: 503 } : { kind: 'ack' };
      },
    });
    closing.push(() => nas.close());
    return { nas, port: (await nas.listen()).port };
  }

  it('acknowledges, and reads the speed of both encoders', async () => {
    const { port } = await listening();
    const bob = 'User-Name=bob,Acct-Session-Id=s-1,Message-Authenticator=0x00';
    const output = await radclient(port, 'coa', `${bob},Mikrotik-Rate-Limit="512k/2M"`);
    expect(output).toContain('Received CoA-ACK');
    const wispr = 'WISPr-Bandwidth-Max-Up=512000,WISPr-Bandwidth-Max-Down=2000000';
    expect(await radclient(port, 'coa', `${bob},${wispr}`)).toContain('Received CoA-ACK');
    const speeds = seen.map(({ attributes }) => decodeSpeed(attributes));
    expect(speeds).toEqual([
      { downBps: 2_000_000, upBps: 512_000 },
      { downBps: 2_000_000, upBps: 512_000 },
    ]);
    expect(seen.map(({ attributes }) => readAttribute(attributes, 'Acct-Session-Id'))).toEqual([
      's-1',
      's-1',
    ]);
  });

  it('refuses with an Error-Cause that radclient names, for CoA and Disconnect', async () => {
    const { port } = await listening();
    const ghost = 'User-Name=ghost,Proxy-State=0x0102,Message-Authenticator=0x00';
    const coa = await radclient(port, 'coa', ghost);
    expect(coa).toContain('Received CoA-NAK');
    expect(coa).toContain('Error-Cause = Session-Context-Not-Found');
    expect(coa.split('Proxy-State = 0x0102')).toHaveLength(3);
    expect(await radclient(port, 'disconnect', ghost)).toContain('Received Disconnect-NAK');
  });

  it('says nothing to a deaf user, a wrong secret or a missing Message-Authenticator', async () => {
    const { nas, port } = await listening();
    const quiet = await Promise.all([
      radclient(port, 'coa', 'User-Name=deaf,Message-Authenticator=0x00'),
      radclient(port, 'coa', 'User-Name=bob,Message-Authenticator=0x00', 'other'),
      radclient(port, 'coa', 'User-Name=bob'),
    ]);
    for (const output of quiet) expect(output).toContain('No reply from server');
    expect(seen).toHaveLength(1);
    expect(nas.counters.answered).toBe(0);
    expect(nas.counters.duplicates).toBeGreaterThan(0);
  });
});

describe('CoaClient with FreeRADIUS', () => {
  function sendAs(user: string, change: { secret?: string; code?: number } = {}): Promise<CoaReply> {
    const coa = new CoaClient({
      retransmission: { firstMs: 200, maxMs: 400, maxSends: 3, maxDurationMs: 1500, jitter: 0.1 },
    });
    closing.push(() => {
      coa.close();
    });
    const speed = { downBps: 2_000_000, upBps: 512_000 };
    const attributes: RadiusAttribute[] = [
      attribute('User-Name', user),
      attribute('NAS-IP-Address', '192.0.2.1'),
      attribute('Acct-Session-Id', 's-1'),
      ...(encoderFor('mikrotik')?.encodeSpeed(speed) ?? []),
      ...(encoderFor('wispr')?.encodeSpeed(speed) ?? []),
    ];
    const { secret = FREERADIUS_SECRET, code = CODE.coaRequest } = change;
    return coa.send({ address: '127.0.0.1', port: FREERADIUS_PORT, secret, code, attributes });
  }

  it.each([
    ['bob', { kind: 'ack', sends: 1 }],
    ['ghost', { kind: 'nak', errorCause: 503, sends: 1 }],
    ['deaf', { kind: 'no-answer', sends: 3 }],
  ])('gets for user %s %j', async (user, reply) => {
    expect(FREERADIUS_PORT, 'FREERADIUS_COA_PORT is not set: npm run services').toBeGreaterThan(0);
    expect(await sendAs(user)).toMatchObject(reply);
  });

  it('gets no answer with a wrong secret, and FreeRADIUS goes on', async () => {
    expect(await sendAs('bob', { secret: 'not-the-secret' })).toMatchObject({ kind: 'no-answer' });
    expect(await sendAs('bob')).toMatchObject({ kind: 'ack' });
  });
});
