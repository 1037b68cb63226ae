import type { Facts } from '../../rules/facts/catalogue.ts';
import { STATE_KINDS } from '../../schemas/action.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import { strongestEffect } from '../decide/desired.ts';
import { consume } from '../../rules/tariff/allowance.ts';
import type { Allowance } from '../../rules/tariff/allowance.ts';
import { cycleOf } from '../window/calendar-rule.ts';
import { factsOf, nextDueMs, usedPercent } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import { intentsOf } from '../decide/intents.ts';
import type { Cause } from '../decide/intents.ts';
import { hasTransitions } from '../decide/transitions.ts';
import type { FoldContext } from '../fold/fold.ts';
import type { Folding } from '../fold/requests.ts';
import { confirmed } from '../fold/settle.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { enterCycle, presentMembers, usedBytes } from './pool.ts';
import type { Pool } from './pool.ts';
import { standing, tellsNews } from './standing.ts';

/**
 * Looks at a pool: its cycle, its policies, and whether members have to be told. Policies for pools are decided by the same
 * code as those for subscribers, about a subject made of the pool: its notices and charges leave at once and once, its
 * lasting effects are told to the members.
 */
export function* lookAtPool(context: FoldContext, pool: Pool, cause: Cause): Folding<void> {
  const { state, effects, calendar } = context;
  const { pools, watermarkMs } = state;
  effects.catalogue.add(`pool:${pool.poolId}`);
  const { profile } = pool;
  if (profile === null || watermarkMs <= 0) {
    // As soon as event time begins: what members have told until then is decided, and answered.
    pool.dueMs = profile === null ? null : 1;
    pools.note(pool);
    return;
  }
  enterCycle(pool, cycleOf(profile, watermarkMs, calendar));
  let allowance = poolAllowance(pool, profile, watermarkMs);
  const view: SlotState = { ...state, compiled: pools.compiled };
  const subject = subjectOf(view, pool, profile);
  const plan = planOf(view, subject);
  const facts = poolFacts(view, pool, subject, allowance);
  if (hasTransitions(view, subject, plan, facts)) {
    const transitions = yield* confirmed(view, subject, plan, facts);
    for (const record of intentsOf(view, subject, plan, facts, transitions, cause)) {
      const told = ofPayer(record, profile.billTo);
      if (told !== null) effects.outbox.push(told);
    }
    pool.rules = subject.rules;
    pool.overage = subject.overage;
    // Blocks that were sold cover what a top-up did.
    allowance = poolAllowance(pool, profile, watermarkMs);
  }
  const now = standing(pool, allowance?.allowanceBytes ?? null, pools.compiled);
  if (tellsNews(pool.told, now)) {
    pool.told = now;
    pool.seq += 1;
    const left = presentMembers(pool).length;
    pool.telling = left === 0 ? null : { after: pool.telling?.after ?? '', left };
  }
  pool.dueMs = nextDueMs(view, subject);
  pools.note(pool);
}

/**
 * What the pool may use for nothing, its top-ups brought up to what it has used. null = no limit, and nothing of them is used.
 */
function poolAllowance(pool: Pool, profile: PoolProfile, watermarkMs: number): Allowance | null {
  const { allowanceBytes: baseBytes, topUps = [] } = profile;
  const { cycle, overage } = pool;
  if (baseBytes === null || cycle === null) return null;
  const isSold = overage !== null && overage.cycleStartMs >= cycle.startMs;
  const allowance = consume({
    countedBytes: usedBytes(pool),
    ...{ baseBytes, carryBytes: 0, soldBytes: isSold ? overage.soldBytes : 0, topUps },
    uses: pool.topUpUses,
    nowMs: Math.max(watermarkMs, Math.min(pool.asOfMs, cycle.endMs - 1)),
  });
  pool.topUpUses = allowance.uses;
  return allowance;
}

/** The pool as rules and actions see a subscriber. Its id is no subscriber's: profiles name those. */
function subjectOf(state: SlotState, pool: Pool, profile: PoolProfile): Subscriber {
  const { poolId, cycle, rules, overage } = pool;
  const subject = newSubscriber(`pool:${poolId}`, state.settings);
  const { zone, anchorDay, segment, planId, overageConsent, topUps = [] } = profile;
  subject.profile = {
    subscriberId: subject.id,
    userName: '',
    segment,
    tags: [],
    zone,
    anchorDay,
    assignments: planId === null ? [] : [{ planId, fromMs: Number.MIN_SAFE_INTEGER, toMs: null }],
    topUps,
    ...(pool.asOfMs > 0 && { asOfMs: pool.asOfMs }),
    carryOverBytes: 0,
    holds: [],
    poolId,
    billingStatus: 'current',
    overageConsent,
  };
  const nothing = { down: 0, up: 0 };
  if (cycle !== null)
    subject.cycles = [
      {
        ...cycle,
        ...nothing,
        classes: [],
        adjusted: nothing,
        offPeak: [],
        closed: false,
        parts: [],
        spent: null,
      },
    ];
  subject.rules = rules;
  subject.overage = overage;
  subject.effect = strongestEffect(rules);
  return subject;
}

/** What a pool shares with no subscriber is at rest; what it has of its own stands in the facts of use and allowance too: they charge by it. */
function poolFacts(state: SlotState, pool: Pool, subject: Subscriber, bought: Allowance | null): Facts {
  const used = usedBytes(pool);
  const allowance = bought?.allowanceBytes ?? null;
  const percent = allowance === null ? null : usedPercent(used, allowance);
  return {
    ...factsOf(state, subject, planOf(state, subject)),
    cycleCountedBytes: used,
    capBytes: pool.profile?.allowanceBytes ?? null,
    topUpRemainingBytes: bought?.topUpRemainingBytes ?? 0,
    allowanceBytes: allowance,
    capUsedPercent: percent,
    capRemainingBytes: allowance === null ? null : Math.max(0, allowance - used),
    projectedCapUsedPercent: null,
    poolUsedPercent: percent,
  };
}

/** What is said and charged once, by who pays; null for what members are told. */
function ofPayer(record: OutboxRecord, billTo: string): OutboxRecord | null {
  if (record.kind === 'shadow') return { ...record, decision: { ...record.decision, subscriberId: billTo } };
  if (record.kind !== 'action') return record;
  const { intent } = record;
  if (STATE_KINDS.some((kind) => kind === intent.kind)) return null;
  return { ...record, intent: { ...intent, subscriberId: billTo } };
}
