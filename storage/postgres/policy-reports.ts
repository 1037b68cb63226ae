import type pg from 'pg';
import type { FolderReport, PartitionPolicies, PolicyReports } from '../policy-ports.ts';
import { postgresError } from './postgres-error.ts';

/** Older rows are of who ended without a word, or stands still. */
const STALE_SECONDS = 120;
/** Layout of workers that do not say it: programs from before they did. */
const SILENT_LAYOUT = 4;
/** Until rows that nobody renews are removed. */
const KEPT_SECONDS = 3600;

/** $1 group, $2 topic, $3 reporter, $4 array of {partition, position, layout, policies}. */
const REPORT = `
  with said as (
    select partition, position, layout, policies
    from json_to_recordset($4::json) as r (partition integer, position bigint, layout integer, policies json)
  ), gone as (
    delete from policy_report where slot_group = $1 and topic = $2
      and ((reporter = $3 and partition not in (select partition from said))
        or reported_at < clock_timestamp() - ${KEPT_SECONDS} * interval '1 second')
  )
  insert into policy_report (slot_group, topic, reporter, partition, position, layout, in_force)
  select $1, $2, $3, partition, position, layout, policies from said order by partition
  on conflict (slot_group, topic, reporter, partition) do update set
    position = excluded.position, layout = excluded.layout, in_force = excluded.in_force, reported_at = excluded.reported_at`;

/** $1 group, $2 topic. */
const PARTITIONS = `
  select distinct on (partition) partition, position, coalesce(layout, ${SILENT_LAYOUT}) as layout, in_force as policies from policy_report
  where slot_group = $1 and topic = $2 and reported_at > clock_timestamp() - ${STALE_SECONDS} * interval '1 second'
  order by partition, reported_at desc`;

/**
 * The least layout of who spoke lately, of all groups and topics. Where nobody did, what it was raised to, and null in a
 * database that is as new as its tables. Workers that end take their rows with them: of a database that was used before it
 * knew of layouts, migration 033 left a row that nobody takes.
 */
export const LAYOUT_OF_ALL = `
  select coalesce(
    (select min(coalesce(layout, ${SILENT_LAYOUT})) from policy_report
      where reported_at > clock_timestamp() - ${STALE_SECONDS} * interval '1 second'),
    (select version from fold_version),
    (select ${SILENT_LAYOUT} where exists (select from policy_report))) as layout`;

/** $1 reporter, $2 content. */
const REPORT_FOLDER = `
  with gone as (
    delete from policy_folder_report where reported_at < clock_timestamp() - ${KEPT_SECONDS} * interval '1 second' and reporter <> $1
  )
  insert into policy_folder_report (reporter, content) values ($1, $2::json)
  on conflict (reporter) do update set content = excluded.content, reported_at = excluded.reported_at`;

const FOLDERS = `
  select content from policy_folder_report where reported_at > clock_timestamp() - ${STALE_SECONDS} * interval '1 second'
  order by reporter`;

/** What workers run and what folders hold, in Postgres, by the server's clock. Errors are as `postgresError` translates them. */
export class PostgresPolicyReports implements PolicyReports {
  readonly #pool: pg.Pool;
  readonly #group: string;
  readonly #topic: string;

  /** @param group the consumer group, and with `topic` whose slots are meant */
  constructor(pool: pg.Pool, group: string, topic: string) {
    this.#pool = pool;
    this.#group = group;
    this.#topic = topic;
  }

  async report(reporter: string, partitions: readonly PartitionPolicies[]): Promise<void> {
    await this.#query(REPORT, [this.#group, this.#topic, reporter, JSON.stringify(partitions)]);
  }

  async partitions(): Promise<PartitionPolicies[]> {
    return this.#query<PartitionPolicies>(PARTITIONS, [this.#group, this.#topic]);
  }

  async reportFolder(reporter: string, report: FolderReport): Promise<void> {
    await this.#query(REPORT_FOLDER, [reporter, JSON.stringify(report)]);
  }

  async folders(): Promise<FolderReport[]> {
    return (await this.#query<{ content: FolderReport }>(FOLDERS, [])).map(({ content }) => content);
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}
