import type { SubscriberProfile } from '../schemas/profile.ts';
import { knownProfile } from './known-fields.ts';
import { ruleOf } from './line.ts';
import type { Line } from './line.ts';
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
  if ((before?.zone ?? world.defaultZone) !== profile.zone || isMoved) moveCycles(line, world, watermarkMs);
  if (world.tariffs) line.book.cutParts(rule);
}

/** The bytes are in other cycles, and so is what was charged for them, and what was carried over. */
function moveCycles(line: Line, world: World, watermarkMs: number): void {
  const { book, recent, extras, carry } = line;
  const before = book.current?.startMs;
  const rule = ruleOf(line, world);
  book.changeRule(rule, watermarkMs);
  recent.changeZone(rule.zone);
  const { current } = book;
  if (current === null) return;
  const { startMs: cycleStartMs } = current;
  if (extras !== null && extras.cycleStartMs === before) line.extras = { ...extras, cycleStartMs };
  if (carry !== null && carry.cycleStartMs === before) line.carry = { ...carry, cycleStartMs };
}
