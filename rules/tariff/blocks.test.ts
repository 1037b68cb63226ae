import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { OverageTerms } from '../../schemas/profile.ts';
import type { ClosedOverage } from '../../schemas/usage-record.ts';
import { blocksAtClose, blocksDue, digest, overageItemKey } from './blocks.ts';
import { law } from './laws.contract.ts';

const terms = (given: Partial<OverageTerms> = {}): OverageTerms => {
  return { blockBytes: 100, blockPriceMinor: 500, currency: 'EUR', maxBlocks: null, ...given };
};

describe('blocksDue', () => {
  it.each([
    ['nothing beyond', terms(), 0, 0, 0, 0],
    ['below', terms(), -5, 0, 0, 0],
    ['the first byte', terms(), 1, 0, 0, 1],
    ['a full block', terms(), 100, 0, 0, 1],
    ['the second begun', terms(), 101, 1, 100, 2],
    ['what was sold is enough', terms(), 100, 1, 100, 1],
    ['sold blocks of another size', terms(), 101, 1, 500, 1],
    ['many at once', terms(), 950, 1, 100, 10],
    ['the limit', terms({ maxBlocks: 3 }), 950, 1, 100, 3],
    ['a limit below what is sold', terms({ maxBlocks: 1 }), 950, 2, 200, 2],
    ['a limit of none', terms({ maxBlocks: 0 }), 950, 0, 0, 0],
    ['no limit has one', terms(), 1e6, 0, 0, 100],
    ['nor has a higher one', terms({ maxBlocks: 500 }), 1e6, 0, 0, 100],
  ])('%s', (_name, of, overBytes, blocks, soldBytes, due) => {
    expect(blocksDue(of, overBytes, { blocks, soldBytes })).toBe(due);
  });
});

const overage = (blocks: number, soldBytes: number, overBytes: number, correctedBytes = 0): ClosedOverage => {
  return { blocks, soldBytes, overBytes, correctedBytes };
};

describe('blocksAtClose', () => {
  it.each<[string, OverageTerms, ClosedOverage, number, number]>([
    ['all itemised', terms(), overage(2, 200, 150), 2, 0],
    ['none was sold', terms(), overage(0, 0, 150), 0, 2],
    ['late bytes begin another', terms(), overage(2, 200, 201), 2, 1],
    ['sold and not itemised', terms(), overage(2, 200, 150), 0, 2],
    ['no use beyond', terms(), overage(0, 0, -500), 0, 0],
    ['a top-up bought later refunds nothing', terms(), overage(2, 200, -850), 2, 0],
    ['a correction of one block', terms(), overage(2, 200, 60, 90), 2, -1],
    ['a correction of all', terms(), overage(2, 200, -10, 170), 2, -2],
    ['a correction within a block', terms(), overage(2, 200, 110, 40), 2, 0],
    ['a correction after a top-up', terms(), overage(2, 200, -850, 160), 2, 0],
    ['a top-up that covered one of two, then a correction', terms(), overage(2, 200, 50, 100), 2, -1],
    ['a credit of no more than is itemised', terms(), overage(2, 200, -10, 170), 1, -1],
    ['nothing is itemised', terms(), overage(2, 200, -10, 170), 0, 0],
    ['the limit', terms({ maxBlocks: 3 }), overage(2, 200, 950), 2, 1],
    ['all of many that were smaller', terms(), overage(10, 100, -10, 110), 10, -10],
    ['blocks that were larger', terms(), overage(1, 1000, 950), 1, 0],
  ])('%s', (_name, of, closed, itemised, rest) => {
    expect(blocksAtClose(of, closed, itemised)).toBe(rest);
  });

  const closed = fc.record({
    of: fc.record({
      blockBytes: fc.integer({ min: 1, max: 300 }),
      maxBlocks: fc.option(fc.integer({ min: 0, max: 120 }), { nil: null }),
    }),
    uses: fc.array(fc.integer({ min: -200, max: 2000 }), { minLength: 1, maxLength: 6 }),
  });

  law('finds nothing to do where the fold sold all along, and never does twice', closed, ({ of, uses }) => {
    const own = terms(of);
    let sold = { blocks: 0, soldBytes: 0 };
    let overBytes = -100;
    for (const more of uses) {
      overBytes += Math.max(0, more);
      const blocks = blocksDue(own, overBytes, sold);
      sold = { blocks, soldBytes: sold.soldBytes + (blocks - sold.blocks) * own.blockBytes };
    }
    const end = { ...sold, overBytes, correctedBytes: 0 };
    expect(blocksAtClose(own, end, sold.blocks)).toBe(0);
    // Were none itemised, all are; and after that none.
    expect(blocksAtClose(own, end, 0)).toBe(sold.blocks);
  });

  law('credits no more than it had charged, and only where a correction was', closed, ({ of, uses }) => {
    const own = terms(of);
    const [first = 0, corrected = 0, moved = 0] = uses;
    const blocks = blocksDue(own, first, { blocks: 0, soldBytes: 0 });
    const soldBytes = blocks * own.blockBytes;
    const correctedBytes = Math.max(0, corrected);
    const rest = blocksAtClose(
      own,
      overage(blocks, soldBytes, first - correctedBytes, correctedBytes),
      blocks,
    );
    expect(rest).toBeLessThanOrEqual(0);
    expect(rest).toBeGreaterThanOrEqual(-blocks);
    // What is left is what would have been sold of the right total.
    const right = blocksDue(own, first - correctedBytes, { blocks: 0, soldBytes: 0 });
    if (blocks < (own.maxBlocks ?? 100)) expect(blocks + rest).toBe(right);
    expect(blocksAtClose(own, overage(blocks, soldBytes, first - Math.max(0, moved)), blocks)).toBe(0);
  });
});

describe('overageItemKey', () => {
  it('is the id of the action that asks for the block', () => {
    const id = createHash('sha256')
      .update('["overage","s1",1767225600000,"data",3]')
      .digest('hex')
      .slice(0, 32);
    expect(overageItemKey('s1', 1_767_225_600_000, 'data', 3)).toBe(id);
    expect(id).toBe(digest(['overage', 's1', 1_767_225_600_000, 'data', 3]));
  });
});
