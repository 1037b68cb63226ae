import type { StatusType, UsageEvent } from '../../schemas/accounting-record.ts';
import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import type { Projected } from './writer-schema.ts';

/** Times before 2000 or from 2100 on are garbage of a NAS without a clock. ms since 1970 UTC. */
export const MIN_PLAUSIBLE_MS = Date.UTC(2000, 0, 1);
export const MAX_PLAUSIBLE_MS = Date.UTC(2100, 0, 1);
/** No session lasts 100 years. Seconds. */
const MAX_SESSION_SECONDS = 3_155_760_000;
const GIGAWORD = 2 ** 32;
/** UTF-16 units. A RADIUS attribute holds 253 octets (RFC 2865 5); ids of profiles and NAS are allowed as many. */
const MAX_TEXT_LENGTH = 256;
const IDS = ['subscriber_id', 'session_id', 'nas_id'] as const;
const TEXTS = [
  ...IDS,
  'user_name',
  'nas_ip',
  'framed_ip',
  'service_name',
  'service_class',
  'class',
  'feed_id',
  'multi_session_id',
  'parent_session_id',
  'terminate_cause',
] as const;
/** What a text's bytes become where they are not UTF-8: two such ids could look the same and be metered as one. */
const REPLACEMENT = '\uFFFD';

/** Why a record that was read can not be metered. */
export interface Refusal {
  reason: DeadLetterReason;
  detail: string;
}

/**
 * Turns what was read of a record into the meter's event: gigawords folded in (RFC 2869 5.1), required fields,
 * texts and plausible times checked. Absent octets stay null even where gigawords are present.
 */
export function toUsageEvent(record: Projected): UsageEvent | Refusal {
  const statusType = STATUS_BY_NAME.get(record.status_type);
  if (statusType === undefined) return refuse('undecodable', 'unknown symbol of status_type');
  const ofSession = statusType !== 'ACCOUNTING_ON' && statusType !== 'ACCOUNTING_OFF';
  if (record.nas_id === '') return refuse('missing-field', 'nas_id is empty');
  if (ofSession && record.subscriber_id === '') return refuse('missing-field', 'subscriber_id is empty');
  if (ofSession && record.session_id === '') return refuse('missing-field', 'session_id is empty');
  const badText = badTextOf(record);
  if (badText !== null) return badText;

  const timeProblem = implausibleTime(record);
  if (timeProblem !== null) return refuse('implausible-time', timeProblem);

  const inputOctets = total(record.input_octets, record.input_gigawords);
  const outputOctets = total(record.output_octets, record.output_gigawords);
  if (inputOctets === 'negative' || outputOctets === 'negative')
    return refuse('negative-octets', 'a counter is negative');
  if (inputOctets === 'beyond' || outputOctets === 'beyond') {
    return refuse('octets-beyond-2^53', 'a counter with its gigawords is beyond 2^53');
  }
  const ipv6InputOctets = total(record.ipv6_input_octets, null);
  const ipv6OutputOctets = total(record.ipv6_output_octets, null);
  if (ipv6InputOctets === 'negative' || ipv6OutputOctets === 'negative')
    return refuse('negative-octets', 'an IPv6 counter is negative');
  if (ipv6InputOctets === 'beyond' || ipv6OutputOctets === 'beyond')
    return refuse('octets-beyond-2^53', 'an IPv6 counter is beyond 2^53');
  return {
    feedId: record.feed_id,
    statusType,
    subscriberId: record.subscriber_id,
    userName: record.user_name,
    sessionId: record.session_id,
    multiSessionId: record.multi_session_id,
    parentSessionId: record.parent_session_id,
    nasId: record.nas_id,
    nasIp: record.nas_ip,
    framedIp: record.framed_ip,
    serviceName: record.service_name,
    serviceClass: record.service_class,
    radiusClass: record.class,
    eventTimeMs: record.event_time,
    receivedAtMs: record.received_at,
    acctDelaySeconds: record.acct_delay_seconds,
    inputOctets,
    outputOctets,
    ipv6InputOctets,
    ipv6OutputOctets,
    sessionTimeSeconds: record.session_time,
    terminateCause: record.terminate_cause,
  };
}

/** True for a refusal. */
export function isRefusal(value: UsageEvent | Refusal): value is Refusal {
  return 'reason' in value;
}

/**
 * The same for a record that only the wide decoder could read: one of its longs is beyond what avsc takes (2^53 - 2).
 * Counters decide before times: the reason is the one that costs money.
 */
export function fromWide(record: Projected<bigint>): UsageEvent | Refusal {
  const octets = [
    record.input_octets,
    record.output_octets,
    record.ipv6_input_octets,
    record.ipv6_output_octets,
  ].filter((value) => value !== null);
  if (octets.some((value) => value < 0n)) return refuse('negative-octets', 'a counter is negative');
  if (octets.some((value) => !isSafe(value))) return refuse('octets-beyond-2^53', 'a counter is beyond 2^53');
  const times = [record.event_time, record.received_at, record.session_time];
  if (times.some((value) => value !== null && !isSafe(value)))
    return refuse('implausible-time', 'a time is beyond 2^53');
  return toUsageEvent({
    ...record,
    event_time: narrow(record.event_time),
    received_at: narrow(record.received_at),
    session_time: narrow(record.session_time),
    input_octets: narrow(record.input_octets),
    output_octets: narrow(record.output_octets),
    ipv6_input_octets: narrow(record.ipv6_input_octets),
    ipv6_output_octets: narrow(record.ipv6_output_octets),
  });
}

function narrow(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}

const STATUS_BY_NAME: ReadonlyMap<string, StatusType> = new Map(STATUS_TYPES.map((name) => [name, name]));

function refuse(reason: DeadLetterReason, detail: string): Refusal {
  return { reason, detail };
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}

function badTextOf(record: Projected): Refusal | null {
  for (const field of TEXTS) {
    const length = record[field]?.length ?? 0;
    if (length > MAX_TEXT_LENGTH)
      return refuse('oversize', `${field} has ${length} characters, allowed are ${MAX_TEXT_LENGTH}`);
  }
  for (const field of IDS) {
    if (record[field].includes(REPLACEMENT)) return refuse('undecodable', `${field} is not UTF-8`);
  }
  return null;
}

function plausible(timeMs: number): boolean {
  return timeMs >= MIN_PLAUSIBLE_MS && timeMs < MAX_PLAUSIBLE_MS;
}

function implausibleTime(record: Projected): string | null {
  if (record.event_time !== null && !plausible(record.event_time)) return 'event_time is outside 2000..2100';
  if (record.received_at !== null && !plausible(record.received_at))
    return 'received_at is outside 2000..2100';
  if (record.acct_delay_seconds < 0) return 'acct_delay_seconds is negative';
  if (record.event_time === null && record.received_at !== null) {
    if (!plausible(record.received_at - record.acct_delay_seconds * 1000)) {
      return 'received_at minus acct_delay_seconds is outside 2000..2100';
    }
  }
  if (
    record.session_time !== null &&
    (record.session_time < 0 || record.session_time > MAX_SESSION_SECONDS)
  ) {
    return 'session_time is negative or beyond 100 years';
  }
  return null;
}

function total(octets: number | null, gigawords: number | null): number | null | 'negative' | 'beyond' {
  if (octets === null) return gigawords !== null && gigawords < 0 ? 'negative' : null;
  if (octets < 0 || (gigawords !== null && gigawords < 0)) return 'negative';
  const sum = gigawords === null ? octets : gigawords * GIGAWORD + octets;
  return sum > Number.MAX_SAFE_INTEGER ? 'beyond' : sum;
}
