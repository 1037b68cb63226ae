import type { Readable } from 'node:stream';
import type { ClickHouseClient } from '@clickhouse/client';
import { AppError } from '../../schemas/errors.ts';
import type { UsageExtent, UsageSteps, UsageStepsRequest } from '../analytics-ports.ts';
import { RowBinaryReader } from './row-binary.ts';
import { uniteSteps } from '../unite-steps.ts';
import type { SubscriberSteps } from '../unite-steps.ts';

/** Classes that one answer tells apart. */
const MOST_CLASSES = 65_535;

/** First and last window with usage. Errors are as the client throws them. */
export async function readUsageExtent(
  client: ClickHouseClient,
  fromSeconds: number,
  toSeconds: number,
): Promise<UsageExtent> {
  const range = (column: string): string =>
    `${column} >= toDateTime(${String(fromSeconds)}, 'UTC') AND ${column} < toDateTime(${String(toSeconds)}, 'UTC')`;
  const result = await client.query({
    query:
      'SELECT min(first), max(last), sum(found) FROM (' +
      'SELECT toUInt32(min(window_start)) AS first, toUInt32(max(window_start)) AS last, count() AS found ' +
      `FROM usage_window WHERE ${range('window_start')} HAVING found > 0 UNION ALL ` +
      'SELECT toUInt32(toStartOfFiveMinutes(toDateTime(min(used_from)))), ' +
      'toUInt32(toStartOfFiveMinutes(toDateTime(max(used_from)))), count() AS found ' +
      `FROM usage_late WHERE ${range('used_from')} HAVING found > 0)`,
    format: 'JSONCompactEachRow',
  });
  const [first, last, found] = (await result.json<[number, number, number | string]>())[0] ?? [0, 0, 0];
  return Number(found) === 0
    ? { firstMs: null, lastMs: null }
    : { firstMs: first * 1000, lastMs: last * 1000 };
}

/**
 * One page of usage. Windows are summed in key order, which needs neither sorting nor a table of all groups: 6 M rows/s on two
 * cores, half of that with an ORDER BY. Late rows are few and read apart, for the same reason. Errors are as the client
 * throws them.
 */
export async function readUsageSteps(
  client: ClickHouseClient,
  request: UsageStepsRequest,
): Promise<UsageSteps> {
  const classes = await classesIn(client, request);
  const parts: SubscriberSteps[] = [];
  for (const source of [WINDOWS, LATE]) {
    const answer = await binary(client, stepsQuery(request, source, classes.length > 1), {
      ...parametersOf(request),
      ...(classes.length > 1 ? { classes } : {}),
    });
    parts.push(...decoded(answer, classes.length > 1));
  }
  return uniteSteps(parts, classes);
}

interface Source {
  table: string;
  at: string;
}

const WINDOWS: Source = { table: 'usage_window', at: 'window_start' };
/** A late row is in the window where it began. */
const LATE: Source = { table: 'usage_late', at: 'used_from' };

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

/** Nearly always the default class alone: then no class is sent with the rows. */
async function classesIn(client: ClickHouseClient, request: UsageStepsRequest): Promise<string[]> {
  const of = ({ table, at }: Source): string =>
    `SELECT DISTINCT service_class FROM ${table} WHERE ${bounds(request, at)}`;
  const result = await client.query({
    query: `SELECT DISTINCT service_class FROM (${of(WINDOWS)} UNION ALL ${of(LATE)}) ORDER BY service_class LIMIT ${String(MOST_CLASSES + 1)}`,
    query_params: parametersOf(request),
    format: 'JSONCompactEachRow',
  });
  const classes = (await result.json<[string]>()).map(([name]) => name);
  if (classes.length > MOST_CLASSES)
    throw new AppError('analytics-failed', `usage of more than ${String(MOST_CLASSES)} service classes`);
  return classes.length === 0 ? [''] : classes;
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
