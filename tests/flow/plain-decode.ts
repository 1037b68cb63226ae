import { readFileSync } from 'node:fs';
import avro from 'avsc';
import type { AccountingRecord, UsageEvent } from '../../schemas/accounting-record.ts';

const SCHEMA = readFileSync(new URL('../../schemas/accounting-record.avsc', import.meta.url), 'utf8');
const TYPE = avro.Type.forSchema(JSON.parse(SCHEMA) as never);
/** Marker and fingerprint of Avro's single-object encoding. */
const PREFIX_BYTES = 10;

/** A good record of the load generator, read with nothing but avsc: shares no code with the product's decoder. */
export function plainUsageEvent(value: Buffer): UsageEvent {
  const record = TYPE.fromBuffer(value.subarray(PREFIX_BYTES)) as AccountingRecord;
  const total = (octets: number | null, gigawords: number | null): number | null =>
    octets === null ? null : octets + (gigawords ?? 0) * 4_294_967_296;
  return {
    feedId: record.feed_id,
    statusType: record.status_type,
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
    inputOctets: total(record.input_octets, record.input_gigawords),
    outputOctets: total(record.output_octets, record.output_gigawords),
    ipv6InputOctets: record.ipv6_input_octets,
    ipv6OutputOctets: record.ipv6_output_octets,
    sessionTimeSeconds: record.session_time,
    terminateCause: record.terminate_cause,
  };
}
