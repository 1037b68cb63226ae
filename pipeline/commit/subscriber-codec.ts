import { AppError } from '../../schemas/errors.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { Effect } from '../../schemas/action.ts';
import type {
  CycleTotal,
  DayTotal,
  HourTotal,
  NewestWindow,
  Peak,
  RuleState,
  Subscriber,
} from '../fold/slot-state.ts';
import { NEWEST_BLOB_VERSION, POLICY_FACTS_VERSION } from '../fold/slot-state.ts';
import { NO_PARTS, TARIFF_VERSION } from '../fold/tariff-state.ts';
import { newMembership } from '../pool/membership.ts';
import type { Membership } from '../pool/membership.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readSessions, writeSessions } from './session-codec.ts';
import {
  NO_TARIFFS,
  readClasses,
  readParts,
  readSpent,
  readTariffs,
  writeClasses,
  writeParts,
  writeSpent,
  writeTariffs,
} from './tariff-codec.ts';

/** Layouts that are read: the newest, which new slots are written in, and the two before. */
export const OLDEST_BLOB_VERSION = NEWEST_BLOB_VERSION - 2;

const writer = new ByteWriter();

/** What of a hot value is there, one bit each. */
const EFFECT = 1;
const SUSPENDED = 2;
const STRAY = 4;
const HOUR = 8;
const WINDOW = 16;
const PEAK = 32;
const OVERAGE = 64;
const POOL = 128;

/** Hot value: open sessions, current totals, rule states. Written with every record of the subscriber. */
export function encodeHot(subscriber: Subscriber, version: number): Uint8Array {
  const { effect, suspended, strayMs, hour, newestWindow, peak, overage, pool } = subscriber;
  const extended = version >= POLICY_FACTS_VERSION;
  const bits =
    (hasEffect(effect, version) ? EFFECT : 0) | (suspended ? SUSPENDED : 0) | (strayMs === 0 ? 0 : STRAY);
  const more = extended
    ? (hour === null ? 0 : HOUR) |
      (newestWindow === null ? 0 : WINDOW) |
      (peak === null ? 0 : PEAK) |
      (overage === null ? 0 : OVERAGE) |
      (pool === null ? 0 : POOL)
    : 0;
  writer.begin(version);
  writer.uint(subscriber.mark);
  writer.optionalUint(subscriber.touchedDueMs);
  writer.byte(bits | more);
  if ((bits & EFFECT) !== 0) {
    writeEffect(effect, version);
  }
  if (strayMs !== 0) writer.uint(strayMs);
  if (extended) {
    if (hour !== null) writeHour(hour);
    if (newestWindow !== null) writeWindow(newestWindow);
    if (peak !== null) writePeak(peak);
    if (overage !== null) {
      writer.uint(overage.cycleStartMs);
      writer.uint(overage.blocks);
      writer.uint(overage.soldBytes);
      writer.uint(overage.topUps);
    }
    if (pool !== null) writePool(pool, version);
  }
  writeCycles(subscriber.cycles, version);
  writeDays(subscriber.today === null ? [] : [subscriber.today], version);
  writeSessions(writer, subscriber.sessions);
  writer.uint(subscriber.rules.length);
  for (const rule of subscriber.rules) writeRule(rule, version);
  return writer.take();
}

/** Cold value: profile, closed sessions, past cycles, days and hours. Written when one of them changes. */
export function encodeCold(subscriber: Subscriber, version: number): Uint8Array {
  writer.begin(version);
  writer.optionalText(subscriber.profile === null ? null : JSON.stringify(subscriber.profile));
  writeSessions(writer, subscriber.tombstones);
  writer.uint(subscriber.forgottenMs);
  writeCycles(subscriber.pastCycles, version);
  writeDays(subscriber.days, version);
  if (version >= POLICY_FACTS_VERSION) {
    writer.uint(subscriber.hours.length);
    for (const hour of subscriber.hours) writeHour(hour);
  }
  if (version >= TARIFF_VERSION) writeTariffs(writer, subscriber);
  return writer.take();
}

