import { createHash } from 'node:crypto';
import type {
  ActionIntent,
  ActionKind,
  DesiredState,
  Effect,
  OverageBlock,
  TopUpPurchase,
} from '../schemas/action.ts';
import type { PlanVersion } from '../schemas/profile.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import type { Facts } from './conditions.ts';
import { effectText } from './effect.ts';
import { blocksDue, extrasIn, termsOf } from './extras.ts';
import type { Line, RuleState } from './line.ts';
import type { AskedRule } from './policies.ts';
import { nowOf } from './tariff.ts';
import { holdsAt } from './told.ts';

const UNLIMITED = { downBps: 10_000_000_000, upBps: 10_000_000_000 };
/** Notices about what is longer ago are only recorded. */
const STALE_MS = 6 * 3_600_000;

/** When a decision is made, and which entry made it. */
export interface Moment {
  nowMs: number;
  offset: number;
  appendTimeMs: number;
}

/** A rule that began or ended, or goes on and charges. */
export interface Change {
  key: string;
  state: RuleState;
  /** null = it is no rule of the subscriber's any more */
  asked: AskedRule | null;
  what: 'began' | 'ended' | 'charged';
}

/** An action that the log asks for. Identity: `id`. */
export interface ExpectedAction {
  id: string;
  subscriberId: string;
  kind: ActionKind;
  policyId: string;
  rule: string;
  cycleStartMs: number;
  ordinal: number;
  desired: DesiredState;
  disposition: ActionIntent['disposition'];
  overage: OverageBlock | null;
  topUp: TopUpPurchase | null;
  /** entry at which it is decided, and event time then */
  offset: number;
  decidedAtMs: number;
}

/** What a policy in shadow would have done. */
export interface ExpectedShadow {
  id: string;
  subscriberId: string;
  policyId: string;
  rule: string;
  ordinal: number;
  began: boolean;
  /** what was in force */
  liveEffect: Effect | null;
  offset: number;
}

export interface Decision {
  actions: ExpectedAction[];
  shadows: ExpectedShadow[];
}

/** What comes of changes: notices, paid blocks, top-ups, at most one change of the line; and what shadows say. */
export function actionsOf(
  line: Line,
  provider: ProviderSettings,
  plan: PlanVersion | null,
  facts: Facts,
  changes: readonly Change[],
  moment: Moment,
): Decision {
  const live = changes.filter(({ key }) => !key.startsWith('~'));
  const effect = strongest(line);
  const desired = desiredOf(effect, plan);
  const make = (kind: ActionKind, change: Change, more: Partial<ExpectedAction> = {}): ExpectedAction => {
    const { cycleStartMs, ordinal } = change.state;
    const { policyId: name, rule } = namesOf(change.key);
    const id = hash([name, rule, line.id, cycleStartMs, ordinal]);
    const policyId = name.replace(/^pool:/, '');
    return {
      ...{ id, subscriberId: line.id, kind, policyId, rule, cycleStartMs, ordinal, desired },
      ...{ disposition: 'send', overage: null, topUp: null },
      ...{ offset: moment.offset, decidedAtMs: moment.nowMs },
      ...more,
    };
  };
  const actions = live
    .filter(({ asked, what }) => asked?.rule.event.type === 'notify' && what === 'began')
    .map((change, _i, all) => make('notify', change, { disposition: fate(line, change, all, moment) }));
  for (const change of live) {
    actions.push(...blocksOf(line, plan, facts, change, make));
    actions.push(...purchaseOf(line, provider, change, moment, make));
  }
  const before = line.effect;
  if (effectText(effect) !== effectText(before)) {
    line.effect = effect;
    const cause = causeOf(live, effect);
    if (cause !== undefined) {
      const kind = effect?.state ?? 'restore';
      const { asked, key, state } = cause;
      const isMomentary = asked !== null && asked.effect === null;
      const { policyId, rule } = namesOf(key);
      const parts = [policyId, rule, line.id, state.cycleStartMs, state.ordinal, 'line'];
      actions.push(make(kind, cause, isMomentary ? { id: hash(parts) } : {}));
    }
  }
  const shadows = changes
    .filter(({ key }) => key.startsWith('~'))
    .map((change) => shadowOf(line, change, moment));
  return { actions, shadows };
}

/** Hold, block, redirect, the lowest throttle, the fastest boost, by download, then upload; of equals the one that came first. */
function strongest(line: Line): Effect | null {
  const effects = [...line.rules].flatMap(([key, { active, effect }]) =>
    active && effect !== null && !key.startsWith('~') ? [effect] : [],
  );
  const rank = { hold: 0, block: 1, redirect: 2, throttle: 3, boost: 4 };
  const speeds = (effect: Effect): [number, number] =>
    effect.state === 'throttle'
      ? [effect.downBps, effect.upBps]
      : effect.state === 'boost'
        ? [-effect.downBps, -effect.upBps]
        : [0, 0];
  effects.sort((a, b) => {
    const [[downA, upA], [downB, upB]] = [speeds(a), speeds(b)];
    return rank[a.state] - rank[b.state] || downA - downB || upA - upB;
  });
  return effects[0] ?? null;
}

