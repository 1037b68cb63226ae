import { setImmediate as nextTurn } from 'node:timers/promises';
import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import type { FeedQualityRow, SessionRow, UsageLateRow, UsageWindowRow } from '../analytics-ports.ts';
import type { LedgerAction } from '../ports.ts';

/** How a kind of row is written: the table, its columns, and the values in that order. */
export interface RowFormat<Row> {
  table: string;
  columns: readonly string[];
  values(row: Row): Value[];
}

type Value = string | number | boolean | null | Record<string, number>;

/**
 * Milliseconds as DateTime64(3) text: a bare number would be read as seconds or as ticks, depending on its size.
 * Window starts are whole seconds and go as numbers, which is three times as fast.
 */
const instant = (ms: number): string => new Date(ms).toISOString().slice(0, -1).replace('T', ' ');

export const USAGE_WINDOW: RowFormat<UsageWindowRow> = {
  table: 'usage_window',
  columns: [
    'subscriber_id',
    'window_start',
    'service_class',
    'nas_id',
    'log_partition',
    'plan_id',
    'down_bytes',
    'up_bytes',
    'estimated',
    'version',
  ],
  values: (row) => [
    row.subscriberId,
    row.windowStartMs / 1000,
    row.serviceClass,
    row.nasId,
    row.partition,
    row.planId,
    row.downBytes,
    row.upBytes,
    row.estimated,
    row.version,
  ],
};

export const USAGE_LATE: RowFormat<UsageLateRow> = {
  table: 'usage_late',
  columns: [
    'subscriber_id',
    'used_from',
    'used_to',
    'service_class',
    'nas_id',
    'log_partition',
    'log_offset',
    'plan_id',
    'down_bytes',
    'up_bytes',
  ],
  values: (row) => [
    row.subscriberId,
    instant(row.fromMs),
    instant(row.toMs),
    row.serviceClass,
    row.nasId,
    row.partition,
    row.offset,
    row.planId,
    row.downBytes,
    row.upBytes,
  ],
};

export const SESSION: RowFormat<SessionRow> = {
  table: 'session',
  columns: [
    'subscriber_id',
    'started_at',
    'nas_id',
    'session_id',
    'log_partition',
    'service_name',
    'ended_at',
    'down_bytes',
    'up_bytes',
    'terminate_cause',
    'version',
  ],
  values: (row) => [
    row.subscriberId,
    instant(row.startMs),
    row.nasId,
    row.sessionId,
    row.partition,
    row.serviceName,
    instant(row.endMs),
    row.downBytes,
    row.upBytes,
    row.terminateCause,
    row.version,
  ],
};

/** Outcomes by column: a closed list that sums to the records. */
export const OUTCOME_COLUMNS = OUTCOMES.map((outcome) => outcome.replaceAll('-', '_'));

export const FEED_QUALITY: RowFormat<FeedQualityRow> = {
  table: 'feed_quality',
  columns: [
    'hour',
    'nas_id',
    'log_partition',
    ...OUTCOME_COLUMNS,
    'flags',
    'skew_median_ms',
    'skew_max_ms',
    'interim_seconds',
    'open_sessions',
    'not_billable',
    'version',
  ],
  values: (row) => [
    row.hourMs / 1000,
    row.nasId,
    row.partition,
    ...OUTCOMES.map((outcome) => row.outcomes[outcome]),
    Object.fromEntries(
      FLAGS.map((flag) => [flag, row.flags[flag]] as const).filter(([, count]) => count > 0),
    ),
    Math.round(row.skewMedianMs),
    Math.round(row.skewMaxMs),
    row.interimSeconds === null ? null : Math.round(row.interimSeconds),
    row.openSessions,
    row.notBillable,
    row.version,
  ],
};

/** User name, addresses and session ids of the intent stay out: analytics holds opaque ids only. */
export const ACTION: RowFormat<LedgerAction> = {
  table: 'action',
  columns: [
    'subscriber_id',
    'action_id',
    'kind',
    'policy_id',
    'policy_version',
    'rule',
    'cycle_start',
    'ordinal',
    'down_bps',
    'up_bps',
    'state',
    'detail',
    'attempts',
    'decided_at',
    'log_append_at',
    'log_partition',
    'log_offset',
    'explanation',
    'created_at',
    'updated_at',
    'version',
  ],
  values: ({ intent, ...action }) => [
    intent.subscriberId,
    intent.id,
    intent.kind,
    intent.policyId,
    intent.policyVersion,
    intent.rule,
    instant(intent.cycleStartMs),
    intent.ordinal,
    intent.desired.downBps,
    intent.desired.upBps,
    action.state,
    action.detail,
    action.attempts,
    instant(intent.decidedAtMs),
    instant(intent.appendTimeMs),
    intent.partition,
    intent.offset,
    JSON.stringify(intent.explanation),
    instant(action.createdAtMs),
    instant(action.updatedAtMs),
    action.updatedAtMs,
  ],
};

/** About 5 ms of encoding; the event loop gets its turn in between. */
const ROWS_A_TURN = 5_000;

/**
 * The INSERT with its data. Settings are in the text, since chDB would keep them for the client's later queries:
 * async_insert off (the default of 26.x answers before the rows are stored in a part of their own), and a lone
 * surrogate in an id is stored as its escape instead of failing the whole insert for ever.
 */
export async function insertStatement<Row>(format: RowFormat<Row>, rows: readonly Row[]): Promise<string> {
  const parts = [
    `INSERT INTO ${format.table} (${format.columns.join(', ')}) ` +
      'SETTINGS async_insert = 0, input_format_json_throw_on_bad_escape_sequence = 0 FORMAT JSONCompactEachRow',
  ];
  for (let from = 0; from < rows.length; from += ROWS_A_TURN) {
    if (from > 0) await nextTurn();
    let part = '';
    for (const row of rows.slice(from, from + ROWS_A_TURN)) part += '\n' + JSON.stringify(format.values(row));
    parts.push(part);
  }
  return parts.join('');
}
