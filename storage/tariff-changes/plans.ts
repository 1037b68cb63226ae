import { isDeepStrictEqual } from 'node:util';
import { LONGEST_CYCLE_MS } from '../../rules/cycle.ts';
import { versionAt } from '../../rules/tariff/timeline.ts';
import type { Versioned } from '../../rules/tariff/timeline.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { AddOnTerms, PlanTerms } from '../../schemas/tariff.ts';
import { AppError } from '../../schemas/errors.ts';
import type { ChangeContext, StoredPlan } from '../tariff-ports.ts';
import type { TariffTx } from '../tariff-transaction.ts';
import { checkRevision, needLayout } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** Fields of a plan that readers of a layout before 5 refuse. */
const SINCE_LAYOUT_5 = ['effectiveFromMs', 'capProration', 'usedBefore', 'carryOver', 'throttled'] as const;

/**
 * A new version of a plan. Versions are never changed: it is 'conflict' where the number is taken, where one of the same instant
 * has other prices, and where one that holds from an instant that is over costs something else than one that a cycle has that is
 * not closed. It was sold at that price.
 *
 * One that holds at once takes the place of the version in force: it is stored with the instant of that, so it reaches the
 * cycles that have it and no others, which keep theirs, price and metering both.
 */
export async function putPlanVersion(
  tx: TariffTx,
  given: PlanTerms,
  context: ChangeContext,
): Promise<Outcome<PlanTerms>> {
  const { planId, version, currency } = given;
  const plan = await tx.plan(planId);
  checkRevision(context, plan?.revision ?? 0);
  const versions = await tx.knownVersions(planId);
  checkCount(versions, context.atMs);
  if (versions.some((known) => known.version === version))
    throw new AppError('conflict', `version ${version} of the plan is there already`);
  const before = await tx.planVersions(planId);
  const inForce = versionAt(before, context.atMs, context.atMs);
  const terms = { ...given, effectiveFromMs: given.effectiveFromMs ?? inForce?.effectiveFromMs ?? null };
  // Who has a plan with terms has an account of their currency.
  const other =
    before.length > 0
      ? before.find((one) => one.currency !== currency)?.currency
      : await tx.otherCurrency(planId, currency);
  if (other !== undefined && other !== null)
    throw new AppError('conflict', `currency: the plan is charged in ${other}`);
  checkSameInstant(before, terms);
  if (terms.effectiveFromMs === null) checkApart(versions, context.atMs);
  checkPrices(before, terms, pricesOf, context.atMs - OPEN_MS, context.atMs);
  const { effectiveFromMs } = terms;
  const content = contentOf(terms);
  await needLayout(tx, SINCE_LAYOUT_5.find((field) => content[field] !== undefined) ?? null);
  const stored = { ...(plan ?? newPlan(planId)), name: terms.name };
  const revision = stored.revision + 1;
  await tx.putPlan({ ...stored, revision });
  await tx.addPlanVersion(terms, content, context.by);
  return { value: terms, revision, items: [], subject: planId, content: { version, effectiveFromMs } };
}

/** What of a version is money; where usage is, how its bytes count too: the close prices those that are carried already. */
function pricesOf({ taxClass, recurring, usage, heldPerMille, metering }: PlanTerms): unknown {
  const { overage, counted, classFactors, offPeakFactors } = metering;
  const counting = usage === null ? null : { counted, classFactors, offPeakFactors };
  return { taxClass, recurring, usage, heldPerMille, overage, counting };
}

/**
 * The fold takes a version without a date for all that have begun by the time it comes to it, which is after a dated one that is
 * about to begin where the relay is behind.
 */
function checkApart(versions: Awaited<ReturnType<TariffTx['knownVersions']>>, atMs: number): void {
  const next = versions.find(
    ({ effectiveFromMs: from }) => from !== null && from > atMs && from <= atMs + BEHIND_MS,
  );
  if (next !== undefined)
    throw new AppError(
      'conflict',
      `effective-from: version ${next.version} of the plan begins within a day; send this one once it has begun, or with a date`,
    );
}

/** Of several from one instant that with the greatest number holds for money, and the last one told for the meter: these are one. */
function checkSameInstant(before: readonly PlanTerms[], added: PlanTerms): void {
  for (const known of before.filter((one) => one.effectiveFromMs === added.effectiveFromMs)) {
    if (known.version > added.version)
      throw new AppError('conflict', `version ${known.version} of the plan holds from the same instant on`);
    if (!isDeepStrictEqual(pricesOf(known), pricesOf(added)))
      throw new AppError(
        'conflict',
        `effective-from: version ${known.version} of the plan holds from the same instant on, at other prices`,
      );
  }
}