/** How the network is to treat the line; under hold, block and redirect the speed is the plan's, a boost is no slower. */
function desiredOf(effect: Effect | null, plan: PlanVersion | null): DesiredState {
  const own = plan ?? UNLIMITED;
  const bought = effect?.state === 'boost' ? effect : own;
  const { downBps, upBps } =
    effect?.state === 'throttle'
      ? effect
      : { downBps: Math.max(own.downBps, bought.downBps), upBps: Math.max(own.upBps, bought.upBps) };
  const profile = effect?.state === 'throttle' || effect?.state === 'redirect' ? effect.profile : null;
  return { state: effect?.state ?? 'plan', downBps, upBps, profile };
}

/** The rule that began with the effect, else one whose begin or end fits, else the first. */
function causeOf(live: readonly Change[], effect: Effect | null): Change | undefined {
  const lasting = live.filter(({ asked }) => asked === null || asked.effect !== null);
  return (
    lasting.find(
      ({ what, state }) =>
        what === 'began' && effect !== null && effectText(state.effect) === effectText(effect),
    ) ??
    lasting.find(({ what }) => (what === 'began') === (effect !== null)) ??
    lasting[0] ??
    live.find(({ what }) => what !== 'charged')
  );
}

/** Of one policy's notices at one moment the one of the highest priority, then the last in the file, is sent. */
function fate(
  line: Line,
  { key, asked }: Change,
  began: readonly Change[],
  { nowMs, appendTimeMs }: Moment,
): ExpectedAction['disposition'] {
  const ofPolicy = began.filter((other) => other.asked?.policyId === asked?.policyId);
  const highest = Math.max(...ofPolicy.map((other) => other.asked?.rule.priority ?? 1));
  const chosen = ofPolicy.findLast((other) => (other.asked?.rule.priority ?? 1) === highest);
  if (chosen?.key !== key) return 'superseded';
  if (holdsAt(line.profile, nowOf(line, nowMs)).length > 0) return 'on-hold';
  return appendTimeMs > nowMs + STALE_MS ? 'stale' : 'send';
}

type Make = (kind: ActionKind, change: Change, more?: Partial<ExpectedAction>) => ExpectedAction;

/** An action for each block that is due and was not asked for, named after the block. */
function blocksOf(
  line: Line,
  plan: PlanVersion | null,
  facts: Facts,
  change: Change,
  make: Make,
): ExpectedAction[] {
  const { asked, what } = change;
  const terms = asked === null || what === 'ended' ? null : termsOf(asked.rule, line, plan);
  if (terms === null) return [];
  const { blockBytes, blockPriceMinor: priceMinor, currency } = terms;
  const extras = extrasIn(line, line.book.current?.startMs ?? 0);
  const { cycleStartMs } = extras;
  const due = blocksDue(terms, facts, extras);
  const actions: ExpectedAction[] = [];
  for (let block = extras.blocks + 1; block <= due; block += 1) {
    const id = hash(['overage', line.id, cycleStartMs, 'data', block]);
    const overage = { block, blockBytes, priceMinor, currency };
    actions.push(make('overage', change, { id, cycleStartMs, ordinal: block, overage }));
  }
  if (actions.length > 0) {
    const soldBytes = Math.min(extras.soldBytes + actions.length * blockBytes, Number.MAX_SAFE_INTEGER);
    line.extras = { ...extras, blocks: due, soldBytes };
  }
  return actions;
}

function purchaseOf(
  line: Line,
  provider: ProviderSettings,
  change: Change,
  { nowMs }: Moment,
  make: Make,
): ExpectedAction[] {
  const event = change.asked?.rule.event;
  if (event?.type !== 'topup' || change.what !== 'began' || line.profile?.overageConsent !== true) return [];
  const { productId, maxPerCycle } = event.params;
  const extras = extrasIn(line, line.book.current?.startMs ?? 0);
  const product = new Map(Object.entries(provider.topUps)).get(productId);
  if (product === undefined || extras.topUps >= maxPerCycle) return [];
  line.extras = { ...extras, topUps: extras.topUps + 1 };
  const { validSeconds, bytes, priceMinor, currency, kind = 'bytes', downBps, upBps } = product;
  const expiresMs = validSeconds === null ? (line.book.current?.endMs ?? nowMs) : nowMs + validSeconds * 1000;
  // Of bytes nothing is said but how many.
  const ofKind = kind === 'bytes' ? {} : { kind };
  const speed = kind === 'bytes' || downBps === undefined || upBps === undefined ? {} : { downBps, upBps };
  const what = { productId, ...ofKind, ...speed, bytes, priceMinor, currency };
  return [make('topup', change, { topUp: { ...what, fromMs: nowMs, expiresMs } })];
}

function shadowOf(line: Line, { key, state, what }: Change, { offset }: Moment): ExpectedShadow {
  const { policyId, rule } = namesOf(key);
  const { cycleStartMs, ordinal } = state;
  const id = hash([`~${policyId}`, rule, line.id, cycleStartMs, ordinal]);
  const began = what === 'began';
  return { id, subscriberId: line.id, policyId, rule, ordinal, began, liveEffect: line.effect, offset };
}

function namesOf(key: string): { policyId: string; rule: string } {
  const [policyId = '', ...rest] = key.replace(/^~/, '').split('/');
  return { policyId, rule: rest.join('/') };
}

function hash(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}
