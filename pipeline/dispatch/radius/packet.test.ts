import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CODE,
  decodePacket,
  encodePacket,
  joinValues,
  readVendorAttribute,
  splitValue,
  vendorAttribute,
  vendorValues,
  type RadiusAttribute,
} from './packet.ts';

const AUTHENTICATOR = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

function packetOf(bodyHex: string, length?: number): Buffer {
  const body = Buffer.from(bodyHex, 'hex');
  const header = Buffer.from([CODE.coaRequest, 7, 0, 0]);
  header.writeUInt16BE(length ?? 20 + body.length, 2);
  return Buffer.concat([header, AUTHENTICATOR, body]);
}

const octets = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const anyAttribute: fc.Arbitrary<RadiusAttribute> = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  value: octets(253),
});
const anyPacket = fc.record({
  code: fc.integer({ min: 0, max: 255 }),
  identifier: fc.integer({ min: 0, max: 255 }),
  authenticator: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  attributes: fc.array(anyAttribute, { maxLength: 15 }),
});

describe('decodePacket', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'too-short'],
    ['19 octets', Buffer.alloc(19), 'too-short'],
    ['a length below the header', packetOf('', 19), 'too-short'],
    ['a length beyond the datagram', packetOf('0103aa', 24), 'length-beyond-datagram'],
    ['a length beyond 4096', Buffer.concat([packetOf('', 4097), Buffer.alloc(4100)]), 'too-long'],
    ['an attribute of length 0', packetOf('0100'), 'attribute-length-below-2'],
    ['an attribute of length 1', packetOf('0101'), 'attribute-length-below-2'],
    ['an attribute beyond the packet', packetOf('0104aa'), 'attribute-truncated'],
    ['an attribute without a length', packetOf('0103aa01'), 'attribute-truncated'],
    ['an attribute cut by the packet length', packetOf('0104aabb', 22), 'attribute-truncated'],
  ])('refuses %s', (_, datagram, reason) => {
    expect(decodePacket(datagram)).toEqual({ ok: false, reason });
  });

  it('takes octets behind the length as padding', () => {
    const result = decodePacket(Buffer.concat([packetOf('0103aa'), Buffer.from('0000', 'hex')]));
    expect(result).toMatchObject({ ok: true, packet: { code: 43, identifier: 7 } });
    expect(result.ok && result.packet.raw).toEqual(packetOf('0103aa'));
  });

  it('keeps the order and the repeats of attributes', () => {
    const result = decodePacket(packetOf('2103aa' + '0103bb' + '2103cc' + '0102'));
    expect(
      result.ok && result.packet.attributes.map(({ type, value }) => [type, value.toString('hex')]),
    ).toEqual([
      [33, 'aa'],
      [1, 'bb'],
      [33, 'cc'],
      [1, ''],
    ]);
  });

  it('accepts 4096 octets and not one more', () => {
    const attributes = splitValue(33, Buffer.alloc(4044)); // 15 x 255 + 251 octets = 4076
    const parts = { code: 43, identifier: 0, authenticator: AUTHENTICATOR };
    const full = encodePacket({ ...parts, attributes });
    expect(full.ok && full.bytes.length).toBe(4096);
    expect(full.ok && decodePacket(full.bytes).ok).toBe(true);
    expect(encodePacket({ ...parts, attributes: splitValue(33, Buffer.alloc(4045)) })).toEqual({
      ok: false,
      reason: 'too-long',
    });
  });

  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(anyPacket, (parts) => {
        const encoded = encodePacket(parts);
        if (!encoded.ok) throw new Error(encoded.reason);
        const decoded = decodePacket(encoded.bytes);
        if (!decoded.ok) throw new Error(decoded.reason);
        const { raw, ...rest } = decoded.packet;
        expect(rest).toEqual(parts);
        expect(raw).toEqual(encoded.bytes);
      }),
    );
  });

  it('never throws on random octets', () => {
    fc.assert(
      fc.property(octets(200), (datagram) => {
        expect(typeof decodePacket(datagram).ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on mutated packets, and re-encodes those it accepts to the same octets', () => {
    const mutation = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }), cut: fc.nat(40) });
    fc.assert(
      fc.property(anyPacket, mutation, (parts, { at, value, cut }) => {
        const encoded = encodePacket(parts);
        if (!encoded.ok) throw new Error(encoded.reason);
        const hostile = Buffer.from(
          encoded.bytes.subarray(0, Math.max(0, encoded.bytes.length - (cut % 3 ? 0 : cut))),
        );
        if (hostile.length > 0) hostile.writeUInt8(value, at % hostile.length);
        const decoded = decodePacket(hostile);
        if (!decoded.ok) return;
        decoded.packet.attributes.forEach(readVendorAttribute);
        expect(encodePacket(decoded.packet)).toEqual({ ok: true, bytes: decoded.packet.raw });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('encodePacket', () => {
  const good = { code: 43, identifier: 1, authenticator: AUTHENTICATOR, attributes: [] as RadiusAttribute[] };
  it.each([
    [{ ...good, attributes: [{ type: 1, value: Buffer.alloc(254) }] }, 'attribute-too-long'],
    [{ ...good, attributes: [{ type: 256, value: Buffer.alloc(1) }] }, 'bad-type'],
    [{ ...good, identifier: 256 }, 'bad-identifier'],
    [{ ...good, authenticator: Buffer.alloc(15) }, 'bad-authenticator-size'],
  ])('refuses what cannot be written (%#)', (parts, reason) => {
    expect(encodePacket(parts)).toEqual({ ok: false, reason });
  });
});

describe('vendor attributes', () => {
  it('puts several sub-attributes under one vendor', () => {
    const attribute = vendorAttribute(14122, [
      { type: 7, value: Buffer.from('0007d000', 'hex') },
      { type: 8, value: Buffer.from('001e8480', 'hex') },
    ]);
    expect(attribute.type).toBe(26);
    expect(attribute.value.toString('hex')).toBe('0000372a' + '07060007d000' + '0806001e8480');
    expect(readVendorAttribute(attribute)?.attributes).toHaveLength(2);
    expect(vendorValues([attribute], 14122, 8)).toEqual([Buffer.from('001e8480', 'hex')]);
    expect(vendorValues([attribute], 14988, 8)).toEqual([]);
  });

  it.each(['', '0000', '0000372a00', '0000372a0700', '0000372a070900'])(
    'leaves a foreign inside opaque: %s',
    (hex) => {
      const read = readVendorAttribute({ type: 26, value: Buffer.from(hex, 'hex') });
      expect(read).toBeUndefined();
    },
  );

  it('refuses what does not fit one attribute', () => {
    expect(() => vendorAttribute(9, [{ type: 1, value: Buffer.alloc(248) }])).toThrow(RangeError);
    expect(vendorAttribute(9, [{ type: 1, value: Buffer.alloc(247) }]).value).toHaveLength(253);
  });
});

describe('long values', () => {
  it('are split over attributes and joined again', () => {
    fc.assert(
      fc.property(octets(1200), (value) => {
        const attributes = splitValue(79, value);
        expect(attributes.every((attribute) => attribute.value.length <= 253)).toBe(true);
        const between = [{ type: 1, value: Buffer.from('x') }, ...attributes];
        expect(joinValues(between, 79)).toEqual(value.length === 0 ? undefined : value);
      }),
    );
  });
});
