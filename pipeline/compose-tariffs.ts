import type pg from 'pg';
import { PostgresItemBook } from '../storage/postgres/item-book.ts';
import { PostgresTariffReads } from '../storage/postgres/tariff-reads.ts';
import { postgresTariffs } from '../storage/postgres/tariff-store.ts';
import type { TariffReads, TariffStore } from '../storage/tariff-ports.ts';
import type { Config } from './config.ts';

/** Where tariffs are changed and read. @param onChange wakes a relay in this process */
export function tariffStores(
  { defaultCurrency }: Config,
  pool: pg.Pool,
  onChange: () => void,
): { tariffs: TariffStore; tariffReads: TariffReads } {
  const items = new PostgresItemBook();
  return {
    tariffs: postgresTariffs(pool, { items, defaultCurrency, onChange }),
    tariffReads: new PostgresTariffReads(pool),
  };
}
