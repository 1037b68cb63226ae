import { AppError, isAppError } from '../../schemas/errors.ts';
import type { CycleRule } from '../../schemas/profile.ts';
import type {
  DifferenceClass,
  ReconciliationDifference,
  ReconciliationSummary,
} from '../../schemas/billing.ts';
import type { Account, Span } from '../../schemas/tariff.ts';
import type { BillingPeer, PeerAccount, Reconciliations } from '../../storage/billing-ports.ts';
import type { ChangeContext, TariffReads, TariffStore } from '../../storage/tariff-ports.ts';
import { DifferenceBook } from './difference-book.ts';
import { setBillingHolds } from './billing-holds.ts';
import type { HoldSides } from './billing-holds.ts';

export interface AccountSides extends HoldSides {
  reads: Pick<TariffReads, 'accounts' | 'list' | 'rows' | 'cycles'>;
  tariffs: Pick<TariffStore, 'changeCycle' | 'putAccount' | 'hold' | 'endHold'>;
  peer: Pick<BillingPeer, 'account' | 'putCycle'>;
  store: Reconciliations;
  /** a suspended account's services get a hold for non-payment */
  setsHolds: boolean;
}

const PAGE = 200;
/** Accounts that are looked at side by side. */
const AT_ONCE = 8;

/**
 * Brings accounts that the billing system knows by an id of its own to agreement: its cycle, status and (reported only)
 * currency win; it is told which cycle began. Each difference is reported, also those that were settled. Idempotent.
 *
 * @param nowMs the log's clock, ms since 1970 UTC
 * @returns how it went; `failure` where the billing system or the store did not answer, and it ended before its end
 * @throws what the store throws as it is told
 */
export async function syncAccounts(
  sides: AccountSides,
  nowMs: number,
  signal: AbortSignal,
): Promise<ReconciliationSummary> {
  const book = new DifferenceBook(sides.store, await sides.store.begin('billing-cycles', nowMs, nowMs + 1));
  let failure: unknown = null;
  try {
    let after: string | null = null;
    do {
      const page = await sides.reads.accounts({ status: null, hasBillingRef: true }, PAGE, after);
      for (let at = 0; at < page.items.length; at += AT_ONCE) {
        if (signal.aborted) throw new AppError('stopped', 'stopped before its end', { retriable: true });
        const accounts = page.items.slice(at, at + AT_ONCE);
        const found = await Promise.all(accounts.map((each) => syncAccount(sides, each, nowMs, signal)));
        book.ours += accounts.filter(({ billingRef }) => billingRef !== null).length;
        book.theirs += found.filter((one) => one.isThere).length;
        await book.add(found.flatMap(({ differences }) => differences));
      }
      after = page.next;
    } while (after !== null);
  } catch (error) {
    if (!isAppError(error)) throw error;
    failure = error;
  }
  return book.end(failure);
}

interface Found {
  isThere: boolean;
  differences: ReconciliationDifference[];
}

async function syncAccount(
  sides: AccountSides,
  account: Account,
  nowMs: number,
  signal: AbortSignal,
): Promise<Found> {
  const { billingRef } = account;
  if (billingRef === null) return { isThere: false, differences: [] };
  const peer = await sides.peer.account(billingRef, signal);
  const subject = account.accountId;
  if (peer === null) {
    const difference = { class: 'missing-there', subject, ours: { billingRef }, theirs: null } as const;
    return { isThere: false, differences: [difference] };
  }
  const context = contextOf(nowMs);
  const differences: ReconciliationDifference[] = [];
  const report = (of: DifferenceClass, ours: unknown, theirs: unknown): void => {
    differences.push({ class: of, subject, ours, theirs });
  };
  if (peer.currency !== account.currency) report('currency-of-account', account.currency, peer.currency);
  const current = await takeStatus(sides, account, peer, context, report);
  await takeCycle(sides, current, peer, context, report);
  await tellCycle(sides, current, peer, nowMs, signal, report);
  return { isThere: true, differences };
}

type Report = (of: DifferenceClass, ours: unknown, theirs: unknown) => void;

