import { createHash } from 'node:crypto';
import type { ActionIntent } from '../../schemas/action.ts';
import type { OverageTerms } from '../../schemas/profile.ts';
import type { ClosedOverage } from '../../schemas/usage-record.ts';

/** Paid blocks a cycle, whatever the terms say: a slip in a plan or policy must not charge for thousands. */
export const MAX_BLOCKS_A_CYCLE = 100;

/**
 * Blocks of the cycle once those are sold that use beyond the allowance fills or begins, at most what the terms allow; never
 * fewer than are sold. What blocks before were good for counts, whatever their size: other terms charge nobody again for the
 * same bytes.
 *
 * @param overBytes counted beyond the allowance, sold blocks not taken off
 */
export function blocksDue(
  terms: OverageTerms,
  overBytes: number,
  sold: { blocks: number; soldBytes: number },
): number {
  const left = overBytes - sold.soldBytes;
  if (left <= 0) return sold.blocks;
  return Math.max(sold.blocks, Math.min(sold.blocks + Math.ceil(left / terms.blockBytes), mostBlocks(terms)));
}

/**
 * Blocks that a close has to itemise: those that are due less those that are itemised. It is negative, a credit, only as far as
 * corrections took bytes away that blocks had been sold for: what was sold is not refunded by a top-up or plan that came later.
 *
 * @param overage of the fold, its `overBytes` signed: counted less allowance. Bytes that came or went after the close are in it
 * @param itemised blocks that have an item, or an intent that will become one
 */
export function blocksAtClose(terms: OverageTerms, overage: ClosedOverage, itemised: number): number {
  const { overBytes, correctedBytes } = overage;
  const due = dueFor(terms, overage, overBytes);
  if (due >= itemised) return due - itemised;
  const uncorrected = dueFor(terms, overage, overBytes + Math.max(0, correctedBytes));
  const credit = Math.min(itemised - due, uncorrected - due);
  return credit === 0 ? 0 : -credit;
}

/** Blocks that so many bytes beyond the allowance need, where those sold already are as large as they were. */
function dueFor(terms: OverageTerms, { blocks, soldBytes }: ClosedOverage, overBytes: number): number {
  if (overBytes <= 0) return 0;
  const left = overBytes - soldBytes;
  if (left > 0) return blocksDue(terms, overBytes, { blocks, soldBytes });
  return Math.max(0, blocks + Math.ceil(left / terms.blockBytes));
}

function mostBlocks({ maxBlocks }: OverageTerms): number {
  return Math.min(maxBlocks ?? MAX_BLOCKS_A_CYCLE, MAX_BLOCKS_A_CYCLE);
}

/**
 * Key of the item for one block, which is the id of the action that asks for it: named after the block, whatever rule or close
 * made it, so it is charged once.
 *
 * @param subject subscriber; a pool's blocks are named after the pool
 * @param block from 1
 */
export function overageItemKey(subject: string, cycleStartMs: number, meter: 'data', block: number): string {
  return digest(['overage', subject, cycleStartMs, meter, block]);
}

/** Line of paid blocks; items of before name it too. */
export const BLOCK_LINE = 'overage:data';
/** Line of a pool's paid blocks, which are on no cycle of whoever pays them. */
const POOL_BLOCK_LINE = 'overage:pool';

/** The line of a block that was asked for: those of a subscriber's own are told by their key. */
export function blockLine({
  id,
  subscriberId,
  cycleStartMs,
  overage,
}: Pick<ActionIntent, 'id' | 'subscriberId' | 'cycleStartMs' | 'overage'>): string {
  const isOwn = overage !== null && id === overageItemKey(subscriberId, cycleStartMs, 'data', overage.block);
  return isOwn ? BLOCK_LINE : POOL_BLOCK_LINE;
}

/** Hash of what names something; the same on every replay and in every process. */
export function digest(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}
