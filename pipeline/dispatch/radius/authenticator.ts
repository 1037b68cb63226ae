import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  AUTHENTICATOR_BYTES,
  CODE,
  HEADER_BYTES,
  decodePacket,
  encodePacket,
  type EncodeResult,
  type PacketFault,
  type RadiusAttribute,
  type RadiusPacket,
} from './packet.ts';

/** Type of Message-Authenticator (RFC 3579 section 3.2). */
const MESSAGE_AUTHENTICATOR = 80;
/** Type of Proxy-State (RFC 2865 section 5.33): echoed untouched and in order. */
const PROXY_STATE = 33;

/** Why a packet is not believed. */
export type AuthenticityFault =
  | PacketFault
  | 'wrong-authenticator'
  | 'wrong-message-authenticator'
  | 'malformed-message-authenticator'
  | 'message-authenticator-missing'
  | 'wrong-identifier';

/** An authentic packet, or why it is none. */
export type VerifyResult =
  | { readonly ok: true; readonly packet: RadiusPacket }
  | { readonly ok: false; readonly reason: AuthenticityFault };

/** A packet to be signed; `secret` is the one shared with that NAS. */
export interface OutgoingPacket {
  readonly code: number;
  readonly identifier: number;
  readonly secret: Buffer | string;
  /** Without Message-Authenticator: it is put in first. */
  readonly attributes: readonly RadiusAttribute[];
}

const ZEROS = Buffer.alloc(AUTHENTICATOR_BYTES);

/** Codes whose authenticator field is random; that of the others is an MD5 of the packet (RFC 2866 section 3). */
function hasRandomAuthenticator(code: number): boolean {
  return code === CODE.accessRequest || code === CODE.statusServer;
}

/**
 * Builds and signs a request. CoA, Disconnect and Accounting: the Message-Authenticator is computed with the
 * authenticator field zeroed and inserted, and then the Request Authenticator = MD5(whole packet with a zeroed field,
 * secret) (RFC 5176 sections 2.3 and 3.1). In the other order FreeRADIUS drops the packet without a word.
 * Access-Request and Status-Server: `authenticator` (random by default) goes into both (RFC 3579, 5997).
 *
 * Refuses as a value: no secret, an empty or overlong attribute, a packet over 4096 octets. Never throws.
 */
export function encodeRequest(request: OutgoingPacket, authenticator?: Buffer): EncodeResult {
  // RFC 2865 section 5: an attribute without a value must be left out, so an empty one is a mistake upstream.
  if (request.attributes.some((attribute) => attribute.value.length === 0)) {
    return { ok: false, reason: 'attribute-empty' };
  }
  if (hasRandomAuthenticator(request.code)) {
    return signed(request, authenticator ?? randomBytes(AUTHENTICATOR_BYTES));
  }
  const result = signed(request, ZEROS);
  if (result.ok) digest(result.bytes, request.secret).copy(result.bytes, 4);
  return result;
}

/**
 * Builds and signs the answer to `request`: Message-Authenticator over the request's authenticator, then the Response
 * Authenticator (RFC 2865 section 3). Proxy-State attributes of the request follow the given ones, untouched and in
 * order (RFC 5176 section 3.1). Never throws.
 */
export function encodeResponse(
  request: RadiusPacket,
  response: Omit<OutgoingPacket, 'identifier'>,
): EncodeResult {
  const proxyStates = request.attributes.filter((attribute) => attribute.type === PROXY_STATE);
  const attributes = [...response.attributes, ...proxyStates];
  const result = signed({ ...response, identifier: request.identifier, attributes }, request.authenticator);
  if (result.ok) digest(result.bytes, response.secret).copy(result.bytes, 4);
  return result;
}

/** What a receiver insists on. */
export interface VerifyOptions {
  /** Refuse a packet without Message-Authenticator; one that is present is always checked. */
  readonly requireMessageAuthenticator: boolean;
}