/** Reads a hot value into the subscriber. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeHot(bytes: Uint8Array, into: Subscriber): void {
  const { reader, version } = open(bytes);
  into.mark = reader.uint();
  into.touchedDueMs = reader.optionalUint();
  into.dueMs = into.touchedDueMs;
  const bits = reader.byte();
  into.effect = (bits & EFFECT) === 0 ? null : readEffect(reader, version);
  into.suspended = (bits & SUSPENDED) !== 0;
  into.strayMs = (bits & STRAY) === 0 ? 0 : reader.uint();
  into.hour = (bits & HOUR) === 0 ? null : readHour(reader);
  into.newestWindow = (bits & WINDOW) === 0 ? null : readWindow(reader);
  into.peak = (bits & PEAK) === 0 ? null : readPeak(reader);
  into.overage =
    (bits & OVERAGE) === 0
      ? null
      : {
          cycleStartMs: reader.uint(),
          blocks: reader.uint(),
          soldBytes: reader.uint(),
          topUps: reader.uint(),
        };
  into.pool = (bits & POOL) === 0 ? null : readPool(reader, version);
  into.cycles = readCycles(reader);
  into.today = readDays(reader, version)[0] ?? null;
  into.sessions = readSessions(reader);
  into.rules = reader.list(() => readRule(reader, version));
  reader.end();
}

/** Reads a cold value into the subscriber. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeCold(bytes: Uint8Array, into: Subscriber): void {
  const { reader, version } = open(bytes);
  const profile = reader.optionalText();
  into.profile = profile === null ? null : (JSON.parse(profile) as SubscriberProfile);
  into.tombstones = readSessions(reader);
  into.forgottenMs = reader.uint();
  into.pastCycles = readCycles(reader);
  into.days = readDays(reader, version);
  into.hours = version >= POLICY_FACTS_VERSION ? reader.list(() => readHour(reader)) : [];
  const { carry, topUpUses } = version >= TARIFF_VERSION ? readTariffs(reader) : NO_TARIFFS;
  into.carry = carry;
  into.topUpUses = topUpUses;
  reader.end();
}

/** Reads the version byte; halts on one that this program does not know. */
export function open(bytes: Uint8Array): { reader: ByteReader; version: number } {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version < OLDEST_BLOB_VERSION || version > NEWEST_BLOB_VERSION) {
    throw new AppError(
      'state-version-unknown',
      `stored state has version ${version}, this program reads ${OLDEST_BLOB_VERSION} to ${NEWEST_BLOB_VERSION}: ` +
        (version > NEWEST_BLOB_VERSION ? 'upgrade it' : 'upgrade by way of the version in between'),
    );
  }
  return { reader, version };
}

const CLOSED = 1;
const ADJUSTED = 2;
const CLASSES = 4;
const OFF_PEAK = 8;
const PARTS = 16;
const SPENT = 32;

function writeCycles(cycles: readonly CycleTotal[], version: number): void {
  writer.uint(cycles.length);
  for (const { startMs, endMs, down, up, classes, adjusted, offPeak, closed, parts, spent } of cycles) {
    const isAdjusted = adjusted.down !== 0 || adjusted.up !== 0;
    const hasOffPeak = offPeak.length > 0 && version >= POLICY_FACTS_VERSION;
    const hasParts = parts.length > 0 && version >= TARIFF_VERSION;
    const wasSpent = spent !== null && version >= TARIFF_VERSION;
    writer.byte(
      (closed ? CLOSED : 0) |
        (isAdjusted ? ADJUSTED : 0) |
        (classes.length > 0 ? CLASSES : 0) |
        (hasOffPeak ? OFF_PEAK : 0) |
        (hasParts ? PARTS : 0) |
        (wasSpent ? SPENT : 0),
    );
    writer.uint(startMs);
    writer.uint(endMs - startMs);
    writer.uint(down);
    writer.uint(up);
    if (isAdjusted) {
      writer.int(adjusted.down);
      writer.int(adjusted.up);
    }
    if (classes.length > 0) writeClasses(writer, classes);
    if (hasOffPeak) writeClasses(writer, offPeak);
    if (hasParts) writeParts(writer, startMs, parts);
    if (wasSpent) writeSpent(writer, spent);
  }
}

function readCycles(reader: ByteReader): CycleTotal[] {
  return reader.list(() => {
    const bits = reader.byte();
    const startMs = reader.uint();
    const endMs = startMs + reader.uint();
    return {
      startMs,
      endMs,
      down: reader.uint(),
      up: reader.uint(),
      adjusted: (bits & ADJUSTED) === 0 ? { down: 0, up: 0 } : { down: reader.int(), up: reader.int() },
      classes: (bits & CLASSES) === 0 ? [] : readClasses(reader),
      offPeak: (bits & OFF_PEAK) === 0 ? [] : readClasses(reader),
      closed: (bits & CLOSED) !== 0,
      parts: (bits & PARTS) === 0 ? NO_PARTS : readParts(reader, startMs, endMs),
      spent: (bits & SPENT) === 0 ? null : readSpent(reader),
    };
  });
}

function writeDays(days: readonly DayTotal[], version: number): void {
  writer.uint(days.length);
  for (const day of days) {
    writeHour(day);
    if (version >= POLICY_FACTS_VERSION) writeClasses(writer, day.offPeak);
  }
}

function readDays(reader: ByteReader, version: number): DayTotal[] {
  return reader.list(() => ({
    ...readHour(reader),
    offPeak: version >= POLICY_FACTS_VERSION ? readClasses(reader) : [],
  }));
}

function writeHour({ startMs, endMs, down, up, classes }: HourTotal): void {
  writer.uint(startMs);
  writer.uint(endMs - startMs);
  writer.uint(down);
  writer.uint(up);
  writeClasses(writer, classes);
}

function readHour(reader: ByteReader): HourTotal {
  const startMs = reader.uint();
  return {
    startMs,
    endMs: startMs + reader.uint(),
    down: reader.uint(),
    up: reader.uint(),
    classes: readClasses(reader),
  };
}

