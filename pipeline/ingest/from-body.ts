import type { ReadBody } from './from-avro.ts';
import { jsonRecordReader } from './from-json.ts';
import { fromRadius } from './from-radius.ts';
import type { RadiusOptions } from './from-radius.ts';
import type { Arrival, ReadRecord } from './read-record.ts';
import { isJsonObject } from './read-record.ts';

/**
 * Makes a reader of JSON bodies: one object, a list of them, or `{"records": [...]}`. An object with Acct-Status-Type is a
 * RADIUS packet in FreeRADIUS's JSON, every other one a record as accounting-record.avsc (`accountingText`) spells it.
 */
export function jsonReader(
  accountingText: string,
  radius: RadiusOptions,
  maxRecords: number,
): (body: unknown, arrival: Arrival, eventTime: string | null) => ReadBody {
  const readRecord = jsonRecordReader(accountingText);
  const readOne = (value: unknown, arrival: Arrival, eventTime: string | null): ReadRecord => {
    if (!isJsonObject(value)) return { kind: 'fault', detail: 'it is not an object' };
    return isPacket(value) ? fromRadius(value, arrival, radius, eventTime) : readRecord(value, arrival);
  };
  return (body, arrival, eventTime) => {
    const list = listOf(body);
    if (list === null) return { ok: true, records: [readOne(body, arrival, eventTime)] };
    if (list.length === 0) return { ok: false, detail: 'there are no records', tooLarge: false };
    if (list.length > maxRecords) {
      return { ok: false, detail: `${list.length} records, allowed are ${maxRecords}`, tooLarge: true };
    }
    if (eventTime !== null) {
      return { ok: false, detail: 'Weir-Event-Time is for one packet, not for a list', tooLarge: false };
    }
    return { ok: true, records: list.map((value) => readOne(value, arrival, null)) };
  };
}

/** Elements of a list or of an object that holds nothing but `records`; null for anything else. */
function listOf(body: unknown): readonly unknown[] | null {
  if (Array.isArray(body)) return body;
  if (!isJsonObject(body) || !Array.isArray(body['records'])) return null;
  return Object.keys(body).length === 1 ? body['records'] : null;
}

/** rlm_rest sends every packet with its attributes' names; no field of a record has a capital letter. */
function isPacket(value: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(value).some((name) => /^[A-Z]/.test(name));
}
