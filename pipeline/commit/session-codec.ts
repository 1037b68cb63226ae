import type { Bytes, Session } from '../fold/slot-state.ts';
import { CLOSE_CAUSES } from '../fold/slot-state.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';

/** What of a session is not as it nearly always is, one bit each: an ordinary session costs none of the rest. */
const ESTIMATED = 1;
const CLOSED = 1 << 1;
const LEVEL = 1 << 2;
const CANDIDATE = 1 << 3;
const RESTART = 1 << 4;
const ABSURD = 1 << 5;
const MOVED = 1 << 6;
const NAS_IP = 1 << 7;
const FRAMED_IP = 1 << 8;
const GROUP = 1 << 9;
const SERVICE = 1 << 10;
const CLASS = 1 << 11;
const MULTI = 1 << 12;
const PARENT = 1 << 13;
const NAS_IP_PACKED = 1 << 14;
const FRAMED_IP_PACKED = 1 << 15;

/** Writes sessions. */
export function writeSessions(writer: ByteWriter, sessions: readonly Session[]): void {
  writer.uint(sessions.length);
  for (const session of sessions) writeSession(writer, session);
}

/** Reads what writeSessions wrote. Throws 'store-corrupt'. */
export function readSessions(reader: ByteReader): Session[] {
  return reader.list(() => readSession(reader));
}

function writeSession(writer: ByteWriter, session: Session): void {
  const { startMs, counted, level, candidate, restart, moved } = session;
  const nasIp = session.nasIp !== null ? packed(session.nasIp) : null;
  const framedIp = session.framedIp !== null ? packed(session.framedIp) : null;
  const bits =
    bitsOf(session) | (nasIp === null ? 0 : NAS_IP_PACKED) | (framedIp === null ? 0 : FRAMED_IP_PACKED);
  writer.uint(bits);
  writer.text(session.nasId);
  writer.text(session.sessionId);
  if (session.group !== '') writer.text(session.group);
  if (session.service !== '') writer.text(session.service);
  if (session.serviceClass !== '') writer.text(session.serviceClass);
  if (session.multiId !== '') writer.text(session.multiId);
  if (session.parentId !== '') writer.text(session.parentId);
  if (nasIp !== null) writer.uint(nasIp);
  else if (session.nasIp !== null) writer.text(session.nasIp);
  if (framedIp !== null) writer.uint(framedIp);
  else if (session.framedIp !== null) writer.text(session.framedIp);
  writer.int(startMs);
  writer.int(session.lastEventMs - startMs);
  writeBytes(writer, counted);
  if ((bits & LEVEL) !== 0) writeBytes(writer, level);
  if (candidate !== null) {
    writeBytes(writer, candidate);
    writer.int(candidate.atMs - startMs);
  }
  if (restart !== null) {
    writeBytes(writer, restart);
    writer.int(restart.atMs - startMs);
  }
  if ((bits & MOVED) !== 0) writeBytes(writer, moved);
  writer.int(session.lastStatus);
  writer.int(session.lastSessionTime);
  if (session.closedMs !== null) {
    writer.int(session.closedMs - startMs);
    writer.byte(session.closedBy === null ? CLOSE_CAUSES.length : CLOSE_CAUSES.indexOf(session.closedBy));
  }
}

function bitsOf(session: Session): number {
  const { counted, level, moved } = session;
  return (
    (session.startEstimated ? ESTIMATED : 0) |
    (session.closedMs === null ? 0 : CLOSED) |
    (level.down === counted.down && level.up === counted.up ? 0 : LEVEL) |
    (session.candidate === null ? 0 : CANDIDATE) |
    (session.restart === null ? 0 : RESTART) |
    (session.absurd ? ABSURD : 0) |
    (moved.down === 0 && moved.up === 0 ? 0 : MOVED) |
    (session.nasIp === null ? 0 : NAS_IP) |
    (session.framedIp === null ? 0 : FRAMED_IP) |
    (session.group === '' ? 0 : GROUP) |
    (session.service === '' ? 0 : SERVICE) |
    (session.serviceClass === '' ? 0 : CLASS) |
    (session.multiId === '' ? 0 : MULTI) |
    (session.parentId === '' ? 0 : PARENT)
  );
}

function readSession(reader: ByteReader): Session {
  const bits = reader.uint();
  const has = (bit: number): boolean => (bits & bit) !== 0;
  const nasId = reader.text();
  const sessionId = reader.text();
  const group = has(GROUP) ? reader.text() : '';
  const service = has(SERVICE) ? reader.text() : '';
  const serviceClass = has(CLASS) ? reader.text() : '';
  const multiId = has(MULTI) ? reader.text() : '';
  const parentId = has(PARENT) ? reader.text() : '';
  const nasIp = has(NAS_IP) ? readAddress(reader, has(NAS_IP_PACKED)) : null;
  const framedIp = has(FRAMED_IP) ? readAddress(reader, has(FRAMED_IP_PACKED)) : null;
  const startMs = reader.int();
  const lastEventMs = startMs + reader.int();
  const counted = readBytes(reader);
  const level = has(LEVEL) ? readBytes(reader) : { ...counted };
  const candidate = has(CANDIDATE) ? { ...readBytes(reader), atMs: startMs + reader.int() } : null;
  const restart = has(RESTART) ? { ...readBytes(reader), atMs: startMs + reader.int() } : null;
  const moved = has(MOVED) ? readBytes(reader) : { down: 0, up: 0 };
  const lastStatus = reader.int();
  const lastSessionTime = reader.int();
  const closedMs = has(CLOSED) ? startMs + reader.int() : null;
  const closedBy = has(CLOSED) ? (CLOSE_CAUSES[reader.byte()] ?? null) : null;
  return {
    nasId,
    group,
    sessionId,
    service,
    serviceClass,
    nasIp,
    framedIp,
    multiId,
    parentId,
    startMs,
    startEstimated: has(ESTIMATED),
    lastEventMs,
    counted,
    level,
    candidate,
    restart,
    absurd: has(ABSURD),
    moved,
    lastStatus,
    lastSessionTime,
    closedMs,
    closedBy,
  };
}

function writeBytes(writer: ByteWriter, { down, up }: Bytes): void {
  writer.uint(down);
  writer.uint(up);
}

function readBytes(reader: ByteReader): Bytes {
  return { down: reader.uint(), up: reader.uint() };
}

function readAddress(reader: ByteReader, isPacked: boolean): string {
  return isPacked ? unpacked(reader.uint()) : reader.text();
}

/** A dotted IPv4 address as a number; null for any text that would not come back as it was. */
function packed(text: string): number | null {
  if (text.length > 15) return null;
  let value = 0;
  let part = -1;
  let parts = 1;
  for (let i = 0; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - 48;
    if (digit === -2) {
      if (part < 0 || parts === 4) return null;
      value = value * 256 + part;
      part = -1;
      parts += 1;
    } else if (digit >= 0 && digit <= 9 && part !== 0) {
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return null;
    } else return null;
  }
  return parts === 4 && part >= 0 ? value * 256 + part : null;
}

function unpacked(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}
