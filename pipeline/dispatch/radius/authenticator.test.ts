import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute } from './attributes.ts';
import { encodeRequest, encodeResponse, verifyRequest, verifyResponse } from './authenticator.ts';
import { encoderFor } from './encoders.ts';
import { CODE, decodePacket, encodePacket, type RadiusPacket } from './packet.ts';

/** The part of the npm package `radius` that serves as a second opinion. */
interface RadiusPackage {
  decode(args: { packet: Buffer; secret: string }): { code: string; attributes: Record<string, unknown> };
  encode(args: {
    code: string;
    identifier: number;
    secret: string;
    attributes: unknown[];
    add_message_authenticator?: boolean;
  }): Buffer;
  encode_response(args: { packet: unknown; code: string; secret: string; attributes?: unknown[] }): Buffer;
  verify_response(args: { request: Buffer; response: Buffer; secret: string }): boolean;
}

const require = createRequire(import.meta.url);
const radius = require('radius') as RadiusPackage;

const REQUIRED = { requireMessageAuthenticator: true };
const OPTIONAL = { requireMessageAuthenticator: false };
const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

function bytesOf(result: ReturnType<typeof encodeRequest>): Buffer {
  if (!result.ok) throw new Error(result.reason);
  return result.bytes;
}

function packetOf(bytes: Buffer): RadiusPacket {
  const decoded = decodePacket(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.packet;
}

/** A CoA-Request as radclient 3.2.1 wrote it, secret testing123; Message-Authenticator last. */
const RADCLIENT_COA =
  hex(`2bc6006385d5b8c4c3ac36c7764134a3c8e32e51 0105626f62 0406c0000201 2c05732d31 37066553f100
  1a0f00003a8c08093531326b2f324d 1a0c0000372a07060007d000 1a0c0000372a0806001e8480
  501294e06e31d6c186cb06ea3e0b52b07eb8`);
const RADCLIENT_ACCOUNTING = hex(
  '0464002b4221ef8bee93e7f147435476072118030105626f622806000000033406000000032a06ffffffff',
);

describe('vectors of the RFCs', () => {
  const SECRET = 'xyzzy5461';
  it.each([
    [
      'RFC 5997 section 6.1',
      '0cda00268a54f4686fb394c52866e302185d0623 50125a665e2e1e8411f3e243822097c84fa3',
      '02da0014ef0d552a4bf2d693ec2b6fe8b5411d66',
    ],
    [
      'RFC 5997 section 6.2',
      '0cb30026925f6b66dd5fed571fcb1db7ad388260 5012e8d6eabda910875cd91fdade26367858',
      '05b300140f6f92145f107e2f504e860a4860669c',
    ],
  ])('verifies and reproduces Status-Server of %s', (_, requestHex, responseHex) => {
    const request = hex(requestHex);
    const verified = verifyRequest(request, SECRET, OPTIONAL);
    expect(verified.ok).toBe(true);
    const { identifier, authenticator } = packetOf(request);
    const rebuilt = encodeRequest({ code: 12, identifier, secret: SECRET, attributes: [] }, authenticator);
    expect(bytesOf(rebuilt)).toEqual(request);
    expect(verifyResponse(hex(responseHex), { identifier, authenticator }, SECRET, OPTIONAL).ok).toBe(true);
  });

  it('verifies the Access-Accept of RFC 2865 section 7.1', () => {
    const sent = { identifier: 0, authenticator: hex('0f403f947397 8057bd83d5cb98f4227a') };
    const response = hex('0200002686fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103');
    expect(verifyResponse(response, sent, SECRET, OPTIONAL).ok).toBe(true);
    response.writeUInt8(4, 37);
    expect(verifyResponse(response, sent, SECRET, OPTIONAL)).toEqual({
      ok: false,
      reason: 'wrong-authenticator',
    });
  });
});

describe('CoA and Disconnect requests', () => {
  const request = {
    code: CODE.coaRequest,
    identifier: 198,
    secret: 'testing123',
    attributes: [
      attribute('User-Name', 'bob'),
      attribute('NAS-IP-Address', '192.0.2.1'),
      attribute('Acct-Session-Id', 's-1'),
      attribute('Event-Timestamp', 1_700_000_000),
    ],
  };

  it('accepts what radclient wrote, and only with the right secret', () => {
    expect(verifyRequest(RADCLIENT_COA, 'testing123', REQUIRED).ok).toBe(true);
    expect(verifyRequest(RADCLIENT_COA, 'testing124', REQUIRED)).toEqual({
      ok: false,
      reason: 'wrong-authenticator',
    });
  });

  it('writes the same attributes as radclient, octet for octet', () => {
    const speed = { downBps: 2_000_000, upBps: 512_000 };
    const ours = encodeRequest({
      ...request,
      attributes: [
        ...request.attributes,
        ...(encoderFor('mikrotik')?.encodeSpeed(speed) ?? []),
        ...(encoderFor('wispr')?.encodeSpeed(speed) ?? []),
      ],
    });
    const withoutSignature = RADCLIENT_COA.subarray(20, RADCLIENT_COA.length - 18);
    expect(bytesOf(ours).subarray(38)).toEqual(withoutSignature);
  });

  it('has golden octets, computed apart from this code', () => {
    expect(bytesOf(encodeRequest(request)).toString('hex')).toBe(
      '2bc6003cccdaab4f5533b6de0451f93b2a7b8d1a' +
        '501293c79fbf049ff60a51d0c5233188b3b8' +
        '0105626f620406c00002012c05732d3137066553f100',
    );
  });

  it('does not accept a Message-Authenticator computed after the Request Authenticator', () => {
    // The npm package does just that; FreeRADIUS drops such a packet silently.
    const wrongOrder = radius.encode({
      code: 'CoA-Request',
      identifier: 1,
      secret: 'testing123',
      attributes: [['User-Name', 'bob']],
      add_message_authenticator: true,
    });
    expect(verifyRequest(wrongOrder, 'testing123', OPTIONAL).ok).toBe(false);
    // Even with a right Request Authenticator around it.
    const reSigned = Buffer.from(wrongOrder).fill(0, 4, 20);
    createHash('md5').update(reSigned).update('testing123').digest().copy(reSigned, 4);
    expect(verifyRequest(reSigned, 'testing123', OPTIONAL)).toEqual({
      ok: false,
      reason: 'wrong-message-authenticator',
    });
  });

  it.each([
    ['missing', [], REQUIRED, 'message-authenticator-missing'],
    ['missing, where it may be', [], OPTIONAL, undefined],
    ['doubled', [Buffer.alloc(16), Buffer.alloc(16)], OPTIONAL, 'malformed-message-authenticator'],
    ['short', [Buffer.alloc(15)], OPTIONAL, 'malformed-message-authenticator'],
    ['zero', [Buffer.alloc(16)], OPTIONAL, 'wrong-message-authenticator'],
  ])('checks a Message-Authenticator that is %s', (_, values, options, reason) => {
    const attributes = values.map((value) => ({ type: 80, value }));
    const unsigned = encodePacket({ code: 43, identifier: 1, authenticator: Buffer.alloc(16), attributes });
    const bytes = bytesOf(unsigned);
    createHash('md5').update(bytes).update('testing123').digest().copy(bytes, 4);
    const result = verifyRequest(bytes, 'testing123', options);
    expect(result.ok ? undefined : result.reason).toBe(reason);
  });

  it('accepts the accounting request that radclient wrote', () => {
    expect(verifyRequest(RADCLIENT_ACCOUNTING, 'testing123', OPTIONAL).ok).toBe(true);
  });

  it('refuses any flipped bit', () => {
    const good = bytesOf(encodeRequest(request));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: good.length * 8 - 1 }), (bit) => {
        const bad = Buffer.from(good);
        const at = Math.floor(bit / 8);
        bad.writeUInt8(bad.readUInt8(at) ^ (1 << (bit % 8)), at);
        expect(verifyRequest(bad, 'testing123', REQUIRED).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses an empty value, an overlong one and an empty secret', () => {
    const refused = (change: Partial<typeof request>): unknown => encodeRequest({ ...request, ...change });
    expect(refused({ attributes: [attribute('User-Name', '')] })).toEqual({
      ok: false,
      reason: 'attribute-empty',
    });
    const long = [attribute('User-Name', 'x'.repeat(254))];
    expect(refused({ attributes: long })).toEqual({ ok: false, reason: 'attribute-too-long' });
    expect(refused({ secret: '' })).toEqual({ ok: false, reason: 'secret-empty' });
  });
});

describe('responses', () => {
  const secret = 's3cret';
  const sent = packetOf(
    bytesOf(
      encodeRequest({
        code: CODE.coaRequest,
        identifier: 9,
        secret,
        attributes: [
          attribute('Proxy-State', hex('00ff')),
          attribute('User-Name', 'bob'),
          attribute('Proxy-State', hex('01')),
        ],
      }),
    ),
  );
  const answer = bytesOf(
    encodeResponse(sent, { code: CODE.coaNak, secret, attributes: [attribute('Error-Cause', 503)] }),
  );

  it('echo Proxy-State untouched and in order', () => {
    const types = packetOf(answer).attributes.map(({ type }) => type);
    expect(types).toEqual([80, 101, 33, 33]);
    expect(packetOf(answer).attributes.slice(2)).toEqual([sent.attributes[1], sent.attributes[3]]);
  });

  it.each([
    ['the right secret and request', sent, secret, undefined],
    ['another secret', sent, 'other', 'wrong-authenticator'],
    ['another request', { ...sent, authenticator: Buffer.alloc(16) }, secret, 'wrong-authenticator'],
    ['another identifier', { ...sent, identifier: 8 }, secret, 'wrong-identifier'],
  ])('are checked against %s', (_, request, key, reason) => {
    const result = verifyResponse(answer, request, key, REQUIRED);
    expect(result.ok ? undefined : result.reason).toBe(reason);
  });

  it('never throw on random octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(verifyResponse(Buffer.from(bytes), sent, secret, OPTIONAL).ok).toBe(false);
        expect(verifyRequest(Buffer.from(bytes), secret, OPTIONAL).ok).toBe(false);
      }),
    );
  });
});

