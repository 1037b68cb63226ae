import type { Facts } from '../../rules/facts/catalogue.ts';
import { digest, overageItemKey } from '../../rules/tariff/blocks.ts';
import type {
  ActionIntent,
  ActionKind,
  Effect,
  OverageBlock,
  ShadowDecision,
  TopUpPurchase,
} from '../../schemas/action.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { isPoolRule, POOL_RULE, desiredState, isShadow, sameEffect, strongestEffect } from './desired.ts';
import { dueBlocks, exact, extrasOf, mayBuy, overageTerms } from './extras.ts';
import { nowOf } from './in-force.ts';
import { holdsAt } from './profile-states.ts';
import type { Transition } from './transitions.ts';

/** The log entry that a decision came from. */
export interface Cause {
  offset: number;
  appendTimeMs: number;
}

/** A notice about what is longer ago helps nobody: it is recorded only. */
const STALE_NOTICE_MS = 6 * 3_600_000;

/** What deciding about one subscriber at one moment gave. */
interface Decided {
  state: SlotState;
  subscriber: Subscriber;
  plan: PlanVersion | null;
  facts: Facts;
  cause: Cause;
}

/** An intent's parts that are not the same for all of one decision. */
type Particulars = Pick<ActionIntent, 'id' | 'kind'> & Partial<ActionIntent>;

/**
 * What leaves because of one evaluation: the one net change of the desired state, notices, paid blocks, top-ups, and what
 * shadows would have done. Sets the subscriber's effect and counts its extras.
 */
export function intentsOf(
  state: SlotState,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  facts: Facts,
  transitions: readonly Transition[],
  cause: Cause,
): OutboxRecord[] {
  const decided: Decided = { state, subscriber, plan, facts, cause };
  const live = transitions.filter((transition) => !isShadow(transition.state.key));
  const shadows = transitions.filter((transition) => isShadow(transition.state.key));
  // The line first: the ledger gives out one action of a subscriber at a time.
  const effects = effectIntents(decided, live);
  const intents = [...effects, ...noticesOf(decided, live), ...extraIntents(decided, live)];
  return [
    ...intents.map((intent): OutboxRecord => ({ kind: 'action', intent })),
    ...shadows.map((one): OutboxRecord => ({ kind: 'shadow', decision: shadowDecision(decided, one) })),
  ];
}

/** The desired state, where it changed: named after the rule that changed it. */
function effectIntents(decided: Decided, live: readonly Transition[]): ActionIntent[] {
  const { subscriber } = decided;
  const before = subscriber.effect;
  const effect = strongestEffect(subscriber.rules);
  if (sameEffect(effect, before)) return [];
  subscriber.effect = effect;
  const lasting = live.filter(({ rule }) => rule === null || rule.effect !== null);
  const winner =
    lasting.find(({ state: rule, change }) => change === 'began' && sameEffect(rule.effect, effect)) ??
    lasting.find(({ change }) => (change === 'began') === (effect !== null)) ??
    lasting[0];
  const leaves = before?.state ?? 'plan';
  if (winner !== undefined)
    return [intentOf(decided, winner, { ...ruleAction(decided, kindOf(effect), winner), leaves })];
  // Not one that only charges: its ordinal stands still, and the id would come again.
  const first = live.find(({ change }) => change !== 'charged');
  if (first === undefined) return [];
  // A rule that asks for something momentary now: its notice, block or top-up has the transition's own id.
  const id = digest([...identityOf(decided, first), 'line']);
  return [intentOf(decided, first, { id, kind: kindOf(effect), leaves })];
}

function kindOf(effect: Effect | null): ActionKind {
  return effect?.state ?? 'restore';
}

/**
 * Of the notices of one policy that begin at the same moment the first by priority, then the last in the file, is sent: files
 * list thresholds rising. The others are recorded, as are those to lines on hold and about what is long past.
 */
function noticesOf(decided: Decided, live: readonly Transition[]): ActionIntent[] {
  const began = live.filter(({ rule, change }) => rule?.event.type === 'notify' && change === 'began');
  const chosen = new Map<string, Transition>();
  for (const notice of began) {
    const { policyId = '', priority = 0 } = notice.rule ?? {};
    const other = chosen.get(policyId);
    if (other === undefined || priority >= (other.rule?.priority ?? 0)) chosen.set(policyId, notice);
  }
  return began.map((notice) => {
    const { rule } = notice;
    const isChosen = chosen.get(rule?.policyId ?? '') === notice;
    return intentOf(decided, notice, {
      ...ruleAction(decided, 'notify', notice),
      notice: rule?.event.type === 'notify' ? rule.event.params : null,
      disposition: isChosen ? dispositionOf(decided) : 'superseded',
    });
  });
}

function dispositionOf({ state, subscriber, cause }: Decided): ActionIntent['disposition'] {
  if (holdsAt(subscriber.profile, nowOf(state, subscriber)).length > 0) return 'on-hold';
  return cause.appendTimeMs - state.watermarkMs > STALE_NOTICE_MS ? 'stale' : 'send';
}

