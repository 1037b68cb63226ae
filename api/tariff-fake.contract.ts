import type { BillingItem } from '../schemas/billing.ts';
import { AppError } from '../schemas/errors.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { AddOnTerms, SubscriberRows } from '../schemas/tariff.ts';
import type {
  ChangeContext,
  Changed,
  StoredPlan,
  StoredPool,
  SubjectExport,
  TariffReads,
  TariffStore,
} from '../storage/tariff-ports.ts';
import { account, billingItem, NOW_MS, planTerms, subscriberRows } from './tariff-factory.contract.ts';
import type { TariffSources } from './tariff-sources.ts';

/** Somebody whom no store knows. */
export const NOBODY = 'nobody';

/** One call of the store, with what it was told of the request. */
export interface RecordedCall {
  call: keyof TariffStore;
  args: unknown[];
  context: ChangeContext;
}

const PLAN: StoredPlan = { planId: 'fibre', name: 'Fibre', archivedMs: null, revision: 2 };
const ADD_ON: AddOnTerms = {
  addOnId: 'more',
  version: 1,
  name: 'More',
  currency: 'EUR',
  feeMinor: 500,
  when: 'advance',
  capBytes: 10_000_000_000,
  prorated: true,
  effectiveFromMs: Date.UTC(2026, 5, 1),
};
const POOL: StoredPool = {
  profile: {
    poolId: 'p1',
    allowanceBytes: 100_000_000_000,
    zone: 'UTC',
    anchorDay: 1,
    segment: 'home',
    planId: null,
    overageConsent: false,
    billTo: 's1',
    topUps: [{ id: 't9', bytes: 5, fromMs: NOW_MS, expiresMs: NOW_MS + 1000 }],
  },
  members: [{ subscriberId: 's1', fromMs: Number.MIN_SAFE_INTEGER, toMs: null }],
  revision: 3,
};

