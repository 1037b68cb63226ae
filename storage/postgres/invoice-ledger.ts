import type pg from 'pg';
import type { ActionState } from '../../schemas/action.ts';
import type { BillingItem, InvoiceDelivery } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { InvoiceCounts, InvoiceLedger, ItemFilter, ResendFilter } from '../billing-ports.ts';
import type { Page } from '../tariff-ports.ts';
import * as sql from './invoice-statements.ts';
import { WAKE_INVOICES } from './item-rows.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { SettleTogether } from './settle-together.ts';
import { storable } from './storable.ts';

/** Longest detail that is kept, characters: what billing answers must not grow the table. */
const MAX_DETAIL_CHARACTERS = 500;
/** Rows a page of a full read: each page sorts what the window holds. */
const PAGE_ROWS = 5_000;
/** Items that one piece of sending again looks at. */
const RESEND_PIECE = 10_000;
/** Items that one part of a list looks at. */
const LOOKED_AT = 20_000;
const NONE: InvoiceCounts['states'] = {
  ...{ pending: 0, sending: 0, rejected: 0, unknown: 0, held: 0, superseded: 0, dead: 0 },
};

type Row = { seq: number } & BillingItem & Omit<InvoiceDelivery, 'item'>;

interface Settlement {
  owner: string;
  key: string;
  state: ActionState;
  detail: string;
  /** null = closed to dispatchers */
  delayMs: number | null;
  askFirst: boolean | null;
  remoteId: string | null;
  uncounted: boolean;
}

/**
 * Delivery of billing items in Postgres, for any number of dispatchers at once; leases and retries run by the server's
 * clock alone. An item that was made before there were deliveries shows as 'held' and is sent only when somebody resends
 * it. Errors are as `postgresError` translates them.
 */
export class PostgresInvoiceLedger implements InvoiceLedger {
  readonly #pool: pg.Pool;
  readonly #now: () => number;
  readonly #piece: number;
  readonly #looked: number;
  readonly #ended = new SettleTogether<Settlement, boolean>((batch) => this.#settleBatch(batch));

  /**
   * @param now the clock that callers' retryAtMs are read from, ms since 1970; only differences to it are used
   * @param piece items that one `resendAll` looks at
   * @param looked items that one `list` looks at where no index says which are meant
   */
  constructor(pool: pg.Pool, now: () => number = Date.now, piece = RESEND_PIECE, looked = LOOKED_AT) {
    this.#pool = pool;
    this.#now = now;
    this.#piece = piece;
    this.#looked = looked;
  }

  async claim(owner: string, limit: number, leaseMs: number): Promise<InvoiceDelivery[]> {
    if (limit < 1) return [];
    return (await this.#query<Row>(sql.CLAIM, [storable(owner), limit, leaseMs])).map(toDelivery);
  }

  settle(
    owner: string,
    key: string,
    state: ActionState,
    detail: string,
    retryAtMs?: number,
    more: { askFirst?: boolean; remoteId?: string; uncounted?: boolean } = {},
  ): Promise<boolean> {
    if (state === 'sending') throw new AppError('invalid-input', 'an item cannot be settled as sending');
    return this.#ended.settle({
      owner: storable(owner),
      key: storable(key),
      state,
      detail: storable(detail).slice(0, MAX_DETAIL_CHARACTERS),
      delayMs: delayOf(state, retryAtMs, this.#now()),
      askFirst: more.askFirst ?? null,
      remoteId: more.remoteId === undefined ? null : storable(more.remoteId),
      uncounted: more.uncounted === true,
    });
  }

