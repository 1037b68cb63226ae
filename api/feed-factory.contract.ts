import type { FeedsView } from '../schemas/feed-views.ts';
import { FLAGS, noOutcomes } from '../schemas/outcome.ts';
import type { Flag } from '../schemas/outcome.ts';

/** Feed quality with every field filled, for tests. */
export function feedsView(): FeedsView {
  const noFlags = Object.fromEntries(FLAGS.map((flag) => [flag, 0])) as Record<Flag, number>;
  const hour = '2025-01-01T00:00:00.000Z';
  const quality = {
    nasId: 'bras-1',
    records: 1000,
    skewMedianMs: 1400,
    skewMaxMs: -61_000,
    interimSeconds: 600,
    openSessions: 731,
    notBillable: true,
  };
  return {
    from: hour,
    to: '2025-01-01T01:00:00.000Z',
    nas: [{ ...quality, duplicateShare: 0.0125, deadLetters: 3, missingStops: 2, lastHour: hour }],
    hours: [
      {
        ...quality,
        hour,
        outcomes: { ...noOutcomes(), metered: 997, 'dead-lettered': 3 },
        flags: { ...noFlags, 'missing-stop': 2 },
      },
    ],
    truncated: false,
  };
}
