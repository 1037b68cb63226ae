import type { AccountingRecord, StatusType } from '../../schemas/accounting-record.ts';
import { MAX_PLAUSIBLE_MS, MIN_PLAUSIBLE_MS } from '../decode/usage-event.ts';
import { RadiusAttributes } from './radius-attributes.ts';
import { radiusDate, radiusText } from './radius-values.ts';
import type { Arrival, ReadRecord } from './read-record.ts';
import { faultOf } from './read-record.ts';

/** How packets are read. */
export interface RadiusOptions {
  /** attribute whose value is the record's service_name; null = records have none */
  serviceAttribute: string | null;
}

/** Acct-Status-Type (RFC 2866 5.1) by name and number; all others carry no usage. */
const STATUS: ReadonlyMap<unknown, StatusType> = new Map<unknown, StatusType>([
  ['Start', 'START'],
  [1, 'START'],
  ['Stop', 'STOP'],
  [2, 'STOP'],
  ['Interim-Update', 'INTERIM_UPDATE'],
  ['Alive', 'INTERIM_UPDATE'],
  [3, 'INTERIM_UPDATE'],
  ['Accounting-On', 'ACCOUNTING_ON'],
  [7, 'ACCOUNTING_ON'],
  ['Accounting-Off', 'ACCOUNTING_OFF'],
  [8, 'ACCOUNTING_OFF'],
]);

/** Acct-Terminate-Cause (RFC 2866 5.10, RFC 3580 3.4) by number from 1 on, as FreeRADIUS's dictionary names them. */
const TERMINATE_CAUSES = [
  ...['User-Request', 'Lost-Carrier', 'Lost-Service', 'Idle-Timeout', 'Session-Timeout', 'Admin-Reset'],
  ...['Admin-Reboot', 'Port-Error', 'NAS-Error', 'NAS-Request', 'NAS-Reboot', 'Port-Unneeded'],
  ...['Port-Preempted', 'Port-Suspended', 'Service-Unavailable', 'Callback', 'User-Error', 'Host-Request'],
  ...['Supplicant-Restart', 'Reauthentication-Failure', 'Port-Reinit', 'Port-Disabled'],
];

const ZONE_HINT =
  'Event-Timestamp is neither seconds since 1970 nor a text that ends in UTC: send the header Weir-Event-Time';

/**
 * The accounting record of one RADIUS packet (RFC 2866, 2869, 3162, 4372, 4818) in FreeRADIUS's JSON. Pure but for the
 * new record id. Packets that are neither of a session nor On or Off (Tunnel-*, Failed, ...) are 'ignored'.
 *
 * An Event-Timestamp outside 2000..2100 is a NAS without a clock and counts as none.
 *
 * @param eventTime seconds since 1970 as text, where the RADIUS server says the time beside the packet; else null
 */
export function fromRadius(
  packet: Readonly<Record<string, unknown>>,
  arrival: Arrival,
  options: RadiusOptions,
  eventTime: string | null,
): ReadRecord {
  const attributes = new RadiusAttributes(packet);
  const status = attributes.raw('Acct-Status-Type');
  const statusType = STATUS.get(
    typeof status === 'string' && /^\d{1,2}$/.test(status) ? Number(status) : status,
  );
  if (statusType === undefined) {
    return isOtherStatus(status)
      ? { kind: 'ignored' }
      : faultOf([...attributes.problems, 'there is no Acct-Status-Type']);
  }
  const record = recordOf(attributes, statusType, arrival, options);
  record.event_time = eventTimeOf(attributes, eventTime);
  if (record.nas_id === '')
    attributes.problems.push('there is no NAS-Identifier, NAS-IP-Address or NAS-IPv6-Address');
  return attributes.problems.length > 0 ? faultOf(attributes.problems) : { kind: 'record', record };
}

function recordOf(
  attributes: RadiusAttributes,
  statusType: StatusType,
  arrival: Arrival,
  { serviceAttribute }: RadiusOptions,
): AccountingRecord {
  const nasIp = attributes.text('NAS-IP-Address') ?? attributes.text('NAS-IPv6-Address');
  const identity = attributes.octets('Chargeable-User-Identity');
  const ofNas = statusType === 'ACCOUNTING_ON' || statusType === 'ACCOUNTING_OFF';
  return {
    record_id: arrival.newRecordId(),
    feed_id: arrival.feedId,
    event_time: null,
    received_at: arrival.receivedAtMs,
    acct_delay_seconds: attributes.int('Acct-Delay-Time') ?? 0,
    status_type: statusType,
    subscriber_id: ofNas ? '' : (identity ?? ''),
    user_name: attributes.text('User-Name'),
    chargeable_user_identity: identity,
    session_id: attributes.text('Acct-Session-Id') ?? '',
    multi_session_id: attributes.text('Acct-Multi-Session-Id'),
    parent_session_id: null,
    nas_id: attributes.text('NAS-Identifier') ?? nasIp ?? '',
    nas_ip: nasIp,
    nas_port_id: attributes.text('NAS-Port-Id'),
    framed_ip: attributes.text('Framed-IP-Address'),
    framed_ipv6_prefix: attributes.text('Framed-IPv6-Prefix'),
    delegated_prefix: attributes.text('Delegated-IPv6-Prefix'),
    calling_station_id: attributes.text('Calling-Station-Id'),
    called_station_id: attributes.text('Called-Station-Id'),
    service_name: serviceAttribute === null ? null : attributes.text(serviceAttribute),
    service_class: null,
    class: attributes.octets('Class'),
    input_octets: attributes.count('Acct-Input-Octets'),
    output_octets: attributes.count('Acct-Output-Octets'),
    input_gigawords: attributes.int('Acct-Input-Gigawords'),
    output_gigawords: attributes.int('Acct-Output-Gigawords'),
    ipv6_input_octets: null,
    ipv6_output_octets: null,
    session_time: attributes.count('Acct-Session-Time'),
    terminate_cause: terminateCause(attributes),
  };
}

/** A name or number of the attribute that means nothing here; a dictionary may know more of them than we do. */
function isOtherStatus(status: string | number | undefined): boolean {
  if (typeof status === 'number') return Number.isInteger(status) && status >= 0 && status < 2 ** 32;
  return status !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(status);
}

function eventTimeOf(attributes: RadiusAttributes, given: string | null): number | null {
  const value = given ?? attributes.raw('Event-Timestamp');
  if (value === undefined) return null;
  const atMs = given !== null && !/^\d{1,16}$/.test(given) ? null : radiusDate(value);
  if (atMs === null) {
    attributes.problems.push(given === null ? ZONE_HINT : 'Weir-Event-Time is not seconds since 1970');
    return null;
  }
  return atMs >= MIN_PLAUSIBLE_MS && atMs < MAX_PLAUSIBLE_MS ? atMs : null;
}

function terminateCause(attributes: RadiusAttributes): string | null {
  const cause = attributes.raw('Acct-Terminate-Cause');
  if (cause === undefined) return null;
  if (typeof cause === 'number') return TERMINATE_CAUSES[cause - 1] ?? String(cause);
  return radiusText(cause);
}
