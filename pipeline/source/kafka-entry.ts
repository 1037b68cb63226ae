import type { KafkaMessage } from 'kafkajs';
import { CONTROL_HEADER } from '../../schemas/control.ts';
import type { LogEntry } from '../../storage/ports.ts';

/** A Kafka record as the log's entry. */
export function logEntry(message: KafkaMessage): LogEntry {
  return {
    offset: Number(message.offset),
    key: message.key,
    value: message.value,
    control: controlHeader(message.headers?.[CONTROL_HEADER]),
    appendTimeMs: Number(message.timestamp),
  };
}

/** Text of the header; given more than once it is no valid id, and the record becomes a dead letter. */
function controlHeader(header: Buffer | string | (Buffer | string)[] | undefined): string | null {
  if (header === undefined) return null;
  return Array.isArray(header) ? header.map(String).join(',') : String(header);
}
