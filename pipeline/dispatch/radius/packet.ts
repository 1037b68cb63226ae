/**
 * A RADIUS packet as bytes and as a list of attributes (RFC 2865 section 3 and 5). Structure only: nothing here
 * knows a secret (authenticator.ts) or the meaning of an attribute (attributes.ts).
 */

/** Packet codes used by Weir (RFC 2865, 2866, 5176, 5997). */
export const CODE = {
  accessRequest: 1,
  accessAccept: 2,
  accountingRequest: 4,
  accountingResponse: 5,
  statusServer: 12,
  disconnectRequest: 40,
  disconnectAck: 41,
  disconnectNak: 42,
  coaRequest: 43,
  coaAck: 44,
  coaNak: 45,
} as const;

/** Octets of code, identifier, length and authenticator. */
export const HEADER_BYTES = 20;
/** Octets of an authenticator, and of a Message-Authenticator's value. */
export const AUTHENTICATOR_BYTES = 16;
/** RFC 2865 section 3: a longer packet is refused, in both directions. */
const MAX_PACKET_BYTES = 4096;
/** One length octet counts itself and the type: 255 - 2. */
const MAX_VALUE_BYTES = 253;
/** Type of Vendor-Specific (RFC 2865 section 5.26). */
const VENDOR_SPECIFIC = 26;

/** One attribute as it travels: type 0..255 and at most 253 octets. */
export interface RadiusAttribute {
  readonly type: number;
  readonly value: Buffer;
}

/** A decoded packet. `attributes` keep their order, repeats included; values share memory with `raw`. */
export interface RadiusPacket {
  readonly code: number;
  readonly identifier: number;
  readonly authenticator: Buffer;
  readonly attributes: readonly RadiusAttribute[];
  /** The octets that count: the datagram without padding behind the length it names. */
  readonly raw: Buffer;
}

/** Why a packet was refused. A closed list, used as a metric label. */
export type PacketFault =
  | 'too-short'
  | 'too-long'
  | 'length-beyond-datagram'
  | 'attribute-truncated'
  | 'attribute-length-below-2'
  | 'attribute-too-long'
  | 'attribute-empty'
  | 'bad-type'
  | 'bad-identifier'
  | 'bad-authenticator-size'
  | 'secret-empty';

/** A packet, or the reason why the octets are none. */
export type PacketResult =
  { readonly ok: true; readonly packet: RadiusPacket } | { readonly ok: false; readonly reason: PacketFault };

/** Encoded octets, or the reason why there are none. */
export type EncodeResult =
  { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly reason: PacketFault };

/** Attributes, or the reason why the octets are none. */
type AttributesResult =
  | { readonly ok: true; readonly attributes: RadiusAttribute[] }
  | { readonly ok: false; readonly reason: PacketFault };

/**
 * Octets -> attributes in order. Also reads the sub-attributes of a Vendor-Specific one, which have the same shape.
 * An attribute without a value (length 2) is passed on: RFC 2865 forbids sending it, deployed equipment does.
 */
function decodeAttributes(bytes: Buffer): AttributesResult {
  const attributes: RadiusAttribute[] = [];
  let at = 0;
  while (at < bytes.length) {
    const type = bytes[at];
    const length = bytes[at + 1];
    if (type === undefined || length === undefined) return { ok: false, reason: 'attribute-truncated' };
    // Lengths 0 and 1 would never advance: the classic endless loop.
    if (length < 2) return { ok: false, reason: 'attribute-length-below-2' };
    if (at + length > bytes.length) return { ok: false, reason: 'attribute-truncated' };
    attributes.push({ type, value: bytes.subarray(at + 2, at + length) });
    at += length;
  }
  return { ok: true, attributes };
}

/**
 * A datagram -> packet. Never throws. Octets behind the length that the header names are padding and ignored
 * (RFC 2865 section 3). Authenticity is not looked at: see verifyRequest and verifyResponse.
 */
export function decodePacket(datagram: Buffer): PacketResult {
  if (datagram.length < HEADER_BYTES) return { ok: false, reason: 'too-short' };
  const length = datagram.readUInt16BE(2);
  if (length < HEADER_BYTES) return { ok: false, reason: 'too-short' };
  if (length > MAX_PACKET_BYTES) return { ok: false, reason: 'too-long' };
  if (length > datagram.length) return { ok: false, reason: 'length-beyond-datagram' };
  const raw = datagram.subarray(0, length);
  const decoded = decodeAttributes(raw.subarray(HEADER_BYTES));
  if (!decoded.ok) return decoded;
  return {
    ok: true,
    packet: {
      code: raw.readUInt8(0),
      identifier: raw.readUInt8(1),
      authenticator: raw.subarray(4, HEADER_BYTES),
      attributes: decoded.attributes,
      raw,
    },
  };
}