describe('against the npm package radius', () => {
  const secret = 'testing123';

  it('reads its accounting request and writes an answer it accepts', () => {
    const theirs = radius.encode({
      code: 'Accounting-Request',
      identifier: 3,
      secret,
      attributes: [
        ['User-Name', 'bob'],
        ['Acct-Status-Type', 'Stop'],
        ['Framed-IP-Address', '192.0.2.9'],
        ['Vendor-Specific', 14122, [[7, Buffer.from('0007d000', 'hex')]]],
      ],
    });
    const verified = verifyRequest(theirs, secret, OPTIONAL);
    if (!verified.ok) throw new Error(verified.reason);
    expect(verified.packet.attributes.slice(0, 3)).toEqual([
      attribute('User-Name', 'bob'),
      attribute('Acct-Status-Type', 2),
      attribute('Framed-IP-Address', '192.0.2.9'),
    ]);
    const answer = bytesOf(
      encodeResponse(verified.packet, { code: CODE.accountingResponse, secret, attributes: [] }),
    );
    expect(radius.verify_response({ request: theirs, response: answer, secret })).toBe(true);
  });

  it('is understood in Access-Request and Status-Server, Message-Authenticator included', () => {
    for (const [code, name] of [
      [CODE.accessRequest, 'Access-Request'],
      [CODE.statusServer, 'Status-Server'],
    ] as const) {
      const attributes = [attribute('User-Name', 'bob'), attribute('NAS-Port', 7)];
      const ours = bytesOf(encodeRequest({ code, identifier: 5, secret, attributes }));
      expect(radius.decode({ packet: ours, secret })).toMatchObject({
        code: name,
        attributes: { 'User-Name': 'bob', 'NAS-Port': 7 },
      });
    }
  });

  it('reads a CoA answer of its making, Proxy-State and Error-Cause included', () => {
    const request = bytesOf(
      encodeRequest({
        code: CODE.accessRequest,
        identifier: 77,
        secret,
        attributes: [attribute('Proxy-State', hex('aabb'))],
      }),
    );
    const theirs = radius.encode_response({
      packet: radius.decode({ packet: request, secret }),
      code: 'CoA-NAK',
      secret,
      attributes: [['Error-Cause', 503]],
    });
    const verified = verifyResponse(theirs, packetOf(request), secret, REQUIRED);
    expect(verified).toMatchObject({ ok: true, packet: { code: CODE.coaNak } });
  });
});
