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
import { settled } from './settled.ts';

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
/** So many accounts in a row that fail are not the accounts' fault: the billing system or the store is away. */
const MAX_FAILED = 16;

/**
 * Brings accounts that the billing system knows by an id of its own to agreement: its cycle, status and (reported only)
 * currency win; it is told which cycle began. Each difference is reported, also those that were settled. Idempotent.
 *
 * @param nowMs the log's clock, ms since 1970 UTC
 * An account that fails is reported, and the others go on.
 *
 * @returns how it went; `failure` where the billing system refused us, or too many accounts in a row failed, and it ended
 * before its end
 * @throws what the store throws as it is told
 */
export async function syncAccounts(
  sides: AccountSides,
  nowMs: number,
  signal: AbortSignal,
): Promise<ReconciliationSummary> {
  const book = new DifferenceBook(sides.store, await sides.store.begin('billing-cycles', nowMs, nowMs + 1));
  const run: Run = { sides, nowMs, signal, tellsCycles: true };
  let failedInARow = 0;
  let failure: unknown = null;
  try {
    let after: string | null = null;
    do {
      const page = await sides.reads.accounts({ status: null, hasBillingRef: true }, PAGE, after);
      for (let at = 0; at < page.items.length; at += AT_ONCE) {
        if (signal.aborted) throw new AppError('stopped', 'stopped before its end', { retriable: true });
        const accounts = page.items.slice(at, at + AT_ONCE);
        const found = await Promise.all(accounts.map((each) => syncAccount(run, each)));
        book.ours += accounts.filter(({ billingRef }) => billingRef !== null).length;
        book.theirs += found.filter((one) => one.isThere).length;
        await book.add(found.flatMap(({ differences }) => differences));
        for (const { failed } of found) {
          failedInARow = failed === null ? 0 : failedInARow + 1;
          if (failed !== null && failedInARow >= MAX_FAILED) throw failed;
        }
      }
      after = page.next;
    } while (after !== null);
  } catch (error) {
    if (!isAppError(error)) throw error;
    failure = error;
  }
  return book.end(failure);
}

/** What all accounts of one sync share. */
interface Run {
  sides: AccountSides;
  nowMs: number;
  signal: AbortSignal;
  /** false from the first answer on that says that the billing system takes no cycles */
  tellsCycles: boolean;
}

interface Found {
  isThere: boolean;
  differences: ReconciliationDifference[];
  /** why it could not be brought to agreement; null = it is */
  failed: AppError | null;
}

/** Never rejects but for what concerns all accounts: the billing system refuses us, the process stops, a defect. */
async function syncAccount(run: Run, account: Account): Promise<Found> {
  const { billingRef, accountId: subject } = account;
  const found: Found = { isThere: false, differences: [], failed: null };
  const report = (of: DifferenceClass, ours: unknown, theirs: unknown): void => {
    found.differences.push({ class: of, subject, ours, theirs });
  };
  if (billingRef === null) return found;
  try {
    const peer = await run.sides.peer.account(billingRef, run.signal);
    found.isThere = peer !== null;
    if (peer === null) report('missing-there', { billingRef }, null);
    else await agree(run, account, peer, report);
  } catch (error) {
    if (!isAppError(error) || error.code === 'unauthorised' || run.signal.aborted) throw error;
    report('account-failed', { billingRef }, { why: error.message });
    found.failed = error;
  }
  return found;
}

async function agree(run: Run, account: Account, peer: PeerAccount, report: Report): Promise<void> {
  const context = contextOf(run.nowMs);
  if (peer.currency !== account.currency) report('currency-of-account', account.currency, peer.currency);
  const current = await takeStatus(run.sides, account, peer, context, report);
  await takeCycle(run.sides, current, peer, context, report);
  await tellCycle(run, current, peer, report);
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
    await setBillingHolds(sides, account.accountId, isSuspended, context, (subscriberId, why) =>
      report('account-failed', { subscriberId, holdNotTaken: why }, peer.status),
    );
  if (!differs) return account;
  report('status', account.billingStatus, peer.status);
  const { accountId, currency, taxClass, cycle, billingRef } = account;
  const given = { accountId, currency, taxClass, cycle, billingRef, billingStatus: peer.status };
  const changed = await settled(
    () => sides.tariffs.putAccount(given, { ...context, revision: account.revision }, false),
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

/** Says which cycle runs here, unless it runs there too. */
async function tellCycle(run: Run, account: Account, peer: PeerAccount, report: Report): Promise<void> {
  const { sides, nowMs, signal } = run;
  const cycle = await runningCycle(sides.reads, account.accountId, nowMs);
  if (cycle === null || peer.cycleStartMs === cycle.startMs || !run.tellsCycles) return;
  const answer = await sides.peer.putCycle(peer.ref, cycle, signal);
  switch (answer.kind) {
    case 'accepted':
      return;
    case 'stop':
    case 'not-there':
    case 'refused':
    case 'taken': {
      // It has just answered for the account: only where nobody there takes cycles at all the others need not try.
      const takesNone = answer.kind === 'stop' && answer.isUnknownThere === true;
      if (takesNone) run.tellsCycles = false;
      const why = takesNone ? { notToldToAnybody: answer.detail } : { refused: answer.detail };
      return report('anchor', cycle, { startMs: peer.cycleStartMs, ...why });
    }
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
