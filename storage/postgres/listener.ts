import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/** Between attempts to listen; whoever listens polls as often anyway. */
const RETRY_MS = 1_000;

/**
 * Listens to a channel on one connection of the pool and calls `onNotify` for each notification, and once after each
 * (re)connection, since notifications of the time without one are lost. A wake-up, not a promise: poll as well.
 * On the embedded Postgres nothing arrives from other connections.
 */
export class PostgresListener {
  readonly #pool: pg.Pool;
  readonly #channel: string;
  readonly #onNotify: () => void;
  readonly #abort = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(pool: pg.Pool, channel: string, onNotify: () => void) {
    this.#pool = pool;
    this.#channel = channel;
    this.#onNotify = onNotify;
  }

  /** Returns at once; connects and reconnects for as long as it takes. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Gives the connection back. Idempotent. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#listen(signal);
      } catch {
        // The pool logs lost connections; polling carries on meanwhile.
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
      }
    }
  }

  /** Resolves when stopped, rejects when the connection is lost. */
  async #listen(signal: AbortSignal): Promise<void> {
    const client = await this.#pool.connect();
    try {
      client.on('notification', this.#onNotify);
      await client.query(`listen ${client.escapeIdentifier(this.#channel)}`);
      this.#onNotify();
      await new Promise<void>((resolve, reject) => {
        client.once('error', reject);
        client.once('end', () => reject(new Error('connection ended')));
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } finally {
      client.off('notification', this.#onNotify);
      client.release(true);
    }
  }
}
