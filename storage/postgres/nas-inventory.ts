import type pg from 'pg';
import type { NasAccess, NasInventory } from '../ports.ts';
import { postgresError } from './postgres-error.ts';
import type { SecretBox } from './secret-box.ts';

/** How long an answer is used: a changed address or secret is in force after this. */
const CACHE_MS = 10_000;
const MAX_CACHED = 10_000;

interface Cached {
  access: Promise<NasAccess | null>;
  untilMs: number;
}

/** NAS access from the directory's table; every CoA asks, so answers (also "none") are kept for 10 s. */
export class PostgresNasInventory implements NasInventory {
  readonly #pool: pg.Pool;
  readonly #box: SecretBox;
  readonly #now: () => number;
  readonly #cache = new Map<string, Cached>();

  constructor(pool: pg.Pool, box: SecretBox, now: () => number = Date.now) {
    this.#pool = pool;
    this.#box = box;
    this.#now = now;
  }

  /** @throws AppError 'unreachable' or 'timeout' (retriable); 'store-rejected' when sealed under another key */
  access(nasId: string): Promise<NasAccess | null> {
    const cached = this.#cache.get(nasId);
    if (cached !== undefined && cached.untilMs > this.#now()) return cached.access;
    const access = this.#read(nasId);
    // Names come from records: an unbounded set must not fill the memory.
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(nasId, { access, untilMs: this.#now() + CACHE_MS });
    // Failures are not answers. The caller gets the same rejection.
    access.catch(() => this.#cache.delete(nasId));
    return access;
  }

  async #read(nasId: string): Promise<NasAccess | null> {
    const result = await this.#pool
      .query<{ address: string; coa_port: number; vendor: string; secret_sealed: Buffer }>(
        'select address, coa_port, vendor, secret_sealed from nas where nas_id = $1 and address is not null',
        [nasId],
      )
      .catch((error: unknown) => {
        throw postgresError(error);
      });
    const [row] = result.rows;
    if (row === undefined) return null;
    const secret = this.#box.open(row.secret_sealed, nasId);
    return { nasId, address: row.address, coaPort: row.coa_port, secret, vendor: row.vendor };
  }
}
