import type { Logger } from 'pino';
import { AppError } from '../../schemas/errors.ts';
import type { CycleKeeping } from '../../storage/billing-ports.ts';
import type { Job, JobContext } from '../../storage/job-ports.ts';
import { EXPIRING, RECORDS } from '../../storage/retention-ports.ts';
import type { Kept, Retention, TrimCursor } from '../../storage/retention-ports.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Cycles or subscribers of one piece of work. */
const PIECE = 2_000;
/** A cycle that is not closed so long after its grace is late: the slot closes it with its first input after that. */
const LATE_AFTER_MS = 2 * HOUR_MS;
/** And so long after it no slot will close it any more: it was passed over as nothing was carried in it. */
const UNTOLD_AFTER_MS = 7 * DAY_MS;
/** Cycles told of in one run. */
const MAX_LATE = 1_000;

/** How long each is kept, ms. */
export type KeptFor = Readonly<Record<Kept, number>>;

/** How long each is kept, where shadow decisions are for so many days. */
export function keptFor(shadowDays: number): KeptFor {
  return {
    'shadow-decisions': shadowDays * DAY_MS,
    'idempotency-keys': 48 * HOUR_MS,
    'import-lines': 7 * DAY_MS,
    'api-keys': 90 * DAY_MS,
    'job-runs': 90 * DAY_MS,
    reconciliations: 400 * DAY_MS,
  };
}

/** Does pieces until one does nothing; returns how much was done. Stops between two of them when told to. */
export async function inPieces(
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
  piece: (limit: number) => Promise<number>,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const done = await piece(PIECE);
    if (done === 0) break;
    total += done;
    await progress({ done: total });
  }
  return total;
}

/**
 * Drops what is over: answers kept for repeats, records of imports that nobody went on with, keys that work no more. What is
 * dated in tariffs (top-ups, boosts, holds, plans) needs no job: the meter goes by its dates.
 */
export function expiryJob(retention: Retention, kept: KeptFor): Job['run'] {
  return async (context) => ({ dropped: await trimEach(retention, EXPIRING, kept, context, {}) });
}

/** Drops records that were kept long enough; dead letters likewise. */
export function retentionJob(
  retention: Retention,
  trimLetters: () => Promise<number>,
  kept: KeptFor,
): Job['run'] {
  return async (context) => {
    const letters = { 'dead-letters': await trimLetters() };
    return { dropped: await trimEach(retention, RECORDS, kept, context, letters) };
  };
}

/** One kind after the other. Returns how many of each were dropped, those `before` too. */
async function trimEach(
  retention: Retention,
  kinds: readonly Kept[],
  kept: KeptFor,
  context: JobContext,
  before: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const dropped: Record<string, number> = { ...before };
  for (const what of kinds) {
    if (context.signal.aborted) break;
    dropped[what] = await trimAll(retention, what, kept[what], context);
    if (!context.signal.aborted) await context.progress({ dropped });
  }
  return dropped;
}

async function trimAll(
  retention: Retention,
  what: Kept,
  olderThanMs: number,
  { token, signal }: JobContext,
): Promise<number> {
  let dropped = 0;
  let after: TrimCursor | null = null;
  do {
    const piece = await retention.trim(what, olderThanMs, token, after);
    dropped += piece.dropped;
    after = piece.next;
  } while (after !== null && !signal.aborted);
  return dropped;
}

/** Drops entries of the embedded log that were kept long enough and read by all. */
export function trimLogJob(trim: (beforeMs: number) => Promise<number>, retentionMs: number): Job['run'] {
  return async ({ nowMs }) => ({ dropped: await trim(nowMs - retentionMs) });
}

/** The cycles for whoever leads by this token. */
export type CyclesOf<Calls extends keyof CycleKeeping> = (token: string) => Pick<CycleKeeping, Calls>;

/** Opens cycles that began, with their fees in advance. */
export function openCyclesJob(cyclesOf: CyclesOf<'begun'>): Job['run'] {
  return async (context) => {
    const cycles = cyclesOf(context.token);
    return { opened: await inPieces(context, (limit) => cycles.begun(context.nowMs, limit)) };
  };
}

/**
 * Tries again what failed when a cycle was closed, itemises those that a slot closed and nobody itemised, closes those that
 * no slot will close any more, and looks for others that no slot closed in time: the run fails then, so that whoever watches
 * the jobs is told.
 */
export function closeLateJob(
  cyclesOf: CyclesOf<'notClosed' | 'retryFailed' | 'closeTold' | 'closeUntold'>,
  graceMs: number,
  log: Pick<Logger, 'error'>,
): Job['run'] {
  return async (context) => {
    const cycles = cyclesOf(context.token);
    const lateMs = context.nowMs - graceMs - LATE_AFTER_MS;
    const untoldMs = context.nowMs - graceMs - UNTOLD_AFTER_MS;
    const closed =
      (await inPieces(context, (limit) => cycles.retryFailed(limit))) +
      (await inPieces(context, (limit) => cycles.closeTold(lateMs, limit))) +
      (await inPieces(context, (limit) => cycles.closeUntold(untoldMs, limit)));
    const late = await cycles.notClosed(lateMs, MAX_LATE);
    await context.progress({ closed, late: late.length });
    if (late.length === 0) return { closed, late: 0 };
    const { startMs = 0, endMs = 0 } = late[0] ?? {};
    const count = late.length < MAX_LATE ? String(late.length) : `${String(MAX_LATE)} or more`;
    log.error({ count, cycle: { startMs, endMs } }, 'billing cycles were not closed in time');
    throw new AppError(
      'conflict',
      `${count} billing cycles are not closed though their end and grace are over: does a partition stand still?`,
    );
  };
}

/** Gives accounts and rows of their own to subscribers that only the release before has written. */
export function absorbJob(absorb: (token: string, limit: number) => Promise<number>): Job['run'] {
  return async (context) => ({
    absorbed: await inPieces(context, (limit) => absorb(context.token, limit)),
  });
}

/** From when to when a run of `refreshDated` looked. */
interface LookedThrough {
  throughMs: number;
}

/**
 * Tells profiles of what begins by date alone: between the last run's end and this one's.
 *
 * @param refresh tells of what begins in (fromMs, toMs]; returns how many profiles changed; idempotent
 */
export function refreshDatedJob(
  refresh: (token: string, fromMs: number, toMs: number) => Promise<number>,
): Job['run'] {
  return async ({ nowMs, last, token }) => {
    // Simulated time may begin anew behind it.
    const fromMs = Math.min(throughOf(last) ?? nowMs - DAY_MS, nowMs - HOUR_MS);
    const refreshed = await refresh(token, fromMs, nowMs);
    const looked: LookedThrough = { throughMs: nowMs };
    return { ...looked, refreshed };
  };
}

function throughOf(last: unknown): number | null {
  const { throughMs } = (last ?? {}) as Partial<LookedThrough>;
  return typeof throughMs === 'number' ? throughMs : null;
}
