import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import type { FeedQualityReading, FeedQualityRow } from '../analytics-ports.ts';

/** One NAS's hour over its partitions' rows, as the view `feeds` of ClickHouse unites them. At least one row. */
export function uniteFeedQuality(rows: readonly FeedQualityRow[]): FeedQualityReading {
  const [first] = rows;
  if (first === undefined) throw new Error('no rows to unite');
  const sum = (of: (row: FeedQualityRow) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  const intervals = rows.map((row) => row.interimSeconds).filter((seconds) => seconds !== null);
  return {
    nasId: first.nasId,
    hourMs: first.hourMs,
    outcomes: Object.fromEntries(
      OUTCOMES.map((outcome) => [outcome, sum((row) => row.outcomes[outcome])]),
    ) as FeedQualityReading['outcomes'],
    flags: Object.fromEntries(
      FLAGS.map((flag) => [flag, sum((row) => row.flags[flag])]),
    ) as FeedQualityReading['flags'],
    skewMedianMs: weightedMedian(rows),
    skewMaxMs: rows.map((row) => row.skewMaxMs).reduce(farther),
    interimSeconds: intervals.length === 0 ? null : Math.max(...intervals),
    openSessions: sum((row) => row.openSessions),
    notBillable: rows.some((row) => row.notBillable),
  };
}

/** The one farther from zero, the positive one of two equals. */
function farther(a: number, b: number): number {
  return (Math.abs(a) - Math.abs(b) || a - b) > 0 ? a : b;
}

/** The lowest median at which half of all records is reached. */
function weightedMedian(rows: readonly FeedQualityRow[]): number {
  const weighted = rows.map((row) => ({ skew: row.skewMedianMs, weight: Math.max(records(row), 1) }));
  weighted.sort((a, b) => a.skew - b.skew);
  let left = weighted.reduce((total, { weight }) => total + weight, 0) / 2;
  for (const { skew, weight } of weighted) {
    left -= weight;
    if (left <= 0) return skew;
  }
  return 0;
}

function records(row: FeedQualityRow): number {
  return OUTCOMES.reduce((total, outcome) => total + row.outcomes[outcome], 0);
}