/** Attributes -> octets in the given order. Never throws; also writes the inside of a Vendor-Specific attribute. */
function encodeAttributeList(attributes: readonly RadiusAttribute[]): EncodeResult {
  const parts: Buffer[] = [];
  for (const { type, value } of attributes) {
    if (!isOctet(type)) return { ok: false, reason: 'bad-type' };
    if (value.length > MAX_VALUE_BYTES) return { ok: false, reason: 'attribute-too-long' };
    parts.push(Buffer.from([type, value.length + 2]), value);
  }
  return { ok: true, bytes: Buffer.concat(parts) };
}

/** A packet's four parts -> octets, with `authenticator` written as it is. Never throws. */
export function encodePacket(parts: {
  readonly code: number;
  readonly identifier: number;
  readonly authenticator: Buffer;
  readonly attributes: readonly RadiusAttribute[];
}): EncodeResult {
  if (!isOctet(parts.code)) return { ok: false, reason: 'bad-type' };
  if (!isOctet(parts.identifier)) return { ok: false, reason: 'bad-identifier' };
  if (parts.authenticator.length !== AUTHENTICATOR_BYTES)
    return { ok: false, reason: 'bad-authenticator-size' };
  const body = encodeAttributeList(parts.attributes);
  if (!body.ok) return body;
  const length = HEADER_BYTES + body.bytes.length;
  if (length > MAX_PACKET_BYTES) return { ok: false, reason: 'too-long' };
  const header = Buffer.alloc(4);
  header.writeUInt8(parts.code, 0);
  header.writeUInt8(parts.identifier, 1);
  header.writeUInt16BE(length, 2);
  return { ok: true, bytes: Buffer.concat([header, parts.authenticator, body.bytes]) };
}

/** A Vendor-Specific attribute taken apart: vendor id (IANA enterprise number) and its sub-attributes in order. */
export interface VendorAttributes {
  readonly vendorId: number;
  readonly attributes: readonly RadiusAttribute[];
}

/**
 * Sub-attributes of one vendor -> one Vendor-Specific attribute (RFC 2865 section 5.26, the recommended format of
 * one octet type and one octet length). Throws RangeError when they do not fit 249 octets or a type is no octet:
 * callers write constants and bounded texts.
 */
export function vendorAttribute(vendorId: number, attributes: readonly RadiusAttribute[]): RadiusAttribute {
  const body = encodeAttributeList(attributes);
  if (!body.ok) throw new RangeError(`vendor ${vendorId}: ${body.reason}`);
  if (body.bytes.length > MAX_VALUE_BYTES - 4) throw new RangeError(`vendor ${vendorId}: attribute-too-long`);
  const id = Buffer.alloc(4);
  id.writeUInt32BE(vendorId);
  return { type: VENDOR_SPECIFIC, value: Buffer.concat([id, body.bytes]) };
}

/**
 * A Vendor-Specific attribute -> vendor and sub-attributes. Undefined when it is not one or its inside does not have
 * the recommended format, which the RFC allows: the caller treats it as opaque.
 */
export function readVendorAttribute(attribute: RadiusAttribute): VendorAttributes | undefined {
  if (attribute.type !== VENDOR_SPECIFIC || attribute.value.length < 4) return undefined;
  const inside = decodeAttributes(attribute.value.subarray(4));
  if (!inside.ok) return undefined;
  return { vendorId: attribute.value.readUInt32BE(0), attributes: inside.attributes };
}

/** All values of one vendor's sub-attribute type, in packet order, over all its Vendor-Specific attributes. */
export function vendorValues(
  attributes: readonly RadiusAttribute[],
  vendorId: number,
  type: number,
): Buffer[] {
  return attributes
    .map(readVendorAttribute)
    .filter((vendor) => vendor !== undefined)
    .filter((vendor) => vendor.vendorId === vendorId)
    .flatMap((vendor) => vendor.attributes)
    .filter((attribute) => attribute.type === type)
    .map((attribute) => attribute.value);
}

/** A value longer than one attribute holds -> as many attributes of that type as it needs (RFC 3579 section 3.1). */
export function splitValue(type: number, value: Buffer): RadiusAttribute[] {
  const attributes: RadiusAttribute[] = [];
  for (let at = 0; at < value.length; at += MAX_VALUE_BYTES) {
    attributes.push({ type, value: value.subarray(at, at + MAX_VALUE_BYTES) });
  }
  return attributes;
}

/** The inverse of splitValue: values of all attributes of `type` joined in order; undefined when there is none. */
export function joinValues(attributes: readonly RadiusAttribute[], type: number): Buffer | undefined {
  const values = attributes
    .filter((attribute) => attribute.type === type)
    .map((attribute) => attribute.value);
  return values.length === 0 ? undefined : Buffer.concat(values);
}

function isOctet(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255;
}
