import type pg from 'pg';
import { PostgresItemBook } from '../storage/postgres/item-book.ts';
import { PostgresTariffReads } from '../storage/postgres/tariff-reads.ts';
import { postgresTariffs } from '../storage/postgres/tariff-store.ts';
import type { TariffReads, TariffStore } from '../storage/tariff-ports.ts';
import type { Config } from './config.ts';
import type { Telemetry } from './telemetry.ts';

/** Where tariffs are changed and read. @param onChange wakes a relay in this process */
export function tariffStores(
  { defaultCurrency }: Config,
  pool: pg.Pool,
  { metrics }: Pick<Telemetry, 'metrics'>,
  onChange: () => void,
): { tariffs: TariffStore; tariffReads: TariffReads } {
  const items = new PostgresItemBook();
  return {
    tariffs: postgresTariffs(pool, {
      ...{ items, defaultCurrency, onChange },
      onBought: (kind, source) => metrics.topUps.inc({ kind, source }),
    }),
    tariffReads: new PostgresTariffReads(pool),
  };
}
