import type { OverageTerms, PlanVersion } from '../schemas/profile.ts';
import type { PolicyRule } from '../schemas/policy.ts';
import type { Facts } from './conditions.ts';
import type { Line } from './line.ts';

/** More blocks than anybody means to sell a subscriber in a cycle. */
const MOST_BLOCKS = 100;

/** Paid extras that were asked for since a cycle began. */
export interface Extras {
  cycleStartMs: number;
  blocks: number;
  soldBytes: number;
  topUps: number;
}

/** An anchor that moved the cycle's start back leaves what was asked for in the later cycle. */
export function extrasIn({ extras }: Line, cycleStartMs: number): Extras {
  return extras !== null && extras.cycleStartMs >= cycleStartMs
    ? extras
    : { cycleStartMs, blocks: 0, soldBytes: 0, topUps: 0 };
}

/** The plan's terms with what the rule says otherwise; null where a part is missing, or the subscriber's consent. */
export function termsOf({ event }: PolicyRule, line: Line, plan: PlanVersion | null): OverageTerms | null {
  if (event.type !== 'overage' || line.profile?.overageConsent !== true) return null;
  const { blockBytes, blockPriceMinor, currency, maxBlocks } = { ...plan?.overage, ...event.params };
  if (blockBytes === undefined || blockPriceMinor === undefined || currency === undefined) return null;
  return { blockBytes, blockPriceMinor, currency, maxBlocks: maxBlocks ?? null };
}

/** Blocks of the cycle after this moment: those before, and as many as the bytes beyond them begin. */
export function blocksDue({ blockBytes, maxBlocks }: OverageTerms, facts: Facts, sold: Extras): number {
  if (facts['allowanceBytes'] === null) return sold.blocks;
  const counted = Math.min(Number(facts['cycleCountedBytes']), Number.MAX_SAFE_INTEGER);
  const over = counted - Number(facts['allowanceBytes']) - sold.soldBytes;
  const most = Math.min(maxBlocks ?? MOST_BLOCKS, MOST_BLOCKS);
  const wanted = sold.blocks + Math.ceil(Math.max(0, over) / blockBytes);
  return Math.max(sold.blocks, Math.min(wanted, most));
}