/** Sources of tariffs that write down what the API asks of them, and answer the same to all but NOBODY. */
export function recordingTariffs(items: readonly BillingItem[] = [billingItem()]): TariffSources & {
  calls: RecordedCall[];
  /** page requests by list */
  asked: { list: string; filter: unknown; limit: number; after: string | null }[];
  /** what the next changes are refused with; null = they are made */
  refusal: { error: AppError | null };
  replayed: { value: boolean };
} {
  const calls: RecordedCall[] = [];
  const asked: { list: string; filter: unknown; limit: number; after: string | null }[] = [];
  const refusal: { error: AppError | null } = { error: null };
  const replayed = { value: false };
  const done = async <T>(
    call: keyof TariffStore,
    value: T,
    context: ChangeContext,
    ...args: unknown[]
  ): Promise<Changed<T>> => {
    calls.push({ call, args, context });
    if (refusal.error !== null) throw refusal.error;
    if (args.includes(NOBODY)) throw new AppError('not-found', 'nothing is known of this subscriber');
    return { value, revision: 8, items: [...items], replayed: replayed.value };
  };
  const rowsOf = (id: string): SubscriberRows => subscriberRows({ subscriberId: id });
  const store: TariffStore = {
    answered: () => Promise.resolve(null),
    putPlanVersion: (terms, context) => done('putPlanVersion', terms, context, terms),
    putAddOnVersion: (terms, context) => done('putAddOnVersion', terms, context, terms),
    changePlan: (id, change, context) => done('changePlan', { ...PLAN, planId: id }, context, id, change),
    planVersions: (id) => Promise.resolve(id === NOBODY ? [] : [planTerms({ planId: id })]),
    putAccount: (given, context) => done('putAccount', { ...account(), ...given }, context, given),
    changeCycle: (id, cycle, context) => done('changeCycle', account({ accountId: id }), context, id, cycle),
    putSubscriber: (given, context) => done('putSubscriber', rowsOf(given.subscriberId), context, given),
    assign: (id, planId, when, later, context) =>
      done('assign', rowsOf(id), context, id, planId, when, later),
    terminate: (id, when, context) => done('terminate', rowsOf(id), context, id, when),
    hold: (id, kind, span, context) => done('hold', rowsOf(id), context, id, kind, span),
    endHold: (id, holdId, context) => done('endHold', rowsOf(id), context, id, holdId),
    buyTopUp: (subject, bought, price, context) => done('buyTopUp', bought, context, subject, bought, price),
    bookPolicyTopUp: () => Promise.reject(new Error('the API buys nothing for policies')),
    cancelTopUp: (id, context, isUnused) =>
      done('cancelTopUp', { ...boughtOf(id), cancelledMs: NOW_MS }, context, id, isUnused),
    addAddOn: (id, addOnId, when, context) => done('addAddOn', rowsOf(id), context, id, addOnId, when),
    endAddOn: (id, rowId, when, context) => done('endAddOn', rowsOf(id), context, id, rowId, when),
    putPool: (given, context) => done<PoolProfile>('putPool', given, context, given),
    joinPool: (pool, id, span, context) => done('joinPool', rowsOf(id), context, pool, id, span),
    leavePool: (pool, id, when, context) => done('leavePool', rowsOf(id), context, pool, id, when),
    bookOneOff: (id, amount, text, context) => done('bookOneOff', billingItem(), context, id, amount, text),
    erase: async (id, context) => (await done('erase', { credentials: 1, profile: 1 }, context, id)).value,
    applyImport: () => Promise.reject(new Error('imports have tests of their own')),
  };
  const page = async <T>(list: string, filter: unknown, limit: number, after: string | null, of: T[]) => {
    asked.push({ list, filter, limit, after });
    return { items: of, next: after === null ? 'last/ü' : null };
  };
  const known = async <T>(id: string, value: T): Promise<T | null> => (id === NOBODY ? null : value);
  const summary = { subscriberId: 's1', accountId: 'acct-1', segment: 'home', planId: null, revision: 7 };
  const cycle = { subscriberId: 's1', startMs: Date.UTC(2026, 5, 1), endMs: Date.UTC(2026, 6, 1) };
  const reads: TariffReads = {
    plan: (id) => known(id, { ...PLAN, planId: id }),
    plans: (limit, after) => page('plans', null, limit, after, [PLAN]),
    addOnVersions: (id) => Promise.resolve(id === NOBODY ? [] : [{ ...ADD_ON, addOnId: id }]),
    rows: (id) => known(id, rowsOf(id)),
    list: (filter, limit, after) =>
      page('subscribers', filter, limit, after, [{ ...summary, status: 'active' }]),
    account: (id) => known(id, account({ accountId: id })),
    accounts: (filter, limit, after) => page('accounts', filter, limit, after, [account()]),
    pool: (id) => known(id, { ...POOL, profile: { ...POOL.profile, poolId: id } }),
    pools: (limit, after) => page('pools', null, limit, after, [POOL.profile]),
    cycles: (filter, limit, after) =>
      page('cycles', filter, limit, after, [
        { ...cycle, status: 'closed', closedMs: NOW_MS, termsDiffer: false },
      ]),
    audit: () => Promise.reject(new Error('the audit has routes of its own')),
    outboxBacklog: () => Promise.resolve(0),
  };
  const exports: SubjectExport = {
    async *rows(id) {
      if (id === NOBODY) return;
      yield { of: 'subscriber', row: { subscriber_id: id } };
      yield { of: 'credential', row: { user_name: 'ann' } };
    },
  };
  return {
    ...{ store, reads, exports, calls, asked, refusal, replayed },
    records: { closedCycles: (id) => Promise.resolve([closedCycle(id)]) },
    items: {
      cycleSums: (_id, [cycleStartMs = 0]) => {
        const { amountMinor, currency } = billingItem();
        return Promise.resolve([{ cycleStartMs, items: 1, amountMinor, currency }]);
      },
    },
    product: (id) =>
      Promise.resolve(
        id === 'extra-5' ? { bytes: 5e9, priceMinor: 500, currency: 'EUR', validSeconds: null } : null,
      ),
    poolUsage: (id) => Promise.resolve(id === 'p1' ? POOL_USAGE : null),
    standing: ({ subscriberId }) =>
      Promise.resolve(
        subscriberId === 'unmetered'
          ? null
          : {
              before: { allowanceBytes: 1_000, countedBytes: 600 },
              after: { allowanceBytes: null, countedBytes: 700 },
            },
      ),
    topUpUse: (_owner, id) => Promise.resolve(id === 't9' ? 1 : 0),
    nowMs: () => NOW_MS,
  };
}

function boughtOf(id: string) {
  const [bought] = subscriberRows().topUps;
  if (bought === undefined) throw new Error('the rows have a top-up');
  return { ...bought, id };
}

const POOL_USAGE = {
  cycle: { start: '2026-07-01T00:00:00.000Z', end: '2026-08-01T00:00:00.000Z' },
  usedBytes: '50',
  allowanceBytes: '100',
  usedPercent: 50,
  members: [{ subscriberId: 's1', usedBytes: '50', left: false }],
  rules: [{ policyId: 'pool-fup', rule: 'cap', policyVersion: 'v1', state: 'throttle' as const }],
};

function closedCycle(subscriberId: string) {
  const bytes = [{ serviceClass: '', downBytes: 70, upBytes: 7 }];
  const span = { fromMs: Date.UTC(2026, 5, 1), toMs: Date.UTC(2026, 6, 1) };
  return {
    subscriberId,
    cycleStartMs: span.fromMs,
    cycleEndMs: span.toMs,
    planId: 'fibre',
    classes: [...bytes, { serviceClass: 'iptv', downBytes: 30, upBytes: 3 }],
    adjustedDownBytes: 0,
    adjustedUpBytes: 0,
    parts: [
      {
        ...span,
        planId: 'fibre',
        version: 1,
        unlimited: false,
        countedBytes: 77,
        classes: bytes,
        offPeak: [],
      },
    ],
    allowance: { baseBytes: null, carryInBytes: 1, carryOutBytes: 2, topUps: [{ id: 't1', usedBytes: 3 }] },
    overage: { blocks: 1, soldBytes: 2, overBytes: 3, correctedBytes: 0 },
    partition: 0,
    offset: 0,
  };
}
