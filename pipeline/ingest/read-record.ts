import type { AccountingRecord } from '../../schemas/accounting-record.ts';

/** What one element of a request gave. */
export type ReadRecord =
  /** `subscriber_id` may still be empty: it is then found by user name */
  | { kind: 'record'; record: AccountingRecord }
  /** an accounting packet that carries no usage: acknowledged, not stored */
  | { kind: 'ignored' }
  | { kind: 'fault'; detail: string };

/** What the request itself adds to a record. */
export interface Arrival {
  /** name of the API key that the request came with */
  feedId: string;
  /** ms since 1970 UTC */
  receivedAtMs: number;
  /** gives an id to a record that has none */
  newRecordId: () => string;
}

/** At most so many faults of one record are told. */
const MAX_TOLD = 3;

/** A fault whose detail is what was found, in one line. */
export function faultOf(problems: readonly string[]): ReadRecord {
  const more = problems.length > MAX_TOLD ? ` and ${problems.length - MAX_TOLD} more` : '';
  return { kind: 'fault', detail: problems.slice(0, MAX_TOLD).join('; ') + more };
}

/** True for a JSON object (no list, no null). */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
