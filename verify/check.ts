import type { Difference, DifferenceKind } from './difference.ts';
import type { Recomputation } from './recompute.ts';

/** One partition under examination. */
export interface Part {
  partition: number;
  run: Recomputation;
  /** recomputing began here: what lies before is not looked at */
  fromOffset: number;
  /** everything below this offset was committed when reading of stored data began: it must be there, sooner or later */
  settled: number;
}

/**
 * What one round of reading found. Other processes go on meanwhile: `waiting` may come right by itself (rows that are not
 * flushed yet), `wrong` can not. `ahead` is of entries beyond what was recomputed: no fault, if the slot has come so far.
 */
export class Findings {
  readonly wrong: Difference[] = [];
  readonly waiting: Difference[] = [];
  readonly ahead: { difference: Difference; offset: number }[] = [];
  /** things that were compared */
  compared = 0;

  put(
    to: 'wrong' | 'waiting',
    kind: DifferenceKind,
    partition: number,
    key: string,
    expected: string,
    found: string,
  ): void {
    this[to].push({ kind, partition, key, expected, found });
  }

  /** Something that the entry at `offset` left, which was not recomputed. */
  putAhead(kind: DifferenceKind, partition: number, key: string, found: string, offset: number): void {
    const expected = 'nothing that far';
    this.ahead.push({ difference: { kind, partition, key, expected, found }, offset });
  }
}

/** What of the log is examined. */
export interface Scope {
  onlySubscriber: string | null;
  /** usage and events from here on, ms since 1970 UTC; 0 = all */
  sinceMs: number;
}

/** From when on the usage of a subscriber is known in full and asked for. */
export function knownFromMs({ run }: Part, subscriberId: string, { sinceMs }: Scope): number {
  return Math.max(sinceMs, run.lines.get(subscriberId)?.unknownUntilMs ?? run.settings.unknownBeforeMs ?? 0);
}
