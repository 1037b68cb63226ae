/** Acct-Status-Type (RFC 2866 5.1) as the Avro enum spells it. */
export const STATUS_TYPES = ['START', 'INTERIM_UPDATE', 'STOP', 'ACCOUNTING_ON', 'ACCOUNTING_OFF'] as const;
export type StatusType = (typeof STATUS_TYPES)[number];

/**
 * One accounting record as `accounting-record.avsc` describes it; a test keeps the two equal.
 * Field names are the wire's. Counters are cumulative since the session began, in octets.
 */
export interface AccountingRecord {
  record_id: string;
  feed_id: string;
  /** ms since 1970 UTC; null = the NAS sent no Event-Timestamp */
  event_time: number | null;
  /** ms since 1970 UTC */
  received_at: number | null;
  acct_delay_seconds: number;
  status_type: StatusType;
  subscriber_id: string;
  user_name: string | null;
  chargeable_user_identity: string | null;
  session_id: string;
  multi_session_id: string | null;
  parent_session_id: string | null;
  nas_id: string;
  nas_ip: string | null;
  nas_port_id: string | null;
  framed_ip: string | null;
  framed_ipv6_prefix: string | null;
  delegated_prefix: string | null;
  calling_station_id: string | null;
  called_station_id: string | null;
  service_name: string | null;
  service_class: string | null;
  class: string | null;
  /** upload; null = absent, which is not zero */
  input_octets: number | null;
  /** download; null = absent, which is not zero */
  output_octets: number | null;
  input_gigawords: number | null;
  output_gigawords: number | null;
  ipv6_input_octets: number | null;
  ipv6_output_octets: number | null;
  /** seconds */
  session_time: number | null;
  terminate_cause: string | null;
}

/**
 * What the meter needs of a record: the decoded projection, gigawords folded in.
 * Octets are safe integers (< 2^53) or null where the NAS sent none.
 */
export interface UsageEvent {
  feedId: string;
  statusType: StatusType;
  subscriberId: string;
  userName: string | null;
  sessionId: string;
  /** Acct-Multi-Session-Id, shared by siblings */
  multiSessionId: string | null;
  /** session id of the parent of a sub-session */
  parentSessionId: string | null;
  nasId: string;
  nasIp: string | null;
  framedIp: string | null;
  serviceName: string | null;
  serviceClass: string | null;
  /** RADIUS Class (RFC 2865 5.25) as the feeder wrote it */
  radiusClass: string | null;
  /** ms since 1970 UTC */
  eventTimeMs: number | null;
  /** ms since 1970 UTC */
  receivedAtMs: number | null;
  acctDelaySeconds: number;
  /** from the subscriber (upload) unless the NAS profile says reversed */
  inputOctets: number | null;
  /** to the subscriber (download) unless the NAS profile says reversed */
  outputOctets: number | null;
  /** IPv6 part by the NAS's own counters (RFC 4818 does not define them; per NAS profile subset or additive) */
  ipv6InputOctets: number | null;
  ipv6OutputOctets: number | null;
  sessionTimeSeconds: number | null;
  terminateCause: string | null;
}
