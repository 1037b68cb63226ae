import { AppError } from '../../schemas/errors.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { ClassTotal, CycleTotal, DayTotal, RuleState, Subscriber } from '../fold/slot-state.ts';
import { NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readSessions, writeSessions } from './session-codec.ts';

/** Layouts that are read: the newest, which new slots are written in, and the one before. */
export const OLDEST_BLOB_VERSION = NEWEST_BLOB_VERSION - 1;

const writer = new ByteWriter();

/** Hot value: open sessions, current cycles, rule states. Written with every record of the subscriber. */
export function encodeHot(subscriber: Subscriber, version: number): Uint8Array {
  const { throttle, suspended, strayMs } = subscriber;
  writer.begin(version);
  writer.uint(subscriber.mark);
  writer.optionalUint(subscriber.dueMs);
  writer.byte((throttle === null ? 0 : 1) | (suspended ? 2 : 0) | (strayMs === 0 ? 0 : 4));
  if (throttle !== null) {
    writer.uint(throttle.downBps);
    writer.uint(throttle.upBps);
  }
  if (strayMs !== 0) writer.uint(strayMs);
  writeCycles(subscriber.cycles);
  writeDays(subscriber.today === null ? [] : [subscriber.today]);
  writeSessions(writer, subscriber.sessions, version);
  writer.uint(subscriber.rules.length);
  for (const rule of subscriber.rules) writeRule(rule);
  return writer.take();
}

/** Cold value: profile, closed sessions, past cycles and days. Written when one of them changes. */
export function encodeCold(subscriber: Subscriber, version: number): Uint8Array {
  writer.begin(version);
  writer.optionalText(subscriber.profile === null ? null : JSON.stringify(subscriber.profile));
  writeSessions(writer, subscriber.tombstones, version);
  writer.uint(subscriber.forgottenMs);
  writeCycles(subscriber.pastCycles);
  writeDays(subscriber.days);
  return writer.take();
}

/** Reads a hot value into the subscriber. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeHot(bytes: Uint8Array, into: Subscriber): void {
  const { reader, version } = open(bytes);
  into.mark = reader.uint();
  into.dueMs = reader.optionalUint();
  const bits = reader.byte();
  into.throttle = (bits & 1) === 0 ? null : { downBps: reader.uint(), upBps: reader.uint() };
  into.suspended = (bits & 2) !== 0;
  into.strayMs = (bits & 4) === 0 ? 0 : reader.uint();
  into.cycles = readCycles(reader);
  into.today = readDays(reader)[0] ?? null;
  into.sessions = readSessions(reader, version);
  into.rules = reader.list(() => readRule(reader));
  reader.end();
}

/** Reads a cold value into the subscriber. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeCold(bytes: Uint8Array, into: Subscriber): void {
  const { reader, version } = open(bytes);
  const profile = reader.optionalText();
  into.profile = profile === null ? null : (JSON.parse(profile) as SubscriberProfile);
  into.tombstones = readSessions(reader, version);
  into.forgottenMs = reader.uint();
  into.pastCycles = readCycles(reader);
  into.days = readDays(reader);
  reader.end();
}

/** Reads the version byte; halts on one that this program does not know. */
export function open(bytes: Uint8Array): { reader: ByteReader; version: number } {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version < OLDEST_BLOB_VERSION || version > NEWEST_BLOB_VERSION) {
    throw new AppError(
      'state-version-unknown',
      `stored state has version ${version}, this program reads ${OLDEST_BLOB_VERSION} and ${NEWEST_BLOB_VERSION}: ` +
        (version > NEWEST_BLOB_VERSION ? 'upgrade it' : 'upgrade by way of the version in between'),
    );
  }
  return { reader, version };
}

const CLOSED = 1;
const ADJUSTED = 2;
const CLASSES = 4;

function writeCycles(cycles: readonly CycleTotal[]): void {
  writer.uint(cycles.length);
  for (const { startMs, endMs, down, up, classes, adjusted, closed } of cycles) {
    const isAdjusted = adjusted.down !== 0 || adjusted.up !== 0;
    writer.byte((closed ? CLOSED : 0) | (isAdjusted ? ADJUSTED : 0) | (classes.length > 0 ? CLASSES : 0));
    writer.uint(startMs);
    writer.uint(endMs - startMs);
    writer.uint(down);
    writer.uint(up);
    if (isAdjusted) {
      writer.int(adjusted.down);
      writer.int(adjusted.up);
    }
    if (classes.length > 0) writeClasses(classes);
  }
}

function readCycles(reader: ByteReader): CycleTotal[] {
  return reader.list(() => {
    const bits = reader.byte();
    const startMs = reader.uint();
    return {
      startMs,
      endMs: startMs + reader.uint(),
      down: reader.uint(),
      up: reader.uint(),
      adjusted: (bits & ADJUSTED) === 0 ? { down: 0, up: 0 } : { down: reader.int(), up: reader.int() },
      classes: (bits & CLASSES) === 0 ? [] : readClasses(reader),
      closed: (bits & CLOSED) !== 0,
    };
  });
}

function writeDays(days: readonly DayTotal[]): void {
  writer.uint(days.length);
  for (const { startMs, endMs, down, up, classes } of days) {
    writer.uint(startMs);
    writer.uint(endMs - startMs);
    writer.uint(down);
    writer.uint(up);
    writeClasses(classes);
  }
}

function readDays(reader: ByteReader): DayTotal[] {
  return reader.list(() => {
    const startMs = reader.uint();
    return {
      startMs,
      endMs: startMs + reader.uint(),
      down: reader.uint(),
      up: reader.uint(),
      classes: readClasses(reader),
    };
  });
}

function writeClasses(classes: readonly ClassTotal[]): void {
  writer.uint(classes.length);
  for (const { serviceClass, down, up } of classes) {
    writer.text(serviceClass);
    writer.uint(down);
    writer.uint(up);
  }
}

function readClasses(reader: ByteReader): ClassTotal[] {
  return reader.list(() => ({ serviceClass: reader.text(), down: reader.uint(), up: reader.uint() }));
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
