import type pg from 'pg';
import type { ClosedCycle } from '../../schemas/usage-record.ts';
import type { CycleKeeping } from '../billing-ports.ts';
import type { CycleRow } from '../tariff-ports.ts';
import { CycleClose } from './cycle-close.ts';
import type { OnCloseFault } from './cycle-close.ts';
import { inHalves } from './in-halves.ts';
import { closeUntold, settleFees } from './cycle-fees.ts';
import type { UntoldCycle } from './cycle-fees.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';

/** Subscribers that one statement looks at, at most: some 30 us each. */
const LOOKED_AT = 50_000;

/** $1 the number to go on after, $2 how many. The last one of them and how many there are. */
const LAST = `
  select coalesce(max(subscriber_no), 0) as last, count(*)::int as count
  from (select subscriber_no from subscriber where subscriber_no > $1 order by subscriber_no limit $2) s`;

/** Where the last cycle of subscriber `s` ends that began until $2; null = it has none. */
const LAST_END = `(select c.end_at from cycle c
  where c.subscriber_no = s.subscriber_no and c.start_at <= to_timestamp($2::float8 / 1000) order by c.start_at desc limit 1)`;

/** True where subscriber `s` has one of a table at $2, or had one since its last cycle; else null. */
const hadOf = (table: 'assignment' | 'add_on_assignment'): string => `(select true from ${table} a
  where a.subscriber_no = s.subscriber_no and a.from_at <= to_timestamp($2::float8 / 1000)
    and coalesce(a.to_at, 'infinity') > coalesce(${LAST_END}, to_timestamp($2::float8 / 1000)) limit 1)`;

/**
 * $1 the number to go on after, $2 now in ms, $3 limit, $4 the last number. Who has a plan now, or had one since its last cycle
 * (or an add-on, which may outlast the plan that it was put on), and no row for the cycle that runs: cycles do not overlap, so
 * the last that began tells. Scalar subqueries are look-ups by key under any statistics: as `exists` each piece read all
 * assignments from the first on.
 */
const BEGUN = `
  select s.subscriber_no as "no" from subscriber s
  where s.subscriber_no > $1 and s.subscriber_no <= $4 and s.account_id is not null
    and coalesce(${LAST_END}, '-infinity') <= to_timestamp($2::float8 / 1000)
    and coalesce(${hadOf('assignment')}, ${hadOf('add_on_assignment')})
    and (select true from account a where a.account_id = s.account_id)
  order by s.subscriber_no limit $3`;

/** $1 now in ms, $2 limit. */
const ENDED = `
  update cycle c set status = 'closing'
  from (select subscriber_no, start_at from cycle where status = 'open' and end_at <= to_timestamp($1::float8 / 1000)
    limit $2 for update skip locked) e
  where c.subscriber_no = e.subscriber_no and c.start_at = e.start_at`;

/** $1 before in ms, $2 limit. */
const NOT_CLOSED = `
  select s.subscriber_id as "subscriberId", (extract(epoch from c.start_at) * 1000)::float8 as "startMs",
    (extract(epoch from c.end_at) * 1000)::float8 as "endMs", c.status, null as "closedMs", c.terms_differ as "termsDiffer"
  from cycle c join subscriber s using (subscriber_no)
  where c.status <> 'closed' and c.end_at < to_timestamp($1::float8 / 1000)
  order by c.end_at, c.subscriber_no limit $2`;

/** The closed cycle of a slot that a row `c` of subscriber `s` is, or is a part of. */
const TOLD = `
  select cc.* from closed_cycle cc where cc.subscriber_id = s.subscriber_id and cc.cycle_start < c.end_at
  order by cc.cycle_start desc limit 1`;
const IS_TOLD = `coalesce((cc.content ->> 'cycleEndMs')::numeric >= extract(epoch from c.end_at) * 1000, false)`;

/** $1 limit; the longest untried first. */
const FAILED = `
  select cc.content, c.closed_at is not null as "isLate"
  from (select * from cycle where failed_at is not null order by failed_at limit $1) c
    join subscriber s using (subscriber_no) join lateral (${TOLD}) cc on ${IS_TOLD}`;

/** $1 before in ms, $2 limit. */
const TOLD_ONLY = `
  select cc.content, false as "isLate"
  from cycle c join subscriber s using (subscriber_no) join lateral (${TOLD}) cc on ${IS_TOLD}
  where c.status <> 'closed' and c.failed_at is null and c.end_at < to_timestamp($1::float8 / 1000)
  order by c.end_at, c.subscriber_no limit $2`;