/** What is told is in the log within this, or the relay was away for longer than anybody lets it. */
const BEHIND_MS = 86_400_000;
/** Cycles and assignments that began within it may have a cycle that is not closed, ms: a whole one, and the longest grace. */
const OPEN_MS = LONGEST_CYCLE_MS + 30 * 86_400_000;

/**
 * A cycle has the version of its beginning, not that of now: whatever version the added one would take the place of at some
 * instant since has its prices, or it begins later.
 */
function checkPrices<V extends Versioned>(
  before: readonly V[],
  added: V,
  prices: (version: V) => unknown,
  sinceMs: number,
  atMs: number,
): void {
  const beginOf = ({ effectiveFromMs }: Versioned): number => effectiveFromMs ?? Number.NEGATIVE_INFINITY;
  if (beginOf(added) >= atMs) return;
  const after = [...before, added];
  const begins = after.map(beginOf).filter((ms) => ms >= sinceMs && ms <= atMs);
  for (const ms of [sinceMs, ...begins]) {
    const displaced = versionAt(before, ms, ms);
    if (displaced === null || versionAt(after, ms, ms) !== added) continue;
    if (!isDeepStrictEqual(prices(displaced), prices(added)))
      throw new AppError(
        'conflict',
        `effective-from: cycles that run were sold at the prices of version ${displaced.version}: others hold from a later instant on`,
      );
  }
}

/** How long a version is kept that another one followed on, ms: cycles that began with it are closed by then. */
const KEPT_MS = 100 * 86_400_000;
/** Dated versions of so long, and to come. The fold keeps 100. */
const MAX_DATED = 90;

function checkCount(versions: readonly { effectiveFromMs: number | null }[], atMs: number): void {
  const dated = versions.filter(
    (one) => one.effectiveFromMs !== null && one.effectiveFromMs > atMs - KEPT_MS,
  );
  if (dated.length >= MAX_DATED)
    throw new AppError('conflict', `too-many: ${dated.length} versions of the plan of the last 100 days`);
}

/** What the fold is told. */
function contentOf({ planId, version, effectiveFromMs, metering }: PlanTerms): PlanVersion {
  const dated = effectiveFromMs === null ? {} : { effectiveFromMs };
  return { planId, version, ...metering, ...dated };
}

function newPlan(planId: string): StoredPlan {
  return { planId, name: '', archivedMs: null, revision: 0 };
}

export async function changePlan(
  tx: TariffTx,
  planId: string,
  change: { name?: string; archived?: boolean },
  context: ChangeContext,
): Promise<Outcome<StoredPlan>> {
  const plan = await tx.plan(planId);
  if (plan === null) throw new AppError('not-found', 'no plan is called so');
  checkRevision(context, plan.revision);
  const archivedMs =
    change.archived === false ? null : (plan.archivedMs ?? (change.archived === true ? context.atMs : null));
  const next = { ...plan, name: change.name ?? plan.name, archivedMs, revision: plan.revision + 1 };
  await tx.putPlan(next);
  return { value: next, revision: next.revision, items: [], subject: planId, content: change };
}

/** A new version of an add-on. */
export async function putAddOnVersion(
  tx: TariffTx,
  terms: AddOnTerms,
  context: ChangeContext,
): Promise<Outcome<AddOnTerms>> {
  const { addOnId, version, effectiveFromMs, currency } = terms;
  const known = await tx.addOnVersions(addOnId);
  checkRevision(context, known.length);
  if (known.some((one) => one.version === version))
    throw new AppError('conflict', `version ${version} of the add-on is there already`);
  if (known.some((one) => one.effectiveFromMs === effectiveFromMs))
    throw new AppError('conflict', 'a version of the add-on holds from the same instant on');
  const other = known.find((one) => one.currency !== currency);
  if (other !== undefined)
    throw new AppError('conflict', `currency: the add-on is charged in ${other.currency}`);
  // Who has it has the version of then, however long ago.
  const prices = ({ feeMinor, when }: AddOnTerms): unknown => ({ feeMinor, when });
  checkPrices(known, terms, prices, Number.NEGATIVE_INFINITY, context.atMs);
  await tx.addAddOnVersion(terms, context.by);
  const content = { version, effectiveFromMs };
  return { value: terms, revision: known.length + 1, items: [], subject: addOnId, content };
}