/** Blocks that are due and were not asked for, one action each, and top-ups. */
function extraIntents(decided: Decided, live: readonly Transition[]): ActionIntent[] {
  const { subscriber, plan, facts } = decided;
  const intents: ActionIntent[] = [];
  const cycleStartMs = subscriber.cycles[0]?.startMs ?? 0;
  for (const transition of live) {
    const { rule, change } = transition;
    if (rule === null || change === 'ended') continue;
    if (rule.event.type === 'overage') {
      const terms = overageTerms(rule, subscriber, plan);
      if (terms === null) continue;
      const { blockBytes, blockPriceMinor: priceMinor, currency } = terms;
      const extras = extrasOf(subscriber, cycleStartMs);
      const due = dueBlocks(terms, facts, extras);
      if (due <= extras.blocks) continue;
      for (let block = extras.blocks + 1; block <= due; block += 1)
        intents.push(
          blockIntent(decided, transition, extras.cycleStartMs, { block, blockBytes, priceMinor, currency }),
        );
      const soldBytes = exact(extras.soldBytes + (due - extras.blocks) * blockBytes);
      subscriber.overage = { ...extras, blocks: due, soldBytes };
    } else if (rule.event.type === 'topup' && change === 'began' && mayBuy(rule, subscriber, cycleStartMs)) {
      const topUp = purchaseOf(decided, rule.event.params.productId);
      if (topUp === null) continue;
      const extras = extrasOf(subscriber, cycleStartMs);
      subscriber.overage = { ...extras, topUps: extras.topUps + 1 };
      intents.push(intentOf(decided, transition, { ...ruleAction(decided, 'topup', transition), topUp }));
    }
  }
  return intents;
}

/** What buying a product at this moment gives; null where the provider does not sell it. */
function purchaseOf({ state, subscriber }: Decided, productId: string): TopUpPurchase | null {
  const product = Object.hasOwn(state.provider.topUps, productId) ? state.provider.topUps[productId] : null;
  if (product === undefined || product === null) return null;
  const { kind, bytes, downBps, upBps, priceMinor, currency, validSeconds } = product;
  const fromMs = state.watermarkMs;
  const cycleEndMs = subscriber.cycles[0]?.endMs ?? fromMs;
  const expiresMs = validSeconds === null ? cycleEndMs : fromMs + validSeconds * 1000;
  // Of bytes nothing more is said than ever: what is told has one form, whatever the provider wrote.
  const isBytes = kind === undefined || kind === 'bytes';
  const speed = downBps === undefined || upBps === undefined ? {} : { downBps, upBps };
  return {
    ...{ productId, ...(isBytes ? {} : { kind, ...speed }) },
    ...{ bytes, priceMinor, currency, fromMs, expiresMs },
  };
}

/** Named after the block, whatever rule asked for it: renaming a rule charges nobody again. */
function blockIntent(
  decided: Decided,
  transition: Transition,
  cycleStartMs: number,
  overage: OverageBlock,
): ActionIntent {
  const id = overageItemKey(decided.subscriber.id, cycleStartMs, 'data', overage.block);
  const ordinal = overage.block;
  return intentOf(decided, transition, { id, kind: 'overage', cycleStartMs, ordinal, overage });
}

function ruleAction(
  decided: Decided,
  kind: ActionKind,
  transition: Transition,
): Pick<ActionIntent, 'id' | 'kind'> {
  return { id: digest(identityOf(decided, transition)), kind };
}

/** What is the same on every replay: policy, rule, subscriber, cycle, ordinal. */
function identityOf({ subscriber }: Decided, { state }: Transition): (string | number)[] {
  const [policyId, rule] = namesOf(state.key);
  return [policyId, rule, subscriber.id, state.cycleStartMs, state.ordinal];
}

function intentOf(
  { state, subscriber, plan, cause }: Decided,
  { rule, state: ruleState, explanation }: Transition,
  particulars: Particulars,
): ActionIntent {
  const [policyId, name] = namesOf(ruleState.key);
  return {
    subscriberId: subscriber.id,
    userName: subscriber.profile?.userName ?? '',
    policyId: isPoolRule(policyId) ? policyId.slice(POOL_RULE.length) : policyId,
    policyVersion: rule?.policyVersion ?? toldVersion(subscriber, ruleState.key),
    rule: name,
    cycleStartMs: ruleState.cycleStartMs,
    ordinal: ruleState.ordinal,
    desired: desiredState(strongestEffect(subscriber.rules), plan),
    leaves: null,
    notice: null,
    overage: null,
    topUp: null,
    disposition: 'send',
    sessions: subscriber.sessions.map(({ nasId, nasIp, sessionId, framedIp }) => ({
      nasId,
      nasIp,
      sessionId,
      framedIp,
    })),
    decidedAtMs: state.watermarkMs,
    partition: state.partition,
    offset: cause.offset,
    appendTimeMs: cause.appendTimeMs,
    explanation,
    ...particulars,
  };
}

function shadowDecision(
  { state, subscriber, cause }: Decided,
  { rule, state: ruleState, change, explanation }: Transition,
): ShadowDecision {
  const [policyId, name] = namesOf(ruleState.key);
  const { cycleStartMs, ordinal } = ruleState;
  return {
    id: digest([`~${policyId}`, name, subscriber.id, cycleStartMs, ordinal]),
    subscriberId: subscriber.id,
    policyId,
    policyVersion: rule?.policyVersion ?? '',
    rule: name,
    cycleStartMs,
    ordinal,
    began: change === 'began',
    event: rule?.event.type ?? null,
    liveEffect: subscriber.effect,
    decidedAtMs: state.watermarkMs,
    partition: state.partition,
    offset: cause.offset,
    explanation,
  };
}

/** Version of a rule that the subscriber's pool holds; '' where it is none, or was let go. */
function toldVersion({ pool }: Subscriber, key: string): string {
  const told = pool?.told.rules.find(({ policyId, rule }) => key === `${POOL_RULE}${policyId}/${rule}`);
  return told?.policyVersion ?? '';
}

/**
 * Policy id and rule name of a rule state's key; the id of a pool's keeps what is before it, so that actions have ids of their
 * own. The id of a boost may have a slash in it.
 */
function namesOf(key: string): [policyId: string, rule: string] {
  const name = isShadow(key) ? key.slice(1) : key;
  const at = name.indexOf('/');
  return [name.slice(0, at), name.slice(at + 1)];
}