/** Theirs wins. Holds first: a process that ends in between sees the difference again. */
async function takeStatus(
  sides: AccountSides,
  account: Account,
  peer: PeerAccount,
  context: ChangeContext,
  report: Report,
): Promise<Account> {
  const isSuspended = peer.status === 'suspended';
  const differs = peer.status !== account.billingStatus;
  if (sides.setsHolds && (differs || isSuspended))
    await setBillingHolds(sides, account.accountId, isSuspended, context);
  if (!differs) return account;
  report('status', account.billingStatus, peer.status);
  const { accountId, currency, taxClass, cycle, billingRef } = account;
  const given = { accountId, currency, taxClass, cycle, billingRef, billingStatus: peer.status };
  const changed = await settled(
    () => sides.tariffs.putAccount(given, { ...context, revision: account.revision }),
    (detail) => report('status', { notTaken: detail }, peer.status),
  );
  return changed?.value ?? account;
}

/** Theirs wins, from the end of the running cycle on. */
async function takeCycle(
  sides: AccountSides,
  account: Account,
  peer: PeerAccount,
  context: ChangeContext,
  report: Report,
): Promise<void> {
  const ours = account.cycleChanges.at(-1)?.cycle ?? account.cycle;
  if (isSameRule(ours, peer.cycle)) return;
  report('anchor', ours, peer.cycle);
  await settled(
    () =>
      sides.tariffs.changeCycle(account.accountId, peer.cycle, { ...context, revision: account.revision }),
    (detail) => report('anchor', { notTaken: detail }, peer.cycle),
  );
}

/** What the store refuses is reported; what it cannot answer ends the sync. */
async function settled<T>(change: () => Promise<T>, refused: (detail: string) => void): Promise<T | null> {
  try {
    return await change();
  } catch (error) {
    if (!isAppError(error, 'conflict', 'precondition-failed', 'not-found', 'invalid-input')) throw error;
    refused(error.message);
    return null;
  }
}

/** Says which cycle runs here, unless it runs there too. */
async function tellCycle(
  sides: AccountSides,
  account: Account,
  peer: PeerAccount,
  nowMs: number,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const cycle = await runningCycle(sides.reads, account.accountId, nowMs);
  if (cycle === null || peer.cycleStartMs === cycle.startMs) return;
  const answer = await sides.peer.putCycle(peer.ref, cycle, signal);
  switch (answer.kind) {
    case 'accepted':
      return;
    case 'refused':
    case 'taken':
      report('anchor', cycle, { startMs: peer.cycleStartMs, refused: answer.detail });
      return;
    case 'stop':
      throw new AppError('unauthorised', `the billing system: ${answer.detail}`);
    case 'later':
    case 'not-sent':
    case 'unknown':
      throw new AppError('unreachable', `the billing system: ${answer.detail}`, { retriable: true });
  }
}

/** Of the account's first service by id: services in other zones begin theirs at most a day apart. */
async function runningCycle(
  reads: AccountSides['reads'],
  accountId: string,
  nowMs: number,
): Promise<Span | null> {
  const filter = { accountId, segment: null, planId: null, poolId: null, status: null, text: null };
  const [first] = (await reads.list({ ...filter, atMs: nowMs }, 1, null)).items;
  if (first === undefined) return null;
  const cycles = await reads.cycles(
    { subscriberId: first.subscriberId, status: 'open', endBeforeMs: null },
    10,
    null,
  );
  return cycles.items.find(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs) ?? null;
}

function contextOf(nowMs: number): ChangeContext {
  return { by: 'billing', atMs: nowMs, reason: 'as the billing system has it', source: 'billing' };
}

/** Rules by which cycles begin at the same dates. */
function isSameRule(a: CycleRule, b: CycleRule): boolean {
  if (a.kind === 'month') return b.kind === 'month' && a.anchorDay === b.anchorDay;
  if (a.kind === 'week') return b.kind === 'week' && a.weekday === b.weekday;
  const apart = b.kind === 'days' ? (Date.parse(a.from) - Date.parse(b.from)) / 86_400_000 : Number.NaN;
  return b.kind === 'days' && a.days === b.days && apart % a.days === 0;
}
