import type { AccountingRecord } from '../../schemas/accounting-record.ts';
import { isRefusal, toUsageEvent } from '../decode/usage-event.ts';

/** False for Accounting-On and -Off, which are of a NAS. */
export function isOfSession(record: AccountingRecord): boolean {
  return record.status_type !== 'ACCOUNTING_ON' && record.status_type !== 'ACCOUNTING_OFF';
}

/**
 * Why a record can not be taken, in one line; null where it can. These are the decoder's own checks (so what is appended
 * is no dead letter but by its time), its size, and texts that databases refuse: NUL and halves of surrogate pairs.
 *
 * @param subscriberId of whom it will be, where it names nobody itself
 * @param encode of the log
 */
export function recordProblem(
  record: AccountingRecord,
  subscriberId: string,
  encode: (record: AccountingRecord) => Uint8Array,
  maxRecordBytes: number,
): string | null {
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'string' && /\0|\p{Surrogate}/u.test(value))
      return `${name} holds a NUL or half of a surrogate pair`;
  }
  if (isOfSession(record) && subscriberId === '')
    return 'there is no subscriber_id, Chargeable-User-Identity or User-Name';
  const named = { ...record, subscriber_id: subscriberId };
  const event = toUsageEvent(named);
  if (isRefusal(event)) return `${event.reason}: ${event.detail}`;
  const { length } = encode(named);
  return length > maxRecordBytes ? `oversize: ${length} bytes, allowed are ${maxRecordBytes}` : null;
}
