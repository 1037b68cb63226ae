import type pg from 'pg';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { UsageRecords } from '../people-ports.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** Rows a page of a full read; some hundred KB. */
const PAGE = 2_000;

/** $1 ids, $2 subscribers, $3 cycle starts in ms, $4 contents, in order of the log. */
const INSERT_ADJUSTMENTS = `
  insert into usage_adjustment (id, subscriber_id, cycle_start, content)
  select id, subscriber_id, to_timestamp(start_ms / 1000), content::json
  from unnest($1::text[], $2::text[], $3::float8[], $4::text[])
    with ordinality as t(id, subscriber_id, start_ms, content, place)
  order by place
  on conflict (id) do nothing
  returning id`;

/** $1 subscribers, $2 cycle starts in ms, $3 contents. */
const INSERT_CLOSED_CYCLES = `
  insert into closed_cycle (subscriber_id, cycle_start, content)
  select subscriber_id, to_timestamp(start_ms / 1000), content::json
  from unnest($1::text[], $2::float8[], $3::text[])
    with ordinality as t(subscriber_id, start_ms, content, place)
  order by place
  on conflict (subscriber_id, cycle_start) do nothing
  returning subscriber_id as id, (extract(epoch from cycle_start) * 1000)::float8 as "startMs"`;

/**
 * Adds adjustments within a transaction; what is there already stays as it is.
 *
 * @returns those that were not there
 */
export async function insertAdjustments(
  client: pg.PoolClient,
  adjustments: readonly UsageAdjustment[],
): Promise<UsageAdjustment[]> {
  if (adjustments.length === 0) return [];
  const added = await client.query<{ id: string }>(INSERT_ADJUSTMENTS, [
    adjustments.map(({ id }) => storable(id)),
    adjustments.map(({ subscriberId }) => storable(subscriberId)),
    adjustments.map(({ cycleStartMs }) => cycleStartMs),
    adjustments.map((adjustment) => JSON.stringify(adjustment)),
  ]);
  return firstOfEach(adjustments, ({ id }) => storable(id), new Set(added.rows.map(({ id }) => id)));
}

/**
 * Adds closed cycles within a transaction; what is there already stays as it is.
 *
 * @returns those that were not there
 */
export async function insertClosedCycles(
  client: pg.PoolClient,
  cycles: readonly ClosedCycle[],
): Promise<ClosedCycle[]> {
  if (cycles.length === 0) return [];
  const added = await client.query<{ id: string; startMs: number }>(INSERT_CLOSED_CYCLES, [
    cycles.map(({ subscriberId }) => storable(subscriberId)),
    cycles.map(({ cycleStartMs }) => cycleStartMs),
    cycles.map((cycle) => JSON.stringify(cycle)),
  ]);
  const nameOf = (id: string, startMs: number): string => JSON.stringify([id, startMs]);
  return firstOfEach(
    cycles,
    ({ subscriberId, cycleStartMs }) => nameOf(storable(subscriberId), cycleStartMs),
    new Set(added.rows.map(({ id, startMs }) => nameOf(id, startMs))),
  );
}

/** Of several with one name the first is the one that was stored. */
function firstOfEach<T>(given: readonly T[], nameOf: (each: T) => string, added: Set<string>): T[] {
  return given.filter((each) => added.delete(nameOf(each)));
}

/** Adjustments and closed cycles as the ledger stored them. Errors are as `postgresError` translates them. */
export class PostgresUsageRecords implements UsageRecords {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  adjustments(subscriberId: string, limit: number): Promise<UsageAdjustment[]> {
    return this.#contents('from usage_adjustment where subscriber_id = $1 order by seq desc limit $2', [
      storable(subscriberId),
      limit,
    ]);
  }

  closedCycles(subscriberId: string, limit: number): Promise<ClosedCycle[]> {
    return this.#contents('from closed_cycle where subscriber_id = $1 order by cycle_start desc limit $2', [
      storable(subscriberId),
      limit,
    ]);
  }

  async *allAdjustments(): AsyncGenerator<UsageAdjustment[]> {
    for (let after = ''; ;) {
      const page: UsageAdjustment[] = await this.#contents(
        'from usage_adjustment where id > $1 order by id limit $2',
        [after, PAGE],
      );
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = storable(last.id);
    }
  }

  async *allClosedCycles(): AsyncGenerator<ClosedCycle[]> {
    let after: [subscriberId: string, cycleStartMs: number | null] = ['', null];
    for (;;) {
      const page: ClosedCycle[] = await this.#contents(
        `from closed_cycle
         where (subscriber_id, cycle_start) > ($1, coalesce(to_timestamp($2::float8 / 1000), '-infinity'))
         order by subscriber_id, cycle_start limit $3`,
        [...after, PAGE],
      );
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = [storable(last.subscriberId), last.cycleStartMs];
    }
  }

  async #contents<T>(selection: string, values: unknown[]): Promise<T[]> {
    try {
      const result = await this.#pool.query<{ content: T }>(`select content ${selection}`, values);
      return result.rows.map((row) => row.content);
    } catch (error) {
      throw postgresError(error);
    }
  }
}
