import type pg from 'pg';
import type { SlotId, SlotMarks } from '../ports.ts';
import { RAISE_MARK } from './ledger-statements.ts';
import { postgresError } from './postgres-error.ts';

/**
 * Slot marks in the table slot_mark. The ledger raises the same mark in the transaction that stores actions.
 * Every call may throw 'unreachable' or 'timeout' (retriable).
 */
export class PostgresSlotMarks implements SlotMarks {
  readonly #pool: pg.Pool;

  /** @param pool as `connectPostgres` opens it */
  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async raise(slot: SlotId, position: number): Promise<void> {
    try {
      await this.#pool.query(RAISE_MARK, [slot.group, slot.topic, slot.partition, position]);
    } catch (error) {
      throw postgresError(error);
    }
  }

  async read(slot: SlotId): Promise<number | null> {
    try {
      const found = await this.#pool.query<{ position: number }>(
        'select position from slot_mark where slot_group = $1 and topic = $2 and partition = $3',
        [slot.group, slot.topic, slot.partition],
      );
      return found.rows[0]?.position ?? null;
    } catch (error) {
      throw postgresError(error);
    }
  }
}
