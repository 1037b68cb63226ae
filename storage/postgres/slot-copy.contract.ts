import type pg from 'pg';
import type { SlotId } from '../ports.ts';
import type { StateStoreFixture } from '../state-store.contract.ts';
import { PostgresStateStore } from './state-store.ts';

const TABLES = ['slot_meta', 'slot_outbox', 'slot_row', 'slot_due', 'slot_value', 'slot_state'];

/** A fixture for the contract suite on a migrated database. */
export function postgresStateFixture(pool: pg.Pool): StateStoreFixture {
  const store = new PostgresStateStore(pool);
  return {
    store,
    copySlot: (slot) => copySlot(pool, slot),
    async breakHalfway() {
      await pool.query('alter table slot_value add constraint broken check (bucket <> 7) not valid');
      return async () => {
        await pool.query('alter table slot_value drop constraint broken');
      };
    },
    close: () => store.close(),
  };
}

async function copySlot(pool: pg.Pool, slot: SlotId): Promise<() => Promise<void>> {
  const found = await pool.query<{ slot_id: number }>(
    'select slot_id from slot_state where slot_group = $1 and topic = $2 and partition = $3',
    [slot.group, slot.topic, slot.partition],
  );
  const id = found.rows[0]?.slot_id;
  const copies = new Map<string, Record<string, unknown>[]>();
  for (const table of TABLES) {
    copies.set(table, (await pool.query(`select * from ${table} where slot_id = $1`, [id])).rows);
  }
  return async () => {
    for (const [table, rows] of copies) {
      await pool.query(`delete from ${table} where slot_id = $1`, [id]);
      for (const row of rows) {
        const places = Object.keys(row).map((_, i) => `$${String(i + 1)}`);
        const columns = Object.keys(row).join(', ');
        await pool.query(
          `insert into ${table} (${columns}) overriding system value values (${places.join(', ')})`,
          Object.values(row),
        );
      }
    }
  };
}