  async counts(): Promise<InvoiceCounts> {
    const [row] = await this.#query<{
      states: Partial<InvoiceCounts['states']>;
      oldestUnknownMs: number | null;
    }>(sql.COUNTS, []);
    return { states: { ...NONE, ...row?.states }, oldestUnknownMs: row?.oldestUnknownMs ?? null };
  }

  /** Where no index says which items are meant it looks at a part of them: a page may be short, or empty, and have a next one. */
  async list(filter: ItemFilter, limit: number, after: string | null): Promise<Page<InvoiceDelivery>> {
    const values = [limit + 1, ...fitting(filter, after)];
    const isPart = !isFew(filter) && (filter.accountId ?? filter.subscriberId ?? filter.type) === null;
    if (isPart) values.push(this.#looked);
    const text = isPart ? sql.LIST_PART : isFew(filter) ? sql.LIST_FEW : sql.LIST;
    const rows = await this.#query<Row>(text, values);
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    const next = last?.seq ?? (isPart ? await this.#lastOfPart(after) : null);
    return { items: rows.slice(0, limit).map(toDelivery), next: next === null ? null : String(next) };
  }

  async #lastOfPart(after: string | null): Promise<number | null> {
    const [row] = await this.#query<{ seq: number }>(sql.LAST_OF_PART, [after, this.#looked]);
    return row?.seq ?? null;
  }

  async *pages(fromMs: number, toMs: number): AsyncGenerator<InvoiceDelivery[]> {
    for (let after = ''; ;) {
      const rows: Row[] = await this.#query<Row>(sql.PAGE, [fromMs, toMs, after, PAGE_ROWS]);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(toDelivery);
      after = last.key;
    }
  }

  resend(key: string, by: string): Promise<boolean> {
    return inTransaction(this.#pool, async (client) => {
      const resent = await client.query(sql.RESEND, [storable(key)]);
      if (resent.rowCount !== 1) return false;
      await client.query(sql.AUDIT_RESEND, [storable(by), storable(key)]);
      await client.query(WAKE_INVOICES);
      return true;
    });
  }

  resendAll(
    filter: ResendFilter,
    by: string,
    after: string | null,
  ): Promise<{ resent: number; next: string | null }> {
    const values = [this.#piece, ...fitting(filter, after)];
    return inTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<{ resent: number; looked: number; last: number | null }>(
        sql.RESEND_ALL,
        values,
      );
      const { resent = 0, looked = 0, last = null } = rows[0] ?? {};
      if (resent > 0) {
        await client.query(sql.AUDIT_RESEND_ALL, [storable(by), JSON.stringify({ resent, ...filter })]);
        await client.query(WAKE_INVOICES);
      }
      return { resent, next: looked < this.#piece || last === null ? null : String(last) };
    });
  }

  async #settleBatch(batch: readonly Settlement[]): Promise<boolean[]> {
    const rows = await this.#query<{ place: number }>(sql.SETTLE, [
      batch.map(({ owner }) => owner),
      batch.map(({ key }) => key),
      batch.map(({ state }) => state),
      batch.map(({ detail }) => detail),
      batch.map(({ delayMs }) => delayMs),
      batch.map(({ askFirst }) => askFirst),
      batch.map(({ remoteId }) => remoteId),
      batch.map(({ uncounted }) => (uncounted ? 1 : 0)),
    ]);
    const applied = new Set(rows.map(({ place }) => place));
    return batch.map((_, index) => applied.has(index + 1));
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

/** Held ones may have no delivery, and of those that are delivered there are the most. */
function isFew({ state }: ItemFilter): boolean {
  return state !== null && state !== 'held' && state !== 'delivered';
}

/** What LIST and RESEND_ALL are given of a filter and where to go on. */
function fitting(filter: ItemFilter, after: string | null): unknown[] {
  if (after !== null && !/^\d{1,18}$/.test(after))
    throw new AppError('invalid-input', 'a list of items goes on after a number');
  return [
    filter.accountId === null ? null : storable(filter.accountId),
    filter.subscriberId === null ? null : storable(filter.subscriberId),
    ...[filter.type, filter.state, filter.fromMs, filter.toMs, after],
  ];
}

function delayOf(state: ActionState, retryAtMs: number | undefined, now: number): number | null {
  if (state !== 'pending' && state !== 'unknown') return null;
  if (retryAtMs === undefined) return state === 'pending' ? 0 : null;
  return Math.max(0, retryAtMs - now);
}

function toDelivery(row: Row): InvoiceDelivery {
  const { state, detail, attempts, askFirst, remoteId, accountRef, createdAtMs, updatedAtMs, ...rest } = row;
  const { seq: _, ...item } = rest;
  return { item, state, detail, attempts, askFirst, remoteId, accountRef, createdAtMs, updatedAtMs };
}
