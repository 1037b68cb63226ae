import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { fastRecordEncoder } from '../../simulator/fast-encoder.ts';
import { simulatedNas } from '../../simulator/profiles.ts';
import { nasRecord } from '../../simulator/session.ts';
import type { LogAppend } from '../../storage/ports.ts';

const GIGAWORD = 2 ** 32;
const MINUTE_MS = 60_000;
const NAS = simulatedNas(0);

/** A session that carries so many bytes, evenly, from `startMs` on; a minute a record. */
export interface PlannedSession {
  subscriberId: string;
  startMs: number;
  minutes: number;
  bytes: number;
  /** it goes on: its last record is an interim */
  isOpen?: boolean;
  /** the log's clock when its records come; default: as it goes */
  stampMs?: number;
}

/** The records of sessions as the log gets them: Start, interims, Stop; all of one minute before those of the next. */
export function sessionEntries(sessions: readonly PlannedSession[], partitions: number): LogAppend[] {
  const encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  return sessions
    .flatMap((session) => Array.from({ length: session.minutes + 1 }, (_, minute) => ({ session, minute })))
    .sort((a, b) => a.minute - b.minute)
    .map(({ session: { subscriberId, startMs, minutes, bytes, isOpen, stampMs }, minute }) => {
      const eventMs = startMs + minute * MINUTE_MS;
      const carried = Math.floor((bytes * minute) / minutes);
      const sessionId = `${subscriberId}-${String(startMs)}`;
      const value = encode({
        ...nasRecord(NAS, `${sessionId}-${String(minute)}`, 'ACCOUNTING_ON', eventMs),
        status_type:
          minute === 0 ? 'START' : minute === minutes && isOpen !== true ? 'STOP' : 'INTERIM_UPDATE',
        subscriber_id: subscriberId,
        user_name: subscriberId,
        session_id: sessionId,
        // Down is output; up stays 0.
        input_octets: minute === 0 ? null : 0,
        output_octets: minute === 0 ? null : carried % GIGAWORD,
        output_gigawords: minute === 0 ? null : Math.floor(carried / GIGAWORD),
        session_time: minute * 60,
      });
      const partition = partitionOfText(subscriberId, partitions);
      return { partition, key: Buffer.from(subscriberId), value, timeMs: stampMs ?? eventMs };
    });
}
