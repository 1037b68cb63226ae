import type { AccountingRecord } from '../../schemas/accounting-record.ts';
import type { Arrival, ReadRecord } from './read-record.ts';
import { faultOf } from './read-record.ts';

type Check = (value: unknown) => boolean;

interface FieldRule {
  name: string;
  nullable: boolean;
  is: Check;
  /** what it must be, for people */
  form: string;
  /** undefined = the field must be there */
  fallback: unknown;
}

/** Largest long that Avro's JavaScript reader takes. */
const MAX_LONG = 2 ** 53 - 2;
const MAX_INT = 2 ** 31 - 1;

const FORMS: Readonly<Record<string, [is: Check, form: string]>> = {
  string: [(value) => typeof value === 'string', 'text'],
  int: [(value) => isWhole(value, MAX_INT), 'a whole number of 32 bits'],
  long: [(value) => isWhole(value, MAX_LONG), 'a whole number below 2^53'],
};

/**
 * Makes a reader of accounting records in JSON, field names and types as in accounting-record.avsc (`accountingText`).
 * Nothing is coerced (a number in quotes is a fault) and no unknown field is passed over. feed_id is always the request's;
 * record_id and received_at are filled in where they are missing.
 */
export function jsonRecordReader(
  accountingText: string,
): (value: Readonly<Record<string, unknown>>, arrival: Arrival) => ReadRecord {
  const rules = rulesOf(accountingText);
  const known = new Set(rules.map((rule) => rule.name));
  return (value, arrival) => {
    const problems = Object.keys(value)
      .filter((name) => !known.has(name))
      .map((name) => `unknown field ${JSON.stringify(name.slice(0, 64))}`);
    const record: Record<string, unknown> = {};
    for (const rule of rules) {
      const given = Object.hasOwn(value, rule.name) ? value[rule.name] : rule.fallback;
      if (given === undefined) problems.push(`${rule.name} is missing`);
      else if (given === null ? !rule.nullable : !rule.is(given))
        problems.push(`${rule.name} is not ${rule.form}`);
      record[rule.name] = given;
    }
    if (problems.length > 0) return faultOf(problems);
    return { kind: 'record', record: completed(record as unknown as AccountingRecord, arrival) };
  };
}

/** What a record that came whole gets from its request. */
export function completed(record: AccountingRecord, arrival: Arrival): AccountingRecord {
  return {
    ...record,
    record_id: record.record_id === '' ? arrival.newRecordId() : record.record_id,
    feed_id: arrival.feedId,
    received_at: record.received_at ?? arrival.receivedAtMs,
  };
}

type AvroType = string | AvroType[] | { type: AvroType; symbols?: string[] };

function rulesOf(accountingText: string): FieldRule[] {
  const schema = JSON.parse(accountingText) as {
    fields: { name: string; type: AvroType; default?: unknown }[];
  };
  return schema.fields.map((field) => {
    const branches = Array.isArray(field.type) ? field.type : [field.type];
    const [type] = branches.filter((branch) => branch !== 'null');
    const [is, form] = formOf(type);
    return {
      name: field.name,
      nullable: branches.includes('null'),
      is,
      form,
      fallback: field.name === 'record_id' ? '' : field.default,
    };
  });
}

function formOf(type: AvroType | undefined): [is: Check, form: string] {
  if (typeof type === 'object' && !Array.isArray(type)) {
    const { symbols } = type;
    if (symbols !== undefined)
      return [(value) => symbols.some((symbol) => symbol === value), `one of ${symbols.join(', ')}`];
    return formOf(type.type);
  }
  const form = typeof type === 'string' ? FORMS[type] : undefined;
  if (form === undefined) throw new Error(`accounting-record.avsc has a type that JSON is not read as`);
  return form;
}

function isWhole(value: unknown, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= max;
}
