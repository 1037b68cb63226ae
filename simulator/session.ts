import type { AccountingRecord, StatusType } from '../schemas/accounting-record.ts';
import type { Speed } from '../schemas/action.ts';
import type { SimNas, SimSubscriber } from './profiles.ts';
import { carriedBytes } from './traffic.ts';

const GIGAWORD = 2 ** 32;

/** Why a session is over; `open` = it is not. */
export type SessionEnd = 'open' | 'stopped' | 'stop-lost' | 'nas-reboot';

/** Exact totals of one session. Instants in ms since 1970 UTC, octets from and to the subscriber. */
export interface SessionTruth {
  readonly subscriberId: string;
  readonly userName: string;
  readonly nasId: string;
  readonly sessionId: string;
  readonly startMs: number;
  endMs: number | null;
  end: SessionEnd;
  /** carried until the model's now, or until the end */
  downBytes: number;
  upBytes: number;
  /** highest totals in any record that has arrived: what a meter can know */
  reportedDownBytes: number;
  reportedUpBytes: number;
  /** records of it that have arrived, copies included */
  records: number;
  /** limit in force; bit/s */
  speed: Speed;
}

/** A session in the model. */
export interface SimSession {
  readonly truth: SessionTruth;
  readonly subscriber: SimSubscriber;
  readonly nas: SimNas;
  readonly device: number;
  readonly startSent: boolean;
  readonly sendsStop: boolean;
  /** counted up to here, ms since 1970 UTC */
  countedMs: number;
  demand: Speed;
  /** when the last copy of its records arrives */
  lastArrivalMs: number;
}

/** Counts octets up to `atMs` at the demand and the limit in force. Backwards or twice: nothing. */
export function count(session: SimSession, atMs: number): void {
  const ms = atMs - session.countedMs;
  if (ms <= 0) return;
  const { truth, demand } = session;
  truth.downBytes += carriedBytes(demand.downBps, truth.speed.downBps, ms);
  truth.upBytes += carriedBytes(demand.upBps, truth.speed.upBps, ms);
  session.countedMs = atMs;
}

/** What one record of a session says, apart from how it travels. */
export interface Statement {
  readonly recordId: string;
  readonly status: StatusType;
  /** whole seconds, as Event-Timestamp is; ms since 1970 UTC */
  readonly eventMs: number;
  readonly cause: string | null;
}

/** A record of a session with its totals as they stand; travel fields (received_at, delay) are the caller's. */
export function sessionRecord(session: SimSession, statement: Statement): AccountingRecord {
  const { truth, nas, subscriber, device } = session;
  const counted = statement.status !== 'START';
  const { reversed } = nas.profile;
  const input = reversed ? truth.downBytes : truth.upBytes;
  const output = reversed ? truth.upBytes : truth.downBytes;
  return {
    ...emptyRecord(nas),
    record_id: statement.recordId,
    event_time: statement.eventMs,
    status_type: statement.status,
    subscriber_id: truth.subscriberId,
    user_name: truth.userName,
    chargeable_user_identity: truth.subscriberId,
    session_id: truth.sessionId,
    nas_port_id: `ether${subscriber.index % 48}`,
    framed_ip: framedIp(subscriber.index, device),
    delegated_prefix: `2001:db8:${hex(subscriber.index >> 12)}:${hex((subscriber.index << 4) & 0xfff0)}::/60`,
    calling_station_id: mac(subscriber.index, device),
    called_station_id: nas.profile.nasId,
    input_octets: counted ? input % GIGAWORD : null,
    output_octets: counted ? output % GIGAWORD : null,
    input_gigawords: counted ? gigawords(nas, input) : null,
    output_gigawords: counted ? gigawords(nas, output) : null,
    ipv6_input_octets: counted && nas.countsIpv6 ? Math.floor(input / 5) : null,
    ipv6_output_octets: counted && nas.countsIpv6 ? Math.floor(output / 5) : null,
    session_time: counted ? Math.floor((statement.eventMs - truth.startMs) / 1_000) : null,
    terminate_cause: statement.cause,
  };
}

/** An Accounting-On or -Off. */
export function nasRecord(
  nas: SimNas,
  recordId: string,
  status: 'ACCOUNTING_ON' | 'ACCOUNTING_OFF',
  eventMs: number,
): AccountingRecord {
  return {
    ...emptyRecord(nas),
    record_id: recordId,
    event_time: eventMs,
    status_type: status,
    terminate_cause: status === 'ACCOUNTING_OFF' ? 'NAS-Reboot' : null,
  };
}

/** Address of a device: one of 100.64.0.0/10 (RFC 6598), so nothing real is ever named. */
function framedIp(index: number, device: number): string {
  const host = (index * 4 + device) & 0x3f_ffff;
  return `100.${64 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
}

/** Locally administered address, so it is nobody's. */
function mac(index: number, device: number): string {
  const octets = [0x02, device, (index >> 24) & 255, (index >> 16) & 255, (index >> 8) & 255, index & 255];
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join('-');
}

function gigawords(nas: SimNas, octets: number): number | null {
  const wraps = Math.floor(octets / GIGAWORD);
  return wraps === 0 && nas.omitsZeroGigawords ? null : wraps;
}

function hex(value: number): string {
  return (value & 0xffff).toString(16);
}

function emptyRecord(nas: SimNas): AccountingRecord {
  return {
    record_id: '',
    feed_id: 'simulator',
    event_time: null,
    received_at: null,
    acct_delay_seconds: 0,
    status_type: 'START',
    subscriber_id: '',
    user_name: null,
    chargeable_user_identity: null,
    session_id: '',
    multi_session_id: null,
    parent_session_id: null,
    nas_id: nas.profile.nasId,
    nas_ip: nas.address,
    nas_port_id: null,
    framed_ip: null,
    framed_ipv6_prefix: null,
    delegated_prefix: null,
    calling_station_id: null,
    called_station_id: null,
    service_name: null,
    service_class: null,
    class: null,
    input_octets: null,
    output_octets: null,
    input_gigawords: null,
    output_gigawords: null,
    ipv6_input_octets: null,
    ipv6_output_octets: null,
    session_time: null,
    terminate_cause: null,
  };
}
