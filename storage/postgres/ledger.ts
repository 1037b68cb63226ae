import type pg from 'pg';
import { ACTION_STATES, type ActionIntent, type ActionState } from '../../schemas/action.ts';
import { AppError } from '../../schemas/errors.ts';
import type { ActionLedger, LedgerAction, LedgerBatch, SlotId } from '../ports.ts';
import { recordedOnly } from '../recorded-only.ts';
import type { CycleClose } from './cycle-close.ts';
import { insertDeadLetters } from './dead-letters.ts';
import * as sql from './ledger-statements.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { insertShadowDecisions } from './shadow-insert.ts';
import { SettleTogether } from './settle-together.ts';
import { storable } from './storable.ts';
import { insertAdjustments, insertClosedCycles } from './usage-records.ts';

/** Longest detail that is kept, characters: what a peer answers must not grow the ledger. */
const MAX_DETAIL_CHARACTERS = 500;

interface ActionRow {
  seq: number;
  intent: ActionIntent;
  state: ActionState;
  detail: string;
  attempts: number;
  created_ms: number;
  updated_ms: number;
}

interface Settlement {
  owner: string;
  id: string;
  state: ActionState;
  detail: string;
  /** null = closed to dispatchers */
  delayMs: number | null;
}

/**
 * The ledger in Postgres, for any number of dispatchers at once. Leases and retries run by the server's clock alone,
 * so dispatchers with wrong clocks do not take each other's claims. Errors are as `postgresError` translates them.
 */
export class PostgresActionLedger implements ActionLedger {
  readonly #pool: pg.Pool;
  readonly #now: () => number;
  readonly #money: Pick<CycleClose, 'settle'> | null;
  readonly #ended = new SettleTogether<Settlement, boolean>((batch) => this.#settleBatch(batch));

  /**
   * @param now the clock that callers' retryAtMs are read from, ms since 1970; only differences to it are used
   * @param money makes the items of closed cycles in the transaction that stores these; null = nobody does
   */
  constructor(pool: pg.Pool, now: () => number = Date.now, money: Pick<CycleClose, 'settle'> | null = null) {
    this.#pool = pool;
    this.#now = now;
    this.#money = money;
  }

  insert(slot: SlotId, position: number, batch: Partial<LedgerBatch>): Promise<string[]> {
    return inTransaction(this.#pool, async (client) => {
      const adjustments = await insertAdjustments(client, batch.adjustments ?? []);
      const cycles = await insertClosedCycles(client, batch.closedCycles ?? []);
      await insertDeadLetters(client, batch.deadLetters ?? []);
      await insertShadowDecisions(client, batch.shadows ?? []);
      const intents = batch.intents ?? [];
      const ids = intents.length === 0 ? [] : await insertRows(client, intents);
      if (ids.length > 0) await client.query(sql.SUPERSEDE, [ids]);
      // After the intents: blocks that were asked for cost what was said then.
      if (cycles.length + adjustments.length > 0) await this.#money?.settle(client, cycles, adjustments);
      await client.query(sql.RAISE_MARK, [slot.group, slot.topic, slot.partition, position]);
      if (ids.length > 0) await client.query(sql.WAKE);
      return ids;
    });
  }

  async claim(owner: string, limit: number, leaseMs: number): Promise<LedgerAction[]> {
    if (limit < 1) return [];
    for (;;) {
      const rows = (await this.#query<ActionRow>(sql.CLAIM, [storable(owner), limit, leaseMs])).rows;
      const claimed = rows.filter((row) => row.state === 'sending').sort((a, b) => a.seq - b.seq);
      // Nothing but overtaken actions came: what overtook them is claimable now. Ends, since each goes but once.
      if (claimed.length > 0 || rows.length === 0) return claimed.map(toAction);
    }
  }

  settle(
    owner: string,
    id: string,
    state: ActionState,
    detail: string,
    retryAtMs?: number,
  ): Promise<boolean> {
    if (state === 'sending') throw new AppError('invalid-input', 'an action cannot be settled as sending');
    return this.#ended.settle({
      owner: storable(owner),
      id: storable(id),
      state,
      detail: storable(detail).slice(0, MAX_DETAIL_CHARACTERS),
      delayMs: delayOf(state, retryAtMs, this.#now()),
    });
  }

  async counts(): Promise<Record<ActionState, number>> {
    const counts = Object.fromEntries(ACTION_STATES.map((state) => [state, 0])) as Record<
      ActionState,
      number
    >;
    const result = await this.#query<{ state: ActionState; count: number }>(sql.COUNTS, []);
    for (const row of result.rows) counts[row.state] = row.count;
    return counts;
  }

  async ofSubscriber(subscriberId: string, limit: number): Promise<LedgerAction[]> {
    return (await this.#query<ActionRow>(sql.OF_SUBSCRIBER, [storable(subscriberId), limit])).rows.map(
      toAction,
    );
  }

  async recent(limit: number): Promise<LedgerAction[]> {
    return (await this.#query<ActionRow>(sql.RECENT, [limit])).rows.map(toAction);
  }

  async unexported(limit: number): Promise<LedgerAction[]> {
    return (await this.#query<ActionRow>(sql.UNEXPORTED, [limit])).rows.map(toAction);
  }

  async markExported(actions: readonly LedgerAction[]): Promise<void> {
    if (actions.length === 0) return;
    await this.#query(sql.MARK_EXPORTED, [
      actions.map(({ intent }) => storable(intent.id)),
      actions.map(({ updatedAtMs }) => updatedAtMs),
      actions.map(({ state }) => state),
      actions.map(({ attempts }) => attempts),
    ]);
  }

  async #settleBatch(batch: readonly Settlement[]): Promise<boolean[]> {
    const result = await this.#query<{ place: number }>(sql.SETTLE, [
      batch.map((settlement) => settlement.owner),
      batch.map((settlement) => settlement.id),
      batch.map((settlement) => settlement.state),
      batch.map((settlement) => settlement.detail),
      batch.map((settlement) => settlement.delayMs),
    ]);
    const applied = new Set(result.rows.map(({ place }) => place));
    return batch.map((_, index) => applied.has(index + 1));
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<R>> {
    try {
      return await this.#pool.query<R>(text, values);
    } catch (error) {
      throw postgresError(error);
    }
  }
}

async function insertRows(client: pg.PoolClient, intents: readonly ActionIntent[]): Promise<string[]> {
  const result = await client.query<{ id: string }>(sql.INSERT, [
    intents.map((intent) => storable(intent.id)),
    intents.map((intent) => storable(intent.subscriberId)),
    intents.map((intent) => intent.kind),
    intents.map((intent) => JSON.stringify(intent)),
    intents.map(({ disposition }) => recordedOnly(disposition)),
  ]);
  return result.rows.map((row) => row.id);
}

function delayOf(state: ActionState, retryAtMs: number | undefined, now: number): number | null {
  if (state !== 'pending' && state !== 'unknown') return null;
  if (retryAtMs === undefined) return state === 'pending' ? 0 : null;
  return Math.max(0, retryAtMs - now);
}

function toAction(row: ActionRow): LedgerAction {
  const { intent, state, detail, attempts, created_ms: createdMs, updated_ms: updatedMs } = row;
  return {
    intent,
    state,
    detail,
    attempts,
    createdAtMs: Math.floor(createdMs),
    updatedAtMs: Math.floor(updatedMs),
  };
}
