import type pg from 'pg';
import type { ItemBook } from '../billing-ports.ts';
import { TariffChanges } from '../tariff-changes/tariff-changes.ts';
import type { TariffSettings } from '../tariff-changes/tariff-changes.ts';
import type { TariffDatabase, TariffTx } from '../tariff-transaction.ts';
import { changeInOrder } from './control-outbox.ts';
import { PostgresTariffTx } from './tariff-tx.ts';

/** How tariffs in Postgres are made. */
export interface PostgresTariffOptions extends TariffSettings {
  items: ItemBook<pg.PoolClient>;
}

/** Changes of tariffs in Postgres: each one transaction, one after the other with all that tell the log something. */
export function postgresTariffs(pool: pg.Pool, options: PostgresTariffOptions): TariffChanges {
  return new TariffChanges(new Changes(pool, options), options);
}

/** Carries what a transaction gave past its rollback. */
class TakenBack extends Error {
  readonly value: unknown;

  constructor(value: unknown) {
    super('the change was a preview');
    this.value = value;
  }
}

class Changes implements TariffDatabase {
  readonly #pool: pg.Pool;
  readonly #options: PostgresTariffOptions;

  constructor(pool: pg.Pool, options: PostgresTariffOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  async transaction<T>(fn: (tx: TariffTx) => Promise<T>, keeps: boolean): Promise<T> {
    const { items, defaultCurrency } = this.#options;
    try {
      return await changeInOrder(this.#pool, async (client) => {
        const value = await fn(new PostgresTariffTx(client, items, defaultCurrency));
        if (!keeps) throw new TakenBack(value);
        return value;
      });
    } catch (error) {
      const taken = takenBack(error);
      if (taken === null) throw error;
      return taken.value as T;
    }
  }
}

/** The adapter's translation may have wrapped it. */
function takenBack(error: unknown): TakenBack | null {
  if (error instanceof TakenBack) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof TakenBack ? cause : null;
}
