import { isNothing } from './amount.ts';
import { NOTHING, bytesText, timeText } from './difference.ts';
import type { Line } from './line.ts';
import type { BandedTotal } from './totals.ts';

type Put = (key: string, expected: string, found: string) => void;

/** Parts of the cycles that both know, what is carried over, and what is used of top-ups. */
export function compareTariff(line: Line, held: Line, fromMs: number, put: Put): void {
  const compare = (key: string, expected: string, found: string): void => {
    if (expected !== found) put(key, expected, found);
  };
  for (const cycle of line.book.cycles) {
    const found = held.book.cycles.find(({ startMs }) => startMs === cycle.startMs);
    if (found === undefined || cycle.startMs < fromMs) continue;
    const name = `parts of the cycle of ${timeText(cycle.startMs)}`;
    compare(name, partsText(cycle.parts), partsText(found.parts));
  }
  if (line.unknownUntilMs > 0 || fromMs > 0) return;
  compare('carried over', carryText(line), carryText(held));
  compare('top-ups used', usesText(line), usesText(held));
}

function partsText(parts: readonly BandedTotal[]): string {
  const sharesText = (of: BandedTotal['classes']): string =>
    [...of]
      .filter(([, amount]) => !isNothing(amount))
      .map(([name, amount]) => `${name === '' ? 'default' : name} ${bytesText(amount)}`)
      .sort()
      .join(', ');
  const texts = parts.map(({ startMs, endMs, classes, offPeak }) => {
    const bounds = `${timeText(startMs)} to ${timeText(endMs)}`;
    return `${bounds}: ${sharesText(classes)}; off-peak ${sharesText(offPeak)}`;
  });
  return texts.join('; ') || NOTHING;
}

function carryText({ carry }: Line): string {
  if (carry === null) return NOTHING;
  return `${carry.bytes} into ${timeText(carry.cycleStartMs)}${carry.final ? ' for good' : ''}`;
}

function usesText({ topUpUses }: Line): string {
  const texts = [...topUpUses].map(([id, { before, used }]) => `${id} ${before} before, ${used} now`);
  return texts.sort().join('; ') || NOTHING;
}
