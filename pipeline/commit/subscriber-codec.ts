import { AppError } from '../../schemas/errors.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { CycleTotal, RuleState, Session, Subscriber } from '../fold/slot-state.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/** Version of the values' layout; the first byte of each. Workers read this one and the one before. */
export const BLOB_VERSION = 1;

const writer = new ByteWriter();

/** Hot value: open sessions, current cycles, rule states. Written with every record of the subscriber. */
export function encodeHot(subscriber: Subscriber): Uint8Array {
  writer.byte(BLOB_VERSION);
  writer.uint(subscriber.mark);
  writer.optionalUint(subscriber.dueMs);
  writer.byte(subscriber.throttle === null ? 0 : 1);
  if (subscriber.throttle !== null) {
    writer.uint(subscriber.throttle.downBps);
    writer.uint(subscriber.throttle.upBps);
  }
  writeCycles(subscriber.cycles);
  writeSessions(subscriber.sessions);
  writer.uint(subscriber.rules.length);
  for (const rule of subscriber.rules) writeRule(rule);
  return writer.take();
}

/** Cold value: profile, closed sessions, past cycles. Written when one of them changes. */
export function encodeCold(subscriber: Subscriber): Uint8Array {
  writer.byte(BLOB_VERSION);
  writer.optionalText(subscriber.profile === null ? null : JSON.stringify(subscriber.profile));
  writeSessions(subscriber.tombstones);
  writeCycles(subscriber.pastCycles);
  return writer.take();
}

/** Reads a hot value into the subscriber. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeHot(bytes: Uint8Array, into: Subscriber): void {
  const reader = open(bytes);
  into.mark = reader.uint();
  into.dueMs = reader.optionalUint();
  into.throttle = reader.byte() === 0 ? null : { downBps: reader.uint(), upBps: reader.uint() };
  into.cycles = readCycles(reader);
  into.sessions = readSessions(reader);
  into.rules = reader.list(() => readRule(reader));
  reader.end();
}

/** Reads a cold value into the subscriber. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeCold(bytes: Uint8Array, into: Subscriber): void {
  const reader = open(bytes);
  const profile = reader.optionalText();
  into.profile = profile === null ? null : (JSON.parse(profile) as SubscriberProfile);
  into.tombstones = readSessions(reader);
  into.pastCycles = readCycles(reader);
  reader.end();
}

/** Reads the version byte; halts on one that this program does not know. */
export function open(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== BLOB_VERSION) {
    throw new AppError(
      'state-version-unknown',
      `stored state has version ${version}, this program reads ${BLOB_VERSION}: upgrade it`,
    );
  }
  return reader;
}

function writeCycles(cycles: readonly CycleTotal[]): void {
  writer.uint(cycles.length);
  for (const { startMs, endMs, down, up } of cycles) {
    writer.uint(startMs);
    writer.uint(endMs - startMs);
    writer.uint(down);
    writer.uint(up);
  }
}

function readCycles(reader: ByteReader): CycleTotal[] {
  return reader.list(() => {
    const startMs = reader.uint();
    return { startMs, endMs: startMs + reader.uint(), down: reader.uint(), up: reader.uint() };
  });
}

function writeSessions(sessions: readonly Session[]): void {
  writer.uint(sessions.length);
  for (const session of sessions) {
    writer.text(session.nasId);
    writer.text(session.sessionId);
    writer.text(session.service);
    writer.text(session.serviceClass);
    writer.optionalText(session.nasIp);
    writer.optionalText(session.framedIp);
    writer.int(session.startMs);
    writer.int(session.lastEventMs - session.startMs);
    writer.uint(session.counted.down);
    writer.uint(session.counted.up);
    writer.int(session.lastStatus);
    writer.int(session.lastSessionTime);
    writer.byte((session.startEstimated ? 1 : 0) | (session.closedMs === null ? 0 : 2));
    if (session.closedMs !== null) writer.int(session.closedMs);
  }
}

function readSessions(reader: ByteReader): Session[] {
  return reader.list(() => {
    const nasId = reader.text();
    const sessionId = reader.text();
    const service = reader.text();
    const serviceClass = reader.text();
    const nasIp = reader.optionalText();
    const framedIp = reader.optionalText();
    const startMs = reader.int();
    const lastEventMs = startMs + reader.int();
    const counted = { down: reader.uint(), up: reader.uint() };
    const lastStatus = reader.int();
    const lastSessionTime = reader.int();
    const bits = reader.byte();
    const closedMs = (bits & 2) === 0 ? null : reader.int();
    return {
      nasId,
      sessionId,
      service,
      serviceClass,
      nasIp,
      framedIp,
      startMs,
      startEstimated: (bits & 1) === 1,
      lastEventMs,
      counted,
      lastStatus,
      lastSessionTime,
      closedMs,
    };
  });
}

function writeRule(rule: RuleState): void {
  writer.text(rule.key);
  writer.byte((rule.active ? 1 : 0) | (rule.speed === null ? 0 : 2));
  writer.uint(rule.sinceMs);
  writer.uint(rule.cycleStartMs);
  writer.uint(rule.ordinal);
  if (rule.speed !== null) {
    writer.uint(rule.speed.downBps);
    writer.uint(rule.speed.upBps);
  }
  writer.optionalUint(rule.releaseMs);
}

function readRule(reader: ByteReader): RuleState {
  const key = reader.text();
  const bits = reader.byte();
  const sinceMs = reader.uint();
  const cycleStartMs = reader.uint();
  const ordinal = reader.uint();
  const speed = (bits & 2) === 0 ? null : { downBps: reader.uint(), upBps: reader.uint() };
  return {
    key,
    active: (bits & 1) === 1,
    sinceMs,
    cycleStartMs,
    ordinal,
    speed,
    releaseMs: reader.optionalUint(),
  };
}
