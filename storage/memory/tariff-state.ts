import type { PlanLookup } from '../../rules/tariff/timeline.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import type { Control } from '../../schemas/control.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { Account, AddOnTerms, BoughtTopUp, PlanTerms, SubscriberRows } from '../../schemas/tariff.ts';
import { closedThrough } from './cycle-book.ts';
import type { CycleStore, MemoryCycle } from './cycle-book.ts';
import type { AuditEntry, StoredPlan } from '../tariff-ports.ts';
import { timelineOf } from '../tariff-changes/instants.ts';
import type { KeptAnswer } from '../tariff-transaction.ts';

/** A subscriber in memory; its account is by id, so that a change of that is one of all its services. */
export interface MemorySubscriber {
  no: number;
  accountId: string;
  rows: SubscriberRows;
  profile: SubscriberProfile | null;
}

/** A pool in memory. */
export interface MemoryPool {
  profile: PoolProfile;
  accountId: string | null;
  topUps: BoughtTopUp[];
  revision: number;
}

/** A version of a plan; null = it costs nothing. */
export interface MemoryPlanVersion {
  content: PlanVersion;
  terms: PlanTerms | null;
}

/** All tariffs in memory. Values are never changed, only replaced: a copy of the maps is a snapshot. */
export interface TariffState {
  accounts: Map<string, Account>;
  subscribers: Map<string, MemorySubscriber>;
  plans: Map<string, StoredPlan>;
  planVersions: Map<string, MemoryPlanVersion[]>;
  addOns: Map<string, AddOnTerms[]>;
  pools: Map<string, MemoryPool>;
  items: Map<string, BillingItem>;
  cycles: Map<string, MemoryCycle>;
  answers: Map<string, KeptAnswer>;
  imports: Map<string, number>;
  audit: AuditEntry[];
  controls: Control[];
  lastNo: number;
  lastId: number;
}

export function emptyState(): TariffState {
  return {
    accounts: new Map(),
    subscribers: new Map(),
    plans: new Map(),
    planVersions: new Map(),
    addOns: new Map(),
    pools: new Map(),
    items: new Map(),
    cycles: new Map(),
    answers: new Map(),
    imports: new Map(),
    audit: [],
    controls: [],
    lastNo: 0,
    lastId: 0,
  };
}

/** A snapshot that can be changed apart. */
export function copyOf(state: TariffState): TariffState {
  return {
    accounts: new Map(state.accounts),
    subscribers: new Map(state.subscribers),
    plans: new Map(state.plans),
    planVersions: new Map(state.planVersions),
    addOns: new Map(state.addOns),
    pools: new Map(state.pools),
    items: new Map(state.items),
    cycles: new Map(state.cycles),
    answers: new Map(state.answers),
    imports: new Map(state.imports),
    audit: [...state.audit],
    controls: [...state.controls],
    lastNo: state.lastNo,
    lastId: state.lastId,
  };
}

/** Rows with the account as it is now. */
export function rowsOf(state: TariffState, { no, rows, accountId }: MemorySubscriber): SubscriberRows {
  const account = state.accounts.get(accountId) ?? rows.account;
  return { ...rows, account, closedThroughMs: closedThrough(state.cycles, no) };
}

/** Items and cycles of a state, as a book of cycles asks for them; they are changed in the state. */
export function cycleStoreOf(state: () => TariffState): CycleStore {
  const ofNumber = (wanted: number): MemorySubscriber | undefined =>
    [...state().subscribers.values()].find(({ no }) => no === wanted);
  return {
    get plans() {
      return plansOf(state());
    },
    get cycles() {
      return state().cycles;
    },
    billed(no) {
      const stored = ofNumber(no);
      if (stored === undefined) return null;
      const rows = rowsOf(state(), stored);
      const { subscriberId, overageConsent } = rows;
      const bill = { accountId: stored.accountId, timeline: timelineOf(rows) };
      return { subscriberId, bill, overageConsent };
    },
    booked: (subscriberId, fromMs, toMs) =>
      [...state().items.values()].filter(
        (item) =>
          item.subscriberId === subscriberId && item.cycleStartMs >= fromMs && item.cycleStartMs < toMs,
      ),
    add(items) {
      const { items: known } = state();
      const added = items.filter(({ key }) => !known.has(key));
      for (const item of added) known.set(item.key, structuredClone(item));
      return added.map(({ key }) => key);
    },
    waiting: () => [],
  };
}

/** Terms of plans and add-ons, as the maths asks for them. */
export function plansOf({ planVersions, addOns }: TariffState): PlanLookup {
  return {
    plan: (id) =>
      (planVersions.get(id) ?? [])
        .flatMap(({ terms }) => (terms === null ? [] : [terms]))
        .sort(
          (a, b) =>
            (a.effectiveFromMs ?? -Infinity) - (b.effectiveFromMs ?? -Infinity) || a.version - b.version,
        ),
    addOn: (id) => [...(addOns.get(id) ?? [])].sort((a, b) => a.effectiveFromMs - b.effectiveFromMs),
  };
}
