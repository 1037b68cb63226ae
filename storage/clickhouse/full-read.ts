import type { ClickHouseClient } from '@clickhouse/client';
import type { ActionRow, SessionRow, UsageLateRow, UsageWindowRow } from '../analytics-ports.ts';

/**
 * Rows a page, counted before versions are merged. About 130 ms a page at 6 M rows of three versions, a quarter of what
 * paging by the whole key took: FINAL with LIMIT merges everything behind the first row again on each page.
 */
const PAGE_ROWS = 30_000;

/** How a kind of row is read back: the expressions of its columns in the order that `toRow` takes them. */
export interface ReadFormat<Row> {
  table: string;
  columns: readonly string[];
  /** key behind the subscriber */
  order: string;
  toRow(values: Values): Row;
}

/** One row's values; 64-bit integers come as text, since JSON numbers above 2^53 would be rounded. */
type Values = readonly (string | number | boolean)[];

const milliseconds = (column: string): string => `toString(toUnixTimestamp64Milli(${column}))`;
const text = (values: Values, index: number): string => String(values[index]);
const number = (values: Values, index: number): number => Number(values[index]);

export const READ_WINDOWS: ReadFormat<UsageWindowRow> = {
  table: 'usage_window',
  columns: [
    'log_partition',
    'subscriber_id',
    'toUInt32(window_start)',
    'service_class',
    'nas_id',
    'plan_id',
    'toString(down_bytes)',
    'toString(up_bytes)',
    'estimated',
    'toString(version)',
  ],
  order: 'window_start, service_class, nas_id, log_partition',
  toRow: (row) => ({
    partition: number(row, 0),
    subscriberId: text(row, 1),
    windowStartMs: number(row, 2) * 1000,
    serviceClass: text(row, 3),
    nasId: text(row, 4),
    planId: text(row, 5),
    downBytes: number(row, 6),
    upBytes: number(row, 7),
    estimated: row[8] === true,
    version: number(row, 9),
  }),
};

export const READ_LATE: ReadFormat<UsageLateRow> = {
  table: 'usage_late',
  columns: [
    'log_partition',
    'toString(log_offset)',
    'subscriber_id',
    milliseconds('used_from'),
    milliseconds('used_to'),
    'service_class',
    'nas_id',
    'plan_id',
    'toString(down_bytes)',
    'toString(up_bytes)',
  ],
  order: 'used_from, service_class, nas_id, log_partition, log_offset',
  toRow: (row) => ({
    partition: number(row, 0),
    offset: number(row, 1),
    subscriberId: text(row, 2),
    fromMs: number(row, 3),
    toMs: number(row, 4),
    serviceClass: text(row, 5),
    nasId: text(row, 6),
    planId: text(row, 7),
    downBytes: number(row, 8),
    upBytes: number(row, 9),
  }),
};

export const READ_SESSIONS: ReadFormat<SessionRow> = {
  table: 'session',
  columns: [
    'log_partition',
    'subscriber_id',
    'nas_id',
    'session_id',
    'service_name',
    milliseconds('started_at'),
    milliseconds('ended_at'),
    'toString(down_bytes)',
    'toString(up_bytes)',
    'terminate_cause',
    'toString(version)',
  ],
  order: 'started_at, nas_id, session_id',
  toRow: (row) => ({
    partition: number(row, 0),
    subscriberId: text(row, 1),
    nasId: text(row, 2),
    sessionId: text(row, 3),
    serviceName: text(row, 4),
    startMs: number(row, 5),
    endMs: number(row, 6),
    downBytes: number(row, 7),
    upBytes: number(row, 8),
    terminateCause: text(row, 9),
    version: number(row, 10),
  }),
};

