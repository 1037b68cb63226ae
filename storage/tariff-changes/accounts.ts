import { changeBegins, changedCycleAt } from '../../rules/cycle.ts';
import { AppError } from '../../schemas/errors.ts';
import type { CycleRule } from '../../schemas/profile.ts';
import type { Account } from '../../schemas/tariff.ts';
import type { ChangeContext } from '../tariff-ports.ts';
import type { StoredSubscriber, TariffTx } from '../tariff-transaction.ts';
import { checkPoolCycles, isMember } from './pool-cycle.ts';
import type { Cycles } from './pool-cycle.ts';
import { checkRevision, needLayout, tell } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** Services of an account that are told of a change together. */
const CHUNK = 2_000;

/**
 * Adds an account or says anew what it is.
 *
 * @throws AppError 'conflict' for another currency once something was charged or somebody has what is priced in another, and
 *   for another cycle once somebody has a plan: that has a change of its own, which takes effect at the end of a cycle
 */
export async function putAccount(
  tx: TariffTx,
  given: Omit<Account, 'revision' | 'cycleChanges'>,
  context: ChangeContext,
  saysCurrency: boolean,
): Promise<Outcome<Account>> {
  const before = await tx.account(given.accountId);
  checkRevision(context, before?.revision ?? 0);
  const services = before === null ? [] : await tx.subscribersOf(given.accountId);
  if (before !== null) await checkChange(tx, before, given, services, context);
  await needLayout(tx, given.cycle.kind === 'month' ? null : 'cycle');
  const { accountId, currency, taxClass, cycle, billingStatus, billingRef } = given;
  const said = { accountId, currency, taxClass, cycle, billingStatus, billingRef };
  const account = {
    ...said,
    cycleChanges: before?.cycleChanges ?? [],
    revision: (before?.revision ?? 0) + 1,
  };
  await tx.putAccount(account, saysCurrency);
  await tellAll(tx, services);
  const content = { currency, taxClass, cycle, billingStatus, billingRef };
  return { value: account, revision: account.revision, items: [], subject: accountId, content };
}

async function checkChange(
  tx: TariffTx,
  before: Account,
  given: Omit<Account, 'revision' | 'cycleChanges'>,
  services: readonly StoredSubscriber[],
  context: ChangeContext,
): Promise<void> {
  const hasPlans = services.some(({ rows }) => rows.assignments.length > 0 || rows.addOns.length > 0);
  if (given.currency !== before.currency) {
    if (await tx.hasItems(before.accountId))
      throw new AppError('conflict', `currency: the account is charged in ${before.currency}`);
    const priced = await currenciesOf(tx, services);
    const other = priced.find((currency) => currency !== given.currency);
    if (other !== undefined)
      throw new AppError('conflict', `currency: what the account has is charged in ${other}`);
  }
  if (!isSameRule(given.cycle, before.cycle))
    checkPools(services, before, { cycle: given.cycle, cycleChanges: before.cycleChanges }, context.atMs);
  if (hasPlans && !isSameRule(given.cycle, before.cycle))
    throw new AppError('conflict', 'the cycle of an account with plans changes at the end of a cycle');
}

/** Members of pools keep cycles of their pool's length. */
function checkPools(
  services: readonly StoredSubscriber[],
  before: Cycles,
  after: Cycles,
  atMs: number,
): void {
  if (services.some(({ rows }) => isMember(rows.pools, atMs))) checkPoolCycles(before, after, atMs);
}

/** Currencies that the plans and add-ons of these are charged in. */
async function currenciesOf(tx: TariffTx, services: readonly StoredSubscriber[]): Promise<string[]> {
  const plans = new Set(services.flatMap(({ rows }) => rows.assignments.map(({ planId }) => planId)));
  const addOns = new Set(services.flatMap(({ rows }) => rows.addOns.map(({ addOnId }) => addOnId)));
  const terms: { currency: string }[] = [];
  for (const planId of plans) terms.push(...(await tx.planVersions(planId)));
  for (const addOnId of addOns) terms.push(...(await tx.addOnVersions(addOnId)));
  return terms.map(({ currency }) => currency);
}

