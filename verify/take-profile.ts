import type { SubscriberProfile } from '../schemas/profile.ts';
import type { Cycle } from './cycle-book.ts';
import { knownProfile } from './known-fields.ts';
import { ruleOf } from './line.ts';
import type { Line } from './line.ts';
import { PlanBook } from './plan-book.ts';
import { carriedWith, pastView } from './tariff.ts';
import { begin, spentIn } from './top-up-use.ts';
import type { World } from './world.ts';

/** Where a profile arrives. */
interface Arrival {
  watermarkMs: number;
  appendTimeMs: number;
}

/** Takes who a subscriber is: cycles that are others by it are made anew, and parts are cut where plans change now. */
export function takeProfile(
  line: Line,
  given: SubscriberProfile,
  world: World,
  { watermarkMs, appendTimeMs }: Arrival,
): void {
  const before = line.profile;
  const profile = knownProfile(given, before, appendTimeMs, world.tariffs);
  const hasRule = [before, profile].some(
    (one) => one?.cycle !== undefined || one?.cycleChanges !== undefined,
  );
  line.profile = profile;
  const rule = ruleOf(line, world);
  const isMoved = hasRule ? line.book.movesBy(rule) : (before?.anchorDay ?? 1) !== profile.anchorDay;
  if ((before?.zone ?? world.defaultZone) !== profile.zone || isMoved)
    moveCycles(line, world, watermarkMs, before !== null);
  if (world.tariffs) line.book.cutParts(rule);
}

/**
 * The bytes are in other cycles, and so is what was charged for them, and what was carried over. A cycle of which most that was is
 * before the new one's beginning is over: what it had stays with that.
 */
function moveCycles(line: Line, world: World, watermarkMs: number, hadProfile: boolean): void {
  const { book, recent, extras, carry } = line;
  const rule = ruleOf(line, world);
  const before = hadProfile ? book.current : null;
  const { startMs } = book.boundsAt(rule, watermarkMs);
  const isOver = world.tariffs && before !== null && startMs - before.startMs > watermarkMs - startMs;
  if (isOver) before.spent = spentIn(line, { ...before, endMs: startMs }, world.plans);
  const again = book.changeRule(rule, watermarkMs);
  recent.changeZone(rule.zone);
  const previous = book.before(rule);
  if (isOver && previous !== null) begin(line, previous, world.plans);
  else if (before !== null && book.current !== null) {
    const { startMs: cycleStartMs } = book.current;
    if (extras?.cycleStartMs === before.startMs) line.extras = { ...extras, cycleStartMs };
    if (carry?.cycleStartMs === before.startMs) line.carry = { ...carry, cycleStartMs };
    const isOfNow = extras !== null && extras.cycleStartMs >= before.startMs;
    if (again.length > 0) restore(line, cycleStartMs, again, isOfNow);
  }
}

/**
 * Cycles were over that are not: what they had is the current one's once more. What the oldest of them was left by the one before
 * it stands for what they left.
 *
 * @param isOfNow whether the extras that the line has were asked for since they were over, so that theirs come on top
 */
function restore(line: Line, cycleStartMs: number, again: readonly Cycle[], isOfNow: boolean): void {
  const [oldest] = again;
  const given = oldest === undefined ? 0n : carriedWith(pastView(line, oldest, new PlanBook()), 0n);
  const left = (oldest?.spent?.carryBytes ?? 0n) - given;
  line.carry = left > 0n ? { cycleStartMs, bytes: left, final: false } : null;
  const spent = again.flatMap((cycle) => cycle.spent ?? []);
  for (const [id, bytes] of spent.flatMap(({ topUps }) => [...topUps])) {
    const use = line.topUpUses.get(id) ?? { before: 0n, used: 0n };
    const before = use.before > bytes ? use.before - bytes : 0n;
    line.topUpUses.set(id, { before, used: use.used + bytes });
  }
  const now = isOfNow && line.extras !== null ? line.extras : { blocks: 0, soldBytes: 0 };
  const blocks = spent.reduce((sum, one) => sum + one.blocks, now.blocks);
  const sold = spent.reduce((sum, one) => sum + one.soldBytes, now.soldBytes);
  const soldBytes = Math.min(sold, Number.MAX_SAFE_INTEGER);
  if (blocks > 0 || soldBytes > 0)
    line.extras = { cycleStartMs, blocks, soldBytes, topUps: line.extras?.topUps ?? 0 };
}
