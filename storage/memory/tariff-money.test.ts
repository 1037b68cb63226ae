import { tariffMoneyContract } from '../tariff-money.contract.ts';
import type { MoneyFixture } from '../money-fixture.contract.ts';
import { CycleBook, cyclesOfNumber, hasBegun } from './cycle-book.ts';
import { MemoryTariffs } from './tariffs.ts';

/** By WEIR_TEST_RUNS, as other laws. */
const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 300);

function opened(): Promise<MoneyFixture> {
  const tariffs = new MemoryTariffs();
  const { cycleStore } = tariffs;
  const book = new CycleBook(cycleStore, () => 0);
  const numberOf = (subscriberId: string): number => tariffs.numberOf(subscriberId) ?? 0;
  const rowsOf = (subscriberId: string) => cyclesOfNumber(cycleStore.cycles, numberOf(subscriberId));
  return Promise.resolve({
    store: tariffs.store,
    rows: (id) => tariffs.reads.rows(id),
    items: (id) => Promise.resolve(tariffs.items.filter(({ subscriberId }) => subscriberId === id)),
    cycles: (id) => Promise.resolve(rowsOf(id)),
    close(cycles, adjustments) {
      for (const closed of cycles)
        book.close(numberOf(closed.subscriberId), closed, adjustments, adjustments.length > 0);
      return Promise.resolve();
    },
    begun(nowMs) {
      for (const no of tariffs.numbers())
        if (hasBegun(no, cycleStore, cycleStore.cycles, nowMs)) book.settle(no, nowMs);
      return Promise.resolve();
    },
    closeUntold(beforeMs) {
      for (const no of tariffs.numbers())
        for (const row of cyclesOfNumber(cycleStore.cycles, no))
          if (row.status !== 'closed' && row.endMs < beforeMs) book.closeUntold(row);
      return Promise.resolve();
    },
    reopened: opened,
  });
}

tariffMoneyContract('memory', RUNS, opened);