function zonesOf(services: readonly StoredSubscriber[]): string[] {
  return services.length === 0 ? ['UTC'] : [...new Set(services.map(({ rows }) => rows.zone))];
}

const HOUR_MS = 3_600_000;
/** Of midnights that are no further apart, each is next to the middle in its zone; an end further away is that of another cycle. */
const FARTHEST_MS = 23 * HOUR_MS;

/**
 * Where the running cycles of an account's services end. In several zones these are several midnights: the change takes effect at
 * the one next to it in each, and of all instants the middle has the right ones next to it. Around the end of a cycle it is over in
 * some zones and runs in others: there it is the next end, so that no cycle is cut in between.
 *
 * @param account with those changes of its cycle alone that have taken effect somewhere
 * @throws AppError 'conflict' where the zones are too far apart for one instant
 */
function cycleEndMs(account: Account, zones: readonly string[], atMs: number): number {
  const { cycle, cycleChanges } = account;
  const running = zones.map((zone) => {
    const begunMs = cycleChanges.map(({ fromMs }) => changeBegins(zone, fromMs));
    return changedCycleAt(zone, cycle, cycleChanges, Math.max(atMs, ...begunMs)).endMs;
  });
  const lastMs = Math.max(...running);
  const ends = zones.map((zone, index) => {
    let endMs = running[index] ?? lastMs;
    while (endMs < lastMs - FARTHEST_MS) ({ endMs } = changedCycleAt(zone, cycle, cycleChanges, endMs));
    return endMs;
  });
  const [first, last] = [Math.min(...ends), Math.max(...ends)];
  if (last - first > FARTHEST_MS)
    throw new AppError(
      'conflict',
      'zones: midnights of the account’s services are more than 23 hours apart: change the cycle of each on an account of its own',
    );
  return Math.round((first + last) / 2_000) * 1_000;
}

/**
 * The rule of the cycle from the end of the running cycle on; a change that was to come is forgotten.
 *
 * @throws AppError 'conflict' where a member of a pool would have cycles of another length than the pool
 */
export async function changeCycle(
  tx: TariffTx,
  accountId: string,
  cycle: CycleRule,
  context: ChangeContext,
): Promise<Outcome<Account>> {
  const before = await tx.account(accountId);
  if (before === null) throw new AppError('not-found', 'no account is called so');
  checkRevision(context, before.revision);
  const services = await tx.subscribersOf(accountId);
  const zones = zonesOf(services);
  // One that has taken effect in some zone stays; the others are still to come.
  const past = before.cycleChanges.filter(({ fromMs }) =>
    zones.some((zone) => changeBegins(zone, fromMs) <= context.atMs),
  );
  const fromMs = cycleEndMs({ ...before, cycleChanges: past }, zones, context.atMs);
  const source = context.source ?? 'api';
  const last = past.at(-1)?.cycle ?? before.cycle;
  const cycleChanges = isSameRule(last, cycle) ? past : [...past, { fromMs, cycle, source } as const];
  await needLayout(tx, cycleChanges.length > 0 ? 'cycleChanges' : null);
  checkPools(
    services,
    { ...before, cycleChanges: past },
    { cycle: before.cycle, cycleChanges },
    context.atMs,
  );
  const account = { ...before, cycleChanges, revision: before.revision + 1 };
  await tx.putAccount(account, false);
  await tellAll(tx, services);
  return {
    value: account,
    revision: account.revision,
    items: [],
    subject: accountId,
    content: { cycle, fromMs },
  };
}

async function tellAll(tx: TariffTx, services: readonly StoredSubscriber[]): Promise<void> {
  const ids = services.map(({ rows }) => rows.subscriberId);
  for (let at = 0; at < ids.length; at += CHUNK) await tell(tx, ids.slice(at, at + CHUNK));
}

function isSameRule(a: CycleRule, b: CycleRule): boolean {
  switch (a.kind) {
    case 'month':
      return b.kind === 'month' && a.anchorDay === b.anchorDay;
    case 'week':
      return b.kind === 'week' && a.weekday === b.weekday;
    case 'days':
      return b.kind === 'days' && a.days === b.days && a.from === b.from;
  }
}
