import { isIPv4, isIPv6 } from 'node:net';
import type { RadiusAttribute } from './packet.ts';

/**
 * How a value is written: text is UTF-8; integer and time are uint32 (time: seconds since 1970); the tagged kinds
 * begin with a tag octet 0..31 (RFC 2868); ipv6prefix is "address/length" (RFC 3162 section 2.3).
 */
type AttributeKind =
  'text' | 'octets' | 'integer' | 'time' | 'ipv4' | 'ipv6' | 'ipv6prefix' | 'tagged-text' | 'tagged-integer';

interface AttributeShape {
  readonly type: number;
  readonly kind: AttributeKind;
}

/** The attributes Weir reads or writes, by their dictionary names (RFC 2865, 2866, 2868, 2869, 3162, 4372, 5176). */
export const ATTRIBUTES = {
  'User-Name': { type: 1, kind: 'text' },
  'NAS-IP-Address': { type: 4, kind: 'ipv4' },
  'NAS-Port': { type: 5, kind: 'integer' },
  'Service-Type': { type: 6, kind: 'integer' },
  'Framed-Protocol': { type: 7, kind: 'integer' },
  'Framed-IP-Address': { type: 8, kind: 'ipv4' },
  'Filter-Id': { type: 11, kind: 'text' },
  'Reply-Message': { type: 18, kind: 'text' },
  State: { type: 24, kind: 'octets' },
  Class: { type: 25, kind: 'octets' },
  'Session-Timeout': { type: 27, kind: 'integer' },
  'Idle-Timeout': { type: 28, kind: 'integer' },
  'Called-Station-Id': { type: 30, kind: 'text' },
  'Calling-Station-Id': { type: 31, kind: 'text' },
  'NAS-Identifier': { type: 32, kind: 'text' },
  'Proxy-State': { type: 33, kind: 'octets' },
  'Acct-Status-Type': { type: 40, kind: 'integer' },
  'Acct-Delay-Time': { type: 41, kind: 'integer' },
  'Acct-Input-Octets': { type: 42, kind: 'integer' },
  'Acct-Output-Octets': { type: 43, kind: 'integer' },
  'Acct-Session-Id': { type: 44, kind: 'text' },
  'Acct-Authentic': { type: 45, kind: 'integer' },
  'Acct-Session-Time': { type: 46, kind: 'integer' },
  'Acct-Input-Packets': { type: 47, kind: 'integer' },
  'Acct-Output-Packets': { type: 48, kind: 'integer' },
  'Acct-Terminate-Cause': { type: 49, kind: 'integer' },
  'Acct-Multi-Session-Id': { type: 50, kind: 'text' },
  'Acct-Input-Gigawords': { type: 52, kind: 'integer' },
  'Acct-Output-Gigawords': { type: 53, kind: 'integer' },
  'Event-Timestamp': { type: 55, kind: 'time' },
  'NAS-Port-Type': { type: 61, kind: 'integer' },
  'Tunnel-Type': { type: 64, kind: 'tagged-integer' },
  'Tunnel-Private-Group-Id': { type: 81, kind: 'tagged-text' },
  'Message-Authenticator': { type: 80, kind: 'octets' },
  'Acct-Interim-Interval': { type: 85, kind: 'integer' },
  'NAS-Port-Id': { type: 87, kind: 'text' },
  'Chargeable-User-Identity': { type: 89, kind: 'octets' },
  'NAS-IPv6-Address': { type: 95, kind: 'ipv6' },
  'Framed-IPv6-Prefix': { type: 97, kind: 'ipv6prefix' },
  'Error-Cause': { type: 101, kind: 'integer' },
  'Delegated-IPv6-Prefix': { type: 123, kind: 'ipv6prefix' },
} as const satisfies Record<string, AttributeShape>;

/** Error-Cause values (RFC 5176 section 3.5) that the dispatcher tells apart. */
export const ERROR_CAUSE = {
  residualContextRemoved: 201,
  unsupportedAttribute: 401,
  missingAttribute: 402,
  nasIdentificationMismatch: 403,
  invalidRequest: 404,
  unsupportedService: 405,
  unsupportedExtension: 406,
  invalidAttributeValue: 407,
  administrativelyProhibited: 501,
  requestNotRoutable: 502,
  sessionContextNotFound: 503,
  sessionContextNotRemovable: 504,
  proxyProcessingError: 505,
  resourcesUnavailable: 506,
  requestInitiated: 507,
  multipleSessionSelectionUnsupported: 508,
} as const;

/** A value with the tag (0..31) that groups it with others; tag 0 = ungrouped. */
interface Tagged<V> {
  readonly tag: number;
  readonly value: V;
}

interface KindValue {
  readonly text: string;
  readonly octets: Buffer;
  readonly integer: number;
  readonly time: number;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly ipv6prefix: string;
  readonly 'tagged-text': Tagged<string>;
  readonly 'tagged-integer': Tagged<number>;
}

/** Name of a known attribute. */
export type AttributeName = keyof typeof ATTRIBUTES;
/** The TypeScript type of a known attribute's value. */
export type AttributeValue<N extends AttributeName> = KindValue[(typeof ATTRIBUTES)[N]['kind']];
/** A name with a value of its type, for lists of attributes. */
export type NamedAttribute = { [N in AttributeName]: readonly [N, AttributeValue<N>] }[AttributeName];

/** Encoded attributes, or the first name whose value cannot be written. */
export type NamedAttributesResult =
  | { readonly ok: true; readonly attributes: RadiusAttribute[] }
  | { readonly ok: false; readonly name: AttributeName };

