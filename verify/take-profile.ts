import type { SubscriberProfile } from '../schemas/profile.ts';
import { knownProfile } from './known-fields.ts';
import { ruleOf } from './line.ts';
import type { Line } from './line.ts';
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
  book.changeRule(rule, watermarkMs);
  recent.changeZone(rule.zone);
  const previous = book.before(rule);
  if (isOver && previous !== null) begin(line, previous, world.plans);
  else if (before !== null && book.current !== null) {
    const { startMs: cycleStartMs } = book.current;
    if (extras?.cycleStartMs === before.startMs) line.extras = { ...extras, cycleStartMs };
    if (carry?.cycleStartMs === before.startMs) line.carry = { ...carry, cycleStartMs };
  }
}
