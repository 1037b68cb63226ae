import type { Logger } from 'pino';
import type { ApiKeys } from '../storage/people-ports.ts';

/** A key's last use is stored to the minute: a write a request would cost more than what is asked for. */
const PERIOD_MS = 60_000;
/** Uses are written together, this long after the first of them. */
const BATCH_MS = 2_000;

/** When keys were used last, as people see it in their list. What is lost with the process is a minute at most. */
export class KeyUse {
  readonly #keys: Pick<ApiKeys, 'touch'>;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #nowMs: () => number;
  /** when each was noted; keys are as many as the provider has made */
  readonly #noted = new Map<string, number>();
  readonly #waiting = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(keys: Pick<ApiKeys, 'touch'>, log: Pick<Logger, 'warn'>, nowMs: () => number = Date.now) {
    this.#keys = keys;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** A request came with this key. */
  note(id: string): void {
    const now = this.#nowMs();
    if (now - (this.#noted.get(id) ?? -PERIOD_MS) < PERIOD_MS) return;
    this.#noted.set(id, now);
    this.#waiting.add(id);
    this.#timer ??= setTimeout(() => void this.flush(), BATCH_MS).unref();
  }

  /** Writes what is noted. Never rejects: nobody's request depends on it. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const ids = [...this.#waiting];
    if (ids.length === 0) return;
    this.#waiting.clear();
    try {
      await this.#keys.touch(ids);
    } catch (error) {
      // The next use of each key is noted a minute later.
      this.#log.warn({ err: error }, 'the last use of API keys was not stored');
    }
  }
}
