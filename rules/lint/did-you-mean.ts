import { distance } from 'fastest-levenshtein';

/** Longer names are nobody's typing error, and the distance costs length times length. */
const LONGEST = 64;

/** The one of `known` that was most likely meant; null where none is near. */
export function closest(name: string, known: Iterable<string>): string | null {
  if (name.length > LONGEST) return null;
  const wanted = name.toLowerCase();
  let best: string | null = null;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const steps = distance(wanted, candidate.toLowerCase());
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best;
}

/** ` Did you mean x?`, or all names where they are few, or nothing; for the end of a message. */
export function hint(name: string, known: readonly string[]): string {
  const near = closest(name, known);
  if (near !== null) return ` Did you mean ${near}?`;
  return known.length > 0 && known.length <= 12 ? ` Known: ${known.join(', ')}.` : '';
}

/** A value as a message shows it: short, on one line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
