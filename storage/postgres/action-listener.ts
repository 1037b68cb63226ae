import type pg from 'pg';
import { ACTION_CHANNEL } from './ledger-statements.ts';
import { postgresError } from './postgres-error.ts';

/** Wait before listening again after the connection broke, ms. */
const AGAIN_MS = 2_000;

/** A running listener. */
export interface ActionListener {
  /** Ends it and gives its connection back. Idempotent. */
  close(): Promise<void>;
}

/**
 * Wakes a dispatcher when another process inserted actions. A convenience: while it has no connection nothing is lost,
 * since dispatchers poll. Takes one connection of the pool for as long as it runs. Not for the embedded server, whose
 * notifications do not cross connections; there everything is in one process.
 *
 * @param wake called for every notification, and once after each (re)connection for what came in between
 * @param failed told why it is not listening; it tries again by itself
 */
export function listenForActions(
  pool: pg.Pool,
  wake: () => void,
  failed: (error: unknown) => void,
): ActionListener {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let current: pg.PoolClient | undefined;

  const again = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      connecting = connect();
    }, AGAIN_MS);
  };

  /** Once a client, whether its error event or its LISTEN reports first. */
  const drop = (client: pg.PoolClient): void => {
    if (current !== client) return;
    current = undefined;
    client.removeAllListeners('notification');
    // Never back into the pool: it would go on listening for whoever gets it next.
    client.release(true);
    again();
  };

  const listen = async (client: pg.PoolClient): Promise<void> => {
    current = client;
    client.once('error', () => {
      // The pool's own listener logs what broke.
      drop(client);
    });
    client.on('notification', wake);
    try {
      await client.query(`listen ${ACTION_CHANNEL}`);
      wake();
    } catch (error) {
      failed(postgresError(error));
      drop(client);
    }
  };

  const connect = async (): Promise<void> => {
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      failed(postgresError(error));
      again();
      return;
    }
    await listen(client);
  };
  let connecting = connect();

  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await connecting;
      if (current !== undefined) drop(current);
    },
  };
}