function writeWindow({ startMs, down, up, classes }: NewestWindow): void {
  writer.uint(startMs);
  writer.uint(down);
  writer.uint(up);
  writeClasses(writer, classes);
}

function readWindow(reader: ByteReader): NewestWindow {
  return { startMs: reader.uint(), down: reader.uint(), up: reader.uint(), classes: readClasses(reader) };
}

function writePeak({ dayStartMs, bytes, classes }: Peak): void {
  writer.uint(dayStartMs);
  writer.uint(bytes);
  writer.uint(classes.length);
  for (const peak of classes) {
    writer.text(peak.serviceClass);
    writer.uint(peak.bytes);
  }
}

function readPeak(reader: ByteReader): Peak {
  return {
    dayStartMs: reader.uint(),
    bytes: reader.uint(),
    classes: reader.list(() => ({ serviceClass: reader.text(), bytes: reader.uint() })),
  };
}

function writePool({ told, ...pool }: Membership, version: number): void {
  writer.text(pool.poolId);
  writer.uint(pool.cycleStartMs);
  writer.uint(pool.baseBytes);
  writer.uint(pool.seq);
  writer.uint(pool.sentBytes);
  writer.uint(pool.sentAtMs);
  writer.uint(told.seq);
  if (told.seq === 0) return;
  writer.uint(told.usedBytes);
  writer.optionalUint(told.allowanceBytes);
  writer.uint(told.rules.length);
  for (const { policyId, rule, policyVersion, effect } of told.rules) {
    writer.text(policyId);
    writer.text(rule);
    writer.text(policyVersion);
    writeEffect(effect, version);
  }
}

function readPool(reader: ByteReader, version: number): Membership {
  const pool = newMembership(reader.text());
  pool.cycleStartMs = reader.uint();
  pool.baseBytes = reader.uint();
  pool.seq = reader.uint();
  pool.sentBytes = reader.uint();
  pool.sentAtMs = reader.uint();
  pool.told.seq = reader.uint();
  if (pool.told.seq === 0) return pool;
  pool.told.usedBytes = reader.uint();
  pool.told.allowanceBytes = reader.optionalUint();
  pool.told.rules = reader.list(() => ({
    policyId: reader.text(),
    rule: reader.text(),
    policyVersion: reader.text(),
    effect: readEffect(reader, version),
  }));
  return pool;
}

/** Stored by index: new ones go to the end. */
const EFFECT_STATES = ['throttle', 'redirect', 'block', 'hold', 'boost'] as const satisfies Effect['state'][];

/** The layout before knows throttles only. */
function hasEffect(effect: Effect | null, version: number): effect is Effect {
  return effect !== null && (version >= POLICY_FACTS_VERSION || effect.state === 'throttle');
}

function writeEffect(effect: Effect | null, version: number): void {
  if (effect === null) return;
  const extended = version >= POLICY_FACTS_VERSION;
  if (extended) writer.byte(EFFECT_STATES.indexOf(effect.state));
  if (effect.state === 'throttle') {
    writer.uint(effect.downBps);
    writer.uint(effect.upBps);
    if (extended) writer.optionalText(effect.profile);
  } else if (effect.state === 'redirect') writer.text(effect.profile);
  else if (effect.state === 'boost') {
    writer.uint(effect.downBps);
    writer.uint(effect.upBps);
  }
}

function readEffect(reader: ByteReader, version: number): Effect {
  const extended = version >= POLICY_FACTS_VERSION;
  switch (EFFECT_STATES[extended ? reader.byte() : 0]) {
    case 'throttle':
      return {
        state: 'throttle',
        downBps: reader.uint(),
        upBps: reader.uint(),
        profile: extended ? reader.optionalText() : null,
      };
    case 'redirect':
      return { state: 'redirect', profile: reader.text() };
    case 'block':
      return { state: 'block' };
    case 'hold':
      return { state: 'hold' };
    case 'boost':
      return { state: 'boost', downBps: reader.uint(), upBps: reader.uint() };
    default:
      throw new AppError('store-corrupt', 'a stored effect is none that this program knows');
  }
}

function writeRule(rule: RuleState, version: number): void {
  const { effect } = rule;
  const lasts = hasEffect(effect, version);
  writer.text(rule.key);
  writer.byte((rule.active ? 1 : 0) | (lasts ? 2 : 0));
  writer.uint(rule.sinceMs);
  writer.uint(rule.cycleStartMs);
  writer.uint(rule.ordinal);
  if (lasts) writeEffect(effect, version);
  writer.optionalUint(rule.releaseMs);
}

function readRule(reader: ByteReader, version: number): RuleState {
  const key = reader.text();
  const bits = reader.byte();
  return {
    key,
    active: (bits & 1) === 1,
    sinceMs: reader.uint(),
    cycleStartMs: reader.uint(),
    ordinal: reader.uint(),
    effect: (bits & 2) === 0 ? null : readEffect(reader, version),
    releaseMs: reader.optionalUint(),
  };
}