export const READ_ACTIONS: ReadFormat<ActionRow> = {
  table: 'action',
  columns: [
    'action_id',
    'subscriber_id',
    'kind',
    'policy_id',
    'policy_version',
    'rule',
    milliseconds('cycle_start'),
    'ordinal',
    'toString(down_bps)',
    'toString(up_bps)',
    'state',
    'detail',
    'attempts',
    milliseconds('decided_at'),
    milliseconds('log_append_at'),
    'log_partition',
    'toString(log_offset)',
    milliseconds('created_at'),
    milliseconds('updated_at'),
  ],
  order: 'action_id',
  toRow: (row) => ({
    actionId: text(row, 0),
    subscriberId: text(row, 1),
    kind: text(row, 2),
    policyId: text(row, 3),
    policyVersion: text(row, 4),
    rule: text(row, 5),
    cycleStartMs: number(row, 6),
    ordinal: number(row, 7),
    downBps: number(row, 8),
    upBps: number(row, 9),
    state: text(row, 10),
    detail: text(row, 11),
    attempts: number(row, 12),
    decidedAtMs: number(row, 13),
    appendTimeMs: number(row, 14),
    partition: number(row, 15),
    offset: number(row, 16),
    createdAtMs: number(row, 17),
    updatedAtMs: number(row, 18),
  }),
};

/**
 * All rows of a table with their highest versions, page by page of whole subscribers, or those of one subscriber.
 * chDB does not stream, so pages are queries of their own. Errors are as the client throws them.
 */
export async function* readAll<Row>(
  client: ClickHouseClient,
  format: ReadFormat<Row>,
  subscriberId?: string,
): AsyncGenerator<Row[]> {
  if (subscriberId !== undefined) {
    const rows = await readPage(client, format, ['subscriber_id = {first:String}'], { first: subscriberId });
    if (rows.length > 0) yield rows;
    return;
  }
  for (let after: string | null = null; ;) {
    const from: Record<string, string> = after === null ? {} : { after };
    const bounds = after === null ? [] : ['subscriber_id > {after:String}'];
    const last = await lastOfPage(client, format.table, bounds, from);
    if (last !== null) bounds.push('subscriber_id <= {last:String}');
    const rows = await readPage(client, format, bounds, last === null ? from : { ...from, last });
    if (rows.length > 0) yield rows;
    if (last === null) return;
    after = last;
  }
}

/** The subscriber with which a page of unmerged rows is full; null if the rest fits into one. Reads one column in key order. */
async function lastOfPage(
  client: ClickHouseClient,
  table: string,
  bounds: readonly string[],
  parameters: Record<string, string>,
): Promise<string | null> {
  const result = await client.query({
    query: `SELECT subscriber_id FROM ${table}${where(bounds)} ORDER BY subscriber_id LIMIT 1 OFFSET ${String(PAGE_ROWS)}`,
    query_params: parameters,
    format: 'JSONCompactEachRow',
  });
  return (await result.json<[string]>())[0]?.[0] ?? null;
}

async function readPage<Row>(
  client: ClickHouseClient,
  format: ReadFormat<Row>,
  bounds: readonly string[],
  parameters: Record<string, string>,
): Promise<Row[]> {
  return readSelected(client, format, { bounds, parameters, order: `subscriber_id, ${format.order}` });
}

/** Which rows of a table, in which order. */
export interface Selection {
  bounds: readonly string[];
  parameters: Record<string, string | number>;
  order: string;
  limit?: number;
}

/** Some rows of a table with their highest versions. Errors are as the client throws them. */
export async function readSelected<Row>(
  client: ClickHouseClient,
  format: ReadFormat<Row>,
  { bounds, parameters, order, limit }: Selection,
): Promise<Row[]> {
  const most = limit === undefined ? '' : ` LIMIT ${String(Math.trunc(limit))}`;
  const result = await client.query({
    query:
      `SELECT ${format.columns.join(', ')} FROM ${format.table} FINAL${where(bounds)} ` +
      `ORDER BY ${order}${most} SETTINGS do_not_merge_across_partitions_select_final = 1`,
    query_params: parameters,
    format: 'JSONCompactEachRow',
  });
  return (await result.json<Values>()).map((values) => format.toRow(values));
}

function where(bounds: readonly string[]): string {
  return bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
}
