import type pg from 'pg';
import { countCycles } from '../storage/postgres/cycle-counts.ts';
import type { Telemetry } from './telemetry.ts';

/** Puts how the billing cycles stand into the metrics, before each scrape. */
export function watchCycles({ log, metrics, onScrape }: Telemetry, pool: pg.Pool): void {
  onScrape(async () => {
    try {
      const { open, ended, failed, termsDiffer, oldestEndedSeconds } = await countCycles(pool);
      for (const [status, count] of Object.entries({ open, ended, failed }))
        metrics.cycles.set({ status }, count);
      metrics.cyclesTermsDiffer.set(termsDiffer);
      metrics.cycleCloseDelay.set(oldestEndedSeconds);
    } catch (error) {
      // As with the overview: what needs the server keeps its last values.
      log.warn({ err: error }, 'no states of billing cycles for the scrape');
    }
  });
}