/**
 * Decodes a received request and checks that its sender knows the secret. Access-Request and Status-Server have a
 * random authenticator, so only the Message-Authenticator proves them: there it is always required.
 * Never throws; compares in constant time.
 */
export function verifyRequest(
  datagram: Buffer,
  secret: Buffer | string,
  options: VerifyOptions,
): VerifyResult {
  const decoded = decodePacket(datagram);
  if (!decoded.ok) return decoded;
  const { packet } = decoded;
  const random = hasRandomAuthenticator(packet.code);
  const field = random ? packet.authenticator : ZEROS;
  if (!random && !equal(digest(withAuthenticator(packet.raw, field), secret), packet.authenticator)) {
    return { ok: false, reason: 'wrong-authenticator' };
  }
  const required = random || options.requireMessageAuthenticator;
  const fault = messageAuthenticatorFault(packet, field, secret, required);
  return fault === undefined ? decoded : { ok: false, reason: fault };
}

/**
 * Decodes a received response and checks that it answers exactly this request: identifier, Response Authenticator
 * and, where present, Message-Authenticator. Never throws; compares in constant time.
 *
 * @param request identifier and authenticator of the request as sent
 */
export function verifyResponse(
  datagram: Buffer,
  request: { readonly identifier: number; readonly authenticator: Buffer },
  secret: Buffer | string,
  options: VerifyOptions,
): VerifyResult {
  const decoded = decodePacket(datagram);
  if (!decoded.ok) return decoded;
  const { packet } = decoded;
  if (packet.identifier !== request.identifier) return { ok: false, reason: 'wrong-identifier' };
  const expected = digest(withAuthenticator(packet.raw, request.authenticator), secret);
  if (!equal(expected, packet.authenticator)) return { ok: false, reason: 'wrong-authenticator' };
  const fault = messageAuthenticatorFault(
    packet,
    request.authenticator,
    secret,
    options.requireMessageAuthenticator,
  );
  return fault === undefined ? decoded : { ok: false, reason: fault };
}

/** Encodes with Message-Authenticator first, where a receiver finds it before any attribute it might act on. */
function signed(packet: OutgoingPacket, authenticator: Buffer): EncodeResult {
  if (packet.secret.length === 0) return { ok: false, reason: 'secret-empty' };
  const others = packet.attributes.filter((attribute) => attribute.type !== MESSAGE_AUTHENTICATOR);
  const result = encodePacket({
    code: packet.code,
    identifier: packet.identifier,
    authenticator,
    attributes: [{ type: MESSAGE_AUTHENTICATOR, value: ZEROS }, ...others],
  });
  if (result.ok) {
    createHmac('md5', packet.secret)
      .update(result.bytes)
      .digest()
      .copy(result.bytes, HEADER_BYTES + 2);
  }
  return result;
}

function messageAuthenticatorFault(
  packet: RadiusPacket,
  authenticatorField: Buffer,
  secret: Buffer | string,
  required: boolean,
): AuthenticityFault | undefined {
  const found = packet.attributes.filter((attribute) => attribute.type === MESSAGE_AUTHENTICATOR);
  const [only] = found;
  if (only === undefined) return required ? 'message-authenticator-missing' : undefined;
  // Two of them would let a sender choose which one is checked.
  if (found.length > 1 || only.value.length !== AUTHENTICATOR_BYTES) return 'malformed-message-authenticator';
  const copy = withAuthenticator(packet.raw, authenticatorField);
  const at = only.value.byteOffset - packet.raw.byteOffset;
  copy.fill(0, at, at + AUTHENTICATOR_BYTES);
  const expected = createHmac('md5', secret).update(copy).digest();
  return equal(expected, only.value) ? undefined : 'wrong-message-authenticator';
}

function withAuthenticator(raw: Buffer, authenticator: Buffer): Buffer {
  const copy = Buffer.from(raw);
  authenticator.copy(copy, 4);
  return copy;
}

function digest(packet: Buffer, secret: Buffer | string): Buffer {
  return createHash('md5').update(packet).update(secret).digest();
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
