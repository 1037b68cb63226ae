import { beforeEach, describe, expect, it } from 'vitest';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import type { UsageRecords } from './people-ports.ts';
import type { ActionLedger, SlotId } from './ports.ts';

const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 3 };
const JANUARY = Date.UTC(2026, 0, 1);
const FEBRUARY = Date.UTC(2026, 1, 1);

/** An adjustment for tests, with what the test cares about put over it. */
function anAdjustment(id: string, over: Partial<UsageAdjustment> = {}): UsageAdjustment {
  return {
    id,
    subscriberId: 's-1',
    cycleStartMs: JANUARY,
    cycleEndMs: FEBRUARY,
    serviceClass: '',
    downBytes: -5_000_000_000,
    upBytes: 7,
    reason: 'operator',
    detail: 'credit',
    partition: 3,
    offset: 41,
    ...over,
  };
}

function aClosedCycle(subscriberId: string, over: Partial<ClosedCycle> = {}): ClosedCycle {
  return {
    subscriberId,
    cycleStartMs: JANUARY,
    cycleEndMs: FEBRUARY,
    planId: 'home',
    classes: [{ serviceClass: '', downBytes: Number.MAX_SAFE_INTEGER, upBytes: 1 }],
    adjustedDownBytes: -3,
    adjustedUpBytes: 0,
    partition: 3,
    offset: 99,
    ...over,
  };
}

/**
 * What every UsageRecords shows of what a ledger was given.
 * @param open gives both, empty, before each test
 */
export function usageRecordsContract(
  name: string,
  open: () => Promise<{ ledger: ActionLedger; records: UsageRecords }>,
): void {
  describe(`UsageRecords: ${name}`, () => {
    let ledger: ActionLedger;
    let records: UsageRecords;
    beforeEach(async () => {
      ({ ledger, records } = await open());
    });

    it('keeps an adjustment and a closed cycle as they were, once, however often they come', async () => {
      const batch = { adjustments: [anAdjustment('3:41:0')], closedCycles: [aClosedCycle('s-1')] };
      await ledger.insert(SLOT, 42, batch);
      await ledger.insert(SLOT, 42, batch);
      await ledger.insert(SLOT, 43, {
        adjustments: [...batch.adjustments, anAdjustment('3:42:0', { reason: 'late-usage' })],
        closedCycles: [...batch.closedCycles, aClosedCycle('s-1', { cycleStartMs: FEBRUARY })],
      });
      expect(await records.adjustments('s-1', 10)).toEqual([
        anAdjustment('3:42:0', { reason: 'late-usage' }),
        anAdjustment('3:41:0'),
      ]);
      expect(await records.closedCycles('s-1', 10)).toEqual([
        aClosedCycle('s-1', { cycleStartMs: FEBRUARY }),
        aClosedCycle('s-1'),
      ]);
    });

    it('takes the first of two with one id', async () => {
      await ledger.insert(SLOT, 1, {
        adjustments: [anAdjustment('a'), anAdjustment('a', { upBytes: 8 })],
        closedCycles: [aClosedCycle('s-1'), aClosedCycle('s-1', { offset: 100 })],
      });
      expect(await records.adjustments('s-1', 10)).toEqual([anAdjustment('a')]);
      expect(await records.closedCycles('s-1', 10)).toEqual([aClosedCycle('s-1')]);
    });

    it('gives those of one subscriber, up to the limit', async () => {
      await ledger.insert(SLOT, 1, {
        adjustments: [anAdjustment('a'), anAdjustment('b', { subscriberId: 's-2' }), anAdjustment('c')],
        closedCycles: [aClosedCycle('s-1'), aClosedCycle('s-2')],
      });
      expect((await records.adjustments('s-1', 1)).map(({ id }) => id)).toEqual(['c']);
      expect((await records.adjustments('s-2', 9)).map(({ id }) => id)).toEqual(['b']);
      expect(await records.adjustments('s-3', 9)).toEqual([]);
      expect(await records.closedCycles('s-2', 9)).toEqual([aClosedCycle('s-2')]);
      expect(await records.closedCycles('s-2', 0)).toEqual([]);
    });

    it('keeps texts that databases dislike', async () => {
      const odd = 'nul\u0000 quote\'" back\\ \u{1F600} \ud800';
      const adjustment = anAdjustment(`x${odd}`, { subscriberId: odd, detail: odd });
      const cycle = aClosedCycle(odd, { planId: odd });
      await ledger.insert(SLOT, 1, { adjustments: [adjustment], closedCycles: [cycle] });
      expect(await records.adjustments(odd, 1)).toEqual([adjustment]);
      expect(await records.closedCycles(odd, 1)).toEqual([cycle]);
      expect(await all(records.allAdjustments())).toEqual([adjustment]);
      expect(await all(records.allClosedCycles())).toEqual([cycle]);
    });

    it('gives all in byte order, page by page', async () => {
      const ids = Array.from({ length: 4_500 }, (_, n) => `3:${n}:0`);
      const names = ['z', 'Z', 'ä', 'letter:3:1', ''];
      await ledger.insert(SLOT, 1, {
        adjustments: [...ids, ...names.slice(0, 4)].map((id) => anAdjustment(id)),
        closedCycles: names.flatMap((name) => [
          aClosedCycle(name, { cycleStartMs: FEBRUARY }),
          aClosedCycle(name),
        ]),
      });
      const found: string[] = [];
      for await (const page of records.allAdjustments()) {
        expect(page.length).toBeGreaterThan(0);
        expect(page.length).toBeLessThan(4_000);
        found.push(...page.map(({ id }) => id));
      }
      expect(found).toEqual([...ids.sort(), 'Z', 'letter:3:1', 'z', 'ä']);
      expect(
        (await all(records.allClosedCycles())).map((each) => [each.subscriberId, each.cycleStartMs]),
      ).toEqual(
        ['', 'Z', 'letter:3:1', 'z', 'ä'].flatMap((name) => [
          [name, JANUARY],
          [name, FEBRUARY],
        ]),
      );
    });
  });
}

async function all<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const items: T[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}
