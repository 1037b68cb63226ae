import type { Readable } from 'node:stream';
import type { ClickHouseClient } from '@clickhouse/client';
import { AppError } from '../../schemas/errors.ts';
import type { UsageExtent, UsageSteps, UsageStepsRequest } from '../analytics-ports.ts';
import { RowBinaryReader } from './row-binary.ts';
import { inByteOrder, uniteSteps } from '../unite-steps.ts';
import type { SubscriberSteps } from '../unite-steps.ts';

/** Classes that one answer tells apart. */
const MOST_CLASSES = 65_535;

interface Source {
  table: string;
  at: string;
}

const WINDOWS: Source = { table: 'usage_window', at: 'window_start' };
/** A late row is in the window where it began. */
const LATE: Source = { table: 'usage_late', at: 'used_from' };

/** What usage there is. Errors are as the client throws them. */
export async function readUsageExtent(
  client: ClickHouseClient,
  fromSeconds: number,
  toSeconds: number,
): Promise<UsageExtent> {
  const of = ({ table, at }: Source): string =>
    `SELECT toUInt32(toStartOfFiveMinutes(toDateTime(min(${at}), 'UTC'))) AS first, ` +
    `toUInt32(toStartOfFiveMinutes(toDateTime(max(${at}), 'UTC'))) AS last, ` +
    `groupUniqArray(${String(MOST_CLASSES + 1)})(service_class) AS classes FROM ${table} ` +
    `WHERE ${at} >= toDateTime(${String(fromSeconds)}, 'UTC') AND ${at} < toDateTime(${String(toSeconds)}, 'UTC') ` +
    'HAVING count() > 0';
  const result = await client.query({
    query: `SELECT first, last, classes, false FROM (${of(WINDOWS)}) UNION ALL SELECT first, last, classes, true FROM (${of(LATE)})`,
    format: 'JSONCompactEachRow',
  });
  const rows = await result.json<[number, number, string[], boolean]>();
  const classes = [...new Set(rows.flatMap(([, , names]) => names))];
  if (classes.length > MOST_CLASSES)
    throw new AppError('analytics-failed', `usage of more than ${String(MOST_CLASSES)} service classes`);
  return {
    firstMs: rows.length === 0 ? null : 1000 * Math.min(...rows.map(([first]) => first)),
    lastMs: rows.length === 0 ? null : 1000 * Math.max(...rows.map(([, last]) => last)),
    classes: inByteOrder(classes),
    hasLate: rows.some(([, , , isLate]) => isLate),
  };
}

/**
 * One page of usage. Nearly always there is the default class alone: then none is sent with the rows. Windows are summed in key order, which needs neither sorting nor a table of all groups: 6 M rows/s on two
 * cores, half of that with an ORDER BY. Late rows are few and read apart, for the same reason. Errors are as the client
 * throws them.
 */
export async function readUsageSteps(
  client: ClickHouseClient,
  request: UsageStepsRequest,
): Promise<UsageSteps> {
  const { classes, hasLate } = request.extent;
  const parts: SubscriberSteps[] = [];
  for (const source of hasLate ? [WINDOWS, LATE] : [WINDOWS]) {
    const answer = await binary(client, stepsQuery(request, source, classes.length > 1), {
      ...parametersOf(request),
      ...(classes.length > 1 ? { classes } : {}),
    });
    parts.push(...decoded(answer, classes.length > 1));
  }
  return uniteSteps(parts, classes.length === 0 ? [''] : classes);
}

function stepsQuery(request: UsageStepsRequest, { table, at }: Source, byClass: boolean): string {
  const step = String(request.stepMs / 1000);
  const ofClass = byClass ? ', toUInt16(indexOf({classes:Array(String)}, service_class) - 1) AS class' : '';
  return (
    `SELECT subscriber_id, groupArray(step), groupArray(down), groupArray(up)${byClass ? ', groupArray(class)' : ''} FROM (` +
    `SELECT subscriber_id, toUInt32(intDiv(toUInt32(toDateTime(${at}, 'UTC')), ${step}) * ${step}) AS step${ofClass}, ` +
    `sum(down_bytes) AS down, sum(up_bytes) AS up FROM ${table} FINAL WHERE ${bounds(request, at)} ` +
    `GROUP BY subscriber_id, step${byClass ? ', class' : ''}) GROUP BY subscriber_id ` +
    'SETTINGS do_not_merge_across_partitions_select_final = 1, optimize_aggregation_in_order = 1 FORMAT RowBinary'
  );
}

function bounds(request: UsageStepsRequest, at: string): string {
  const { afterId, throughId, hashBelow } = request;
  return [
    `${at} >= toDateTime({from:UInt32}, 'UTC') AND ${at} < toDateTime({to:UInt32}, 'UTC')`,
    ...(afterId === null ? [] : ['subscriber_id > {after:String}']),
    ...(throughId === null ? [] : ['subscriber_id <= {through:String}']),
    // Kafka's partitioner: the one hash that both sides have.
    ...(hashBelow === null ? [] : ['kafkaMurmurHash(subscriber_id) < {hash:UInt32}']),
  ].join(' AND ');
}

function parametersOf(request: UsageStepsRequest): Record<string, unknown> {
  const { afterId, throughId, hashBelow, fromMs, toMs } = request;
  return {
    from: seconds(fromMs),
    to: seconds(toMs),
    ...(afterId === null ? {} : { after: afterId }),
    ...(throughId === null ? {} : { through: throughId }),
    ...(hashBelow === null ? {} : { hash: hashBelow }),
  };
}

/** The answer's bytes. The server is asked to have all of it before it says OK: an error in the middle would read as data. */
async function binary(
  client: ClickHouseClient,
  query: string,
  query_params: Record<string, unknown>,
): Promise<Buffer> {
  const { stream } = await client.exec({
    query,
    query_params,
    clickhouse_settings: { wait_end_of_query: 1 },
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream as Readable & AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function decoded(bytes: Buffer, byClass: boolean): SubscriberSteps[] {
  const reader = new RowBinaryReader(bytes);
  const parts: SubscriberSteps[] = [];
  while (!reader.atEnd) {
    const subscriberId = reader.text();
    const steps = reader.uint32s();
    const down = reader.uint64s();
    const up = reader.uint64s();
    const classIndexes = byClass ? reader.uint16s() : null;
    parts.push({ subscriberId, seconds: steps, down, up, classIndexes });
  }
  return parts;
}

/** Window starts are whole seconds, so rounding a bound up keeps [from, to) exact; held inside DateTime's range. */
function seconds(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms / 1000), 0), 0xffff_ffff);
}
