import type { CompiledRule } from '../../rules/compile/policy.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import { blocksDue } from '../../rules/tariff/blocks.ts';
import type { OverageTerms, PlanVersion } from '../../schemas/profile.ts';
import type { OverageState, Subscriber } from '../fold/slot-state.ts';

/** What of paid extras this cycle has asked for. */
export function extrasOf(subscriber: Subscriber, cycleStartMs: number): OverageState {
  const { overage } = subscriber;
  // A changed anchor may move the cycle's start back: what was asked for stays asked for.
  if (overage !== null && overage.cycleStartMs >= cycleStartMs) return overage;
  return { cycleStartMs, blocks: 0, soldBytes: 0, topUps: 0 };
}

/** Terms of a rule's blocks: the plan's, overridden by the rule's; null where none are complete or the subscriber did not agree. */
export function overageTerms(
  rule: CompiledRule,
  subscriber: Subscriber,
  plan: PlanVersion | null,
): OverageTerms | null {
  if (rule.event.type !== 'overage' || subscriber.profile?.overageConsent !== true) return null;
  const { params } = rule.event;
  const blockBytes = params.blockBytes ?? plan?.overage?.blockBytes;
  const blockPriceMinor = params.blockPriceMinor ?? plan?.overage?.blockPriceMinor;
  const currency = params.currency ?? plan?.overage?.currency;
  if (blockBytes === undefined || blockPriceMinor === undefined || currency === undefined) return null;
  // A rule that says null says: no limit.
  const maxBlocks = params.maxBlocks === undefined ? (plan?.overage?.maxBlocks ?? null) : params.maxBlocks;
  return { blockBytes, blockPriceMinor, currency, maxBlocks };
}

/** Blocks of the cycle once those are asked for that use beyond the allowance fills or begins; without a cap none is. */
export function dueBlocks(terms: OverageTerms, facts: Facts, extras: OverageState): number {
  if (facts.allowanceBytes === null) return extras.blocks;
  // As far as what was sold can be told: what lies beyond would be sold again with each look.
  return blocksDue(terms, exact(facts.cycleCountedBytes) - facts.allowanceBytes, extras);
}

/** A sum as far as a number goes: what is stored. */
export function exact(bytes: number): number {
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}

/** True where a rule that holds asks for blocks that were not asked for yet. */
export function asksForBlocks(
  rule: CompiledRule,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  facts: Facts,
  cycleStartMs: number,
): boolean {
  const terms = overageTerms(rule, subscriber, plan);
  if (terms === null) return false;
  const extras = extrasOf(subscriber, cycleStartMs);
  return dueBlocks(terms, facts, extras) > extras.blocks;
}

/** The subscriber agreed to extras, and the rule's limit a cycle is not reached. */
export function mayBuy(rule: CompiledRule, subscriber: Subscriber, cycleStartMs: number): boolean {
  if (rule.event.type !== 'topup' || subscriber.profile?.overageConsent !== true) return false;
  return extrasOf(subscriber, cycleStartMs).topUps < rule.event.params.maxPerCycle;
}
