import type { Speed } from '../../../schemas/action.ts';
import { vendorAttribute, vendorValues, type RadiusAttribute } from './packet.ts';

/**
 * The one internal form of a speed: bit/s as the subscriber sees it, down to them, up from them. Positive numbers: what
 * means "no limit" or "nothing passes" differs by vendor and is another state than a speed.
 */
export interface ShapedSpeed extends Speed {
  readonly burst?: Burst;
}

/** Short-term rate above the speed, allowed while the average over `seconds` is below the threshold. */
interface Burst {
  readonly downBps: number;
  readonly upBps: number;
  readonly thresholdDownBps: number;
  readonly thresholdUpBps: number;
  readonly seconds: number;
}

/** Turns the internal speed into the attributes of one make of NAS, and back (what the simulated NAS needs). */
export interface VendorEncoder {
  readonly name: string;
  /** Pure; the same speed gives the same octets. Throws RangeError on a speed that is no positive number. */
  encodeSpeed(speed: ShapedSpeed): RadiusAttribute[];
  /** The speed that a NAS of this make would set; undefined when the attributes name none or it is malformed. */
  decodeSpeed(attributes: readonly RadiusAttribute[]): ShapedSpeed | undefined;
}

const MIKROTIK = 14988;
const MIKROTIK_RATE_LIMIT = 8;
const WISPR = 14122;
const WISPR_BANDWIDTH_MAX_UP = 7;
const WISPR_BANDWIDTH_MAX_DOWN = 8;
const UINT32_MAX = 0xffff_ffff;

/**
 * MikroTik RouterOS: Mikrotik-Rate-Limit "rx/tx [rx-burst/tx-burst rx-threshold/tx-threshold rx-time/tx-time]" seen
 * from the router: rx = what it receives from the subscriber = their upload comes first. k and M are decimal. "0"
 * would mean no limit at all, so nothing below 1 bit/s is ever written.
 */
const mikrotik: VendorEncoder = {
  name: 'mikrotik',
  encodeSpeed(speed) {
    const { burst } = speed;
    const parts = [pair(speed.upBps, speed.downBps)];
    if (burst !== undefined) {
      parts.push(pair(burst.upBps, burst.downBps), pair(burst.thresholdUpBps, burst.thresholdDownBps));
      parts.push(`${whole(burst.seconds)}/${whole(burst.seconds)}`);
    }
    const value = Buffer.from(parts.join(' '), 'ascii');
    return [vendorAttribute(MIKROTIK, [{ type: MIKROTIK_RATE_LIMIT, value }])];
  },
  decodeSpeed(attributes) {
    const [value] = vendorValues(attributes, MIKROTIK, MIKROTIK_RATE_LIMIT);
    return value === undefined ? undefined : parseRateLimit(value.toString('latin1'));
  },
};

/**
 * WISPr: Bandwidth-Max-Up and -Down in bit/s as uint32, which ends at 4,294,967,295: a faster speed is sent as that,
 * since a wrapped number would throttle a 5 Gbit/s line to 705 Mbit/s. There is no burst.
 */
const wispr: VendorEncoder = {
  name: 'wispr',
  encodeSpeed(speed) {
    return [
      vendorAttribute(WISPR, [{ type: WISPR_BANDWIDTH_MAX_UP, value: clamped(speed.upBps) }]),
      vendorAttribute(WISPR, [{ type: WISPR_BANDWIDTH_MAX_DOWN, value: clamped(speed.downBps) }]),
    ];
  },
  decodeSpeed(attributes) {
    const [up] = vendorValues(attributes, WISPR, WISPR_BANDWIDTH_MAX_UP);
    const [down] = vendorValues(attributes, WISPR, WISPR_BANDWIDTH_MAX_DOWN);
    if (up?.length !== 4 || down?.length !== 4) return undefined;
    return { downBps: down.readUInt32BE(0), upBps: up.readUInt32BE(0) };
  },
};

const ENCODERS: readonly VendorEncoder[] = [mikrotik, wispr];

/** Names that encoderFor knows, for checking configuration and the NAS table. */
export const ENCODER_NAMES: readonly string[] = ENCODERS.map((encoder) => encoder.name);

/** The encoder of that name; undefined = unknown name, a fault of configuration. */
export function encoderFor(name: string): VendorEncoder | undefined {
  return ENCODERS.find((encoder) => encoder.name === name);
}

/** The speed in whatever attributes a known encoder writes, the first encoder of ENCODER_NAMES winning. */
export function decodeSpeed(attributes: readonly RadiusAttribute[]): ShapedSpeed | undefined {
  for (const encoder of ENCODERS) {
    const speed = encoder.decodeSpeed(attributes);
    if (speed !== undefined) return speed;
  }
  return undefined;
}

function pair(rxBps: number, txBps: number): string {
  return `${rate(rxBps)}/${rate(txBps)}`;
}

/** The shortest exact spelling: 2000000 = 2M, 512000 = 512k, 1500500 as it is. */
function rate(bps: number): string {
  const value = whole(bps);
  if (value % 1_000_000 === 0) return `${value / 1_000_000}M`;
  if (value % 1000 === 0) return `${value / 1000}k`;
  return String(value);
}

function whole(value: number): number {
  const floor = Math.floor(value);
  if (!Number.isSafeInteger(floor) || floor < 1) throw new RangeError(`not a speed: ${value}`);
  return floor;
}

function clamped(bps: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Math.min(whole(bps), UINT32_MAX));
  return bytes;
}

const RATE = /^(\d{1,12})([kM]?)$/;

function parseRate(text: string): number | undefined {
  const match = RATE.exec(text);
  if (match === null) return undefined;
  const scale = match[2] === 'M' ? 1_000_000 : match[2] === 'k' ? 1000 : 1;
  return Number(match[1]) * scale;
}

/** "rx/tx", or "rate" for both. */
function parsePair(text: string | undefined): { up: number; down: number } | undefined {
  if (text === undefined) return undefined;
  const [rx = '', tx = rx, rest] = text.split('/');
  const up = parseRate(rx);
  const down = parseRate(tx);
  return up === undefined || down === undefined || rest !== undefined ? undefined : { up, down };
}

function parseRateLimit(text: string): ShapedSpeed | undefined {
  const [speedText, burstText, thresholdText, timeText] = text.trim().split(/ +/);
  const speed = parsePair(speedText);
  if (speed === undefined) return undefined;
  const base = { downBps: speed.down, upBps: speed.up };
  if (burstText === undefined) return base;
  const burst = parsePair(burstText);
  // What is left out: the threshold is the speed itself, the time 1 s (RouterOS, Queue Burst).
  const threshold = thresholdText === undefined ? speed : parsePair(thresholdText);
  const time = timeText === undefined ? { up: 1, down: 1 } : parsePair(timeText);
  if (burst === undefined || threshold === undefined || time === undefined) return undefined;
  return {
    ...base,
    burst: {
      downBps: burst.down,
      upBps: burst.up,
      thresholdDownBps: threshold.down,
      thresholdUpBps: threshold.up,
      seconds: time.down,
    },
  };
}
