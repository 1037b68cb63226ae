import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import { postgresError } from './postgres-error.ts';

/** Fixed number that nobody else in the database takes. */
const READER_LOCK = 0x77656975;

/**
 * Lets one process read the embedded log: its partitions are not shared out, and two workers would take the slots away
 * from each other for ever. Holds an advisory lock on a connection of its own; a killed process loses it with that.
 * It spares work, it is not what keeps the state safe: the commit protocol does.
 *
 * @returns how to give it up
 * @throws AppError 'conflict' while another process reads; 'unreachable'
 */
export async function becomeSingleReader(pool: pg.Pool): Promise<() => void> {
  let client: pg.PoolClient | undefined;
  try {
    client = await pool.connect();
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      READER_LOCK,
    ]);
    if (rows[0]?.locked === true) {
      const held = client;
      // Not given back to the pool: the lock ends with the connection.
      return () => held.release(true);
    }
  } catch (error) {
    client?.release(true);
    throw postgresError(error);
  }
  client.release();
  throw new AppError(
    'conflict',
    'another process already works on the embedded log of this database, and it takes one worker only: ' +
      'set KAFKA_BROKERS to share the work, or leave the role worker to that process (WEIR_ROLES)',
  );
}