/** $1 before in ms, $2 limit. */
const UNTOLD = `
  select s.subscriber_id as "subscriberId", s.subscriber_no as "subscriberNo",
    json_build_object('startMs', (extract(epoch from c.start_at) * 1000)::float8,
      'endMs', (extract(epoch from c.end_at) * 1000)::float8) as cycle
  from cycle c join subscriber s using (subscriber_no) left join lateral (${TOLD}) cc on true
  where c.status <> 'closed' and c.failed_at is null and c.end_at < to_timestamp($1::float8 / 1000) and not ${IS_TOLD}
  order by c.end_at, c.subscriber_no limit $2`;

/** What else a job needs in each of its transactions. */
export interface KeepingOptions {
  /** first in each transaction; what it throws ends it: a leader that is none any more must not write */
  guard?: (client: pg.PoolClient) => Promise<void>;
  /** what could not be opened or itemised; the others are */
  onFault: (error: unknown, what: { subscriberNo: number } | ClosedCycle) => void;
}

/** The jobs' side of cycles in Postgres. One at a time: it remembers how far it has looked. */
export class PostgresCycleKeeping implements CycleKeeping {
  readonly #pool: pg.Pool;
  readonly #guard: (client: pg.PoolClient) => Promise<void>;
  readonly #onFault: KeepingOptions['onFault'];
  readonly #close: CycleClose;
  /** number of the last subscriber that was looked at; 0 = begin again */
  #after = 0;

  constructor(pool: pg.Pool, { guard = () => Promise.resolve(), onFault }: KeepingOptions) {
    this.#pool = pool;
    this.#guard = guard;
    this.#onFault = onFault;
    const onCloseFault: OnCloseFault = onFault;
    this.#close = new CycleClose(onCloseFault);
  }

  /** Goes through all subscribers, a piece a call; 0 once it came to the end and nothing was to do. */
  async begun(nowMs: number, limit: number): Promise<number> {
    for (;;) {
      const did = await inTransaction(this.#pool, (client) => this.#openSome(client, nowMs, limit));
      // A piece in which nothing was to open, or could be, is not the end.
      if (did > 0 || this.#after === 0) return did;
    }
  }

  async notClosed(beforeMs: number, limit: number): Promise<CycleRow[]> {
    try {
      return (await this.#pool.query<CycleRow>(NOT_CLOSED, [beforeMs, limit])).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }

  retryFailed(limit: number): Promise<number> {
    return this.#closeFound(FAILED, [limit]);
  }

  closeTold(beforeMs: number, limit: number): Promise<number> {
    return this.#closeFound(TOLD_ONLY, [beforeMs, limit]);
  }

  #closeFound(text: string, values: unknown[]): Promise<number> {
    return inTransaction(this.#pool, async (client) => {
      await this.#guard(client);
      const found = await client.query<{ content: ClosedCycle; isLate: boolean }>(text, values);
      const units = found.rows.map(({ content, isLate }) => ({ closed: content, isLate }));
      return units.length - (await this.#close.settleUnits(client, units));
    });
  }

  closeUntold(beforeMs: number, limit: number): Promise<number> {
    return inTransaction(this.#pool, async (client) => {
      await this.#guard(client);
      const { rows } = await client.query<UntoldCycle>(UNTOLD, [beforeMs, limit]);
      let closed = 0;
      const inOrder = rows.sort((a, b) => a.subscriberNo - b.subscriberNo);
      const failed = await inHalves(client, inOrder, async (batch) => {
        closed += await closeUntold(client, batch);
      });
      for (const { unit, error } of failed) this.#onFault(error, { subscriberNo: unit.subscriberNo });
      return closed;
    });
  }

  async #openSome(client: pg.PoolClient, nowMs: number, limit: number): Promise<number> {
    await this.#guard(client);
    const bound = await client.query<{ last: number; count: number }>(LAST, [this.#after, LOOKED_AT]);
    const { last, count } = bound.rows[0] ?? { last: 0, count: 0 };
    const found = await client.query<{ no: number }>(BEGUN, [this.#after, nowMs, limit, last]);
    const numbers = found.rows.map(({ no }) => no);
    let opened = 0;
    const failed = await inHalves(client, numbers, async (batch) => {
      opened += (await settleFees(client, batch, nowMs)).opened;
    });
    for (const { unit, error } of failed) this.#onFault(error, { subscriberNo: unit });
    if (numbers.length >= limit) this.#after = numbers.at(-1) ?? 0;
    else this.#after = count < LOOKED_AT ? 0 : last;
    // Last: rows of cycles are locked after those of subscribers, as everywhere.
    const ended = await client.query(ENDED, [nowMs, limit]);
    return opened + (ended.rowCount ?? 0);
  }
}