/**
 * One known attribute from a value that is known to fit (constants, checked configuration). Throws RangeError
 * otherwise; values that come from records go through encodeAttributes. Length is checked when the packet is built.
 */
export function attribute<N extends AttributeName>(name: N, value: AttributeValue<N>): RadiusAttribute {
  const bytes = encodeValue(ATTRIBUTES[name].kind, value);
  if (bytes === undefined) throw new RangeError(`${name}: value does not fit the attribute`);
  return { type: ATTRIBUTES[name].type, value: bytes };
}

/** Known attributes in the given order; a value that does not fit (bad address, integer beyond 32 bit) is a result. */
export function encodeAttributes(named: readonly NamedAttribute[]): NamedAttributesResult {
  const attributes: RadiusAttribute[] = [];
  for (const [name, value] of named) {
    const bytes = encodeValue(ATTRIBUTES[name].kind, value);
    if (bytes === undefined) return { ok: false, name };
    attributes.push({ type: ATTRIBUTES[name].type, value: bytes });
  }
  return { ok: true, attributes };
}

/** The first attribute of that name; undefined when absent or when its octets do not have the attribute's shape. */
export function readAttribute<N extends AttributeName>(
  attributes: readonly RadiusAttribute[],
  name: N,
): AttributeValue<N> | undefined {
  const { type, kind } = ATTRIBUTES[name];
  const found = attributes.find((candidate) => candidate.type === type);
  // The table ties name, kind and value type together; TypeScript cannot follow that through the switch.
  return found === undefined ? undefined : (decodeValue(kind, found.value) as AttributeValue<N> | undefined);
}

function encodeValue(kind: AttributeKind, value: unknown): Buffer | undefined {
  switch (kind) {
    case 'text':
      return typeof value === 'string' ? Buffer.from(value, 'utf8') : undefined;
    case 'octets':
      return Buffer.isBuffer(value) ? value : undefined;
    case 'integer':
    case 'time':
      return uint32(value);
    case 'ipv4':
      return typeof value === 'string' && isIPv4(value)
        ? Buffer.from(value.split('.').map(Number))
        : undefined;
    case 'ipv6':
      return typeof value === 'string' ? ipv6Bytes(value) : undefined;
    case 'ipv6prefix':
      return typeof value === 'string' ? prefixBytes(value) : undefined;
    case 'tagged-text':
      return isTagged(value) && typeof value.value === 'string'
        ? Buffer.concat([Buffer.from([value.tag]), Buffer.from(value.value, 'utf8')])
        : undefined;
    case 'tagged-integer': {
      // Three octets are left for the number (RFC 2868 section 3.1).
      const bytes = isTagged(value) ? uint32(value.value) : undefined;
      if (bytes === undefined || bytes[0] !== 0 || !isTagged(value)) return undefined;
      bytes.writeUInt8(value.tag, 0);
      return bytes;
    }
  }
}

function decodeValue(kind: AttributeKind, bytes: Buffer): unknown {
  switch (kind) {
    case 'text':
      return bytes.toString('utf8');
    case 'octets':
      return bytes;
    case 'integer':
    case 'time':
      return bytes.length === 4 ? bytes.readUInt32BE(0) : undefined;
    case 'ipv4':
      return bytes.length === 4 ? bytes.join('.') : undefined;
    case 'ipv6':
      return bytes.length === 16 ? ipv6Text(bytes) : undefined;
    case 'ipv6prefix':
      return prefixText(bytes);
    case 'tagged-text': {
      const tag = bytes[0];
      // A first octet above 0x1f belongs to the text (RFC 2868 section 3.6).
      if (tag === undefined || tag > 0x1f) return { tag: 0, value: bytes.toString('utf8') };
      return { tag, value: bytes.subarray(1).toString('utf8') };
    }
    case 'tagged-integer':
      return bytes.length === 4 ? { tag: bytes.readUInt8(0), value: bytes.readUIntBE(1, 3) } : undefined;
  }
}

function isTagged(value: unknown): value is Tagged<unknown> {
  if (typeof value !== 'object' || value === null || !('tag' in value) || !('value' in value)) return false;
  const { tag } = value;
  return typeof tag === 'number' && Number.isInteger(tag) && tag >= 0 && tag <= 0x1f;
}

function uint32(value: unknown): Buffer | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    return undefined;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function ipv6Bytes(text: string): Buffer | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  // The URL parser folds every spelling (dotted tail, upper case, zeros) into groups of hex and one "::".
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(8 - left.length - right.length).fill('0');
  const bytes = Buffer.alloc(16);
  [...left, ...zeros, ...right].forEach((group, index) =>
    bytes.writeUInt16BE(parseInt(group, 16), index * 2),
  );
  return bytes;
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function prefixBytes(text: string): Buffer | undefined {
  const [address = '', length = '', rest] = text.split('/');
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : 129;
  const bytes = ipv6Bytes(address);
  if (bytes === undefined || bits > 128 || rest !== undefined) return undefined;
  // All 16 octets though fewer would do: that is what FreeRADIUS sends and equipment is used to.
  return Buffer.concat([Buffer.from([0, bits]), clearBits(bytes, bits)]);
}

function prefixText(bytes: Buffer): string | undefined {
  const bits = bytes[1];
  if (bits === undefined || bits > 128 || bytes.length > 18 || bytes.length < 2 + Math.ceil(bits / 8))
    return undefined;
  const address = Buffer.alloc(16);
  bytes.copy(address, 0, 2);
  return `${ipv6Text(clearBits(address, bits))}/${bits}`;
}

/** Bits outside the prefix must be zero (RFC 3162 section 2.3). */
function clearBits(address: Buffer, bits: number): Buffer {
  return Buffer.from(
    address.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8)))),
  );
}
