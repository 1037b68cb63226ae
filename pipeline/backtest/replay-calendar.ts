import { CycleCalendar } from '../../rules/cycle.ts';
import type { Cycle, LocalHour } from '../../rules/cycle.ts';

/** No zone's clock is apart from UTC by anything that is no multiple of this, nor changed at another time (since 1972). */
const SLOT_MS = 15 * 60_000;
/** Of one zone; 40 days of slots. */
const MOST_SLOTS = 4_000;

/**
 * The calendar for a replay, which goes through the same days again with every subscriber: each quarter of an hour is looked
 * up once a zone. The fold's keeps the last 30 hours only, and would reckon all of them anew for everybody.
 */
export class ReplayCalendar extends CycleCalendar {
  readonly #hours = new Map<string, Map<number, LocalHour>>();
  readonly #days = new Map<string, Map<number, Cycle>>();

  override hour(zone: string, atMs: number): LocalHour {
    return found(this.#hours, zone, atMs, () => super.hour(zone, atMs));
  }

  override day(zone: string, atMs: number): Cycle {
    return found(this.#days, zone, atMs, () => super.day(zone, atMs));
  }
}

function found<Span extends Cycle>(
  zones: Map<string, Map<number, Span>>,
  zone: string,
  atMs: number,
  reckon: () => Span,
): Span {
  let slots = zones.get(zone);
  if (slots === undefined) {
    slots = new Map();
    zones.set(zone, slots);
  }
  const slot = Math.floor(atMs / SLOT_MS);
  const known = slots.get(slot);
  if (known !== undefined && atMs >= known.startMs && atMs < known.endMs) return known;
  const span = reckon();
  if (slots.size >= MOST_SLOTS) slots.clear();
  slots.set(slot, span);
  return span;
}
