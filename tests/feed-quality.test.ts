import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learnedIntervalMs, toFeedRow } from '../pipeline/feed/nas-feed.ts';
import type { SlotState } from '../pipeline/fold/slot-state.ts';
import type { BatchEffects } from '../pipeline/fold/effects.ts';
import { nasProfileOf } from '../pipeline/meter/nas-profile.ts';
import { FLAGS, OUTCOMES } from '../schemas/outcome.ts';
import type { FeedQualityRow } from '../storage/analytics-ports.ts';
import { fold, freshSlot, HOUR, LogBuilder, MINUTE, NOON } from './factories.ts';

/** Every row that analytics ends up with: by hour and NAS the one with the highest version. */
function rowsOf(state: SlotState, effects: BatchEffects): FeedQualityRow[] {
  const rows = new Map<string, FeedQualityRow>();
  const over = effects.oneShots.flatMap(({ row }) => (row.kind === 'feed' ? [row.row] : []));
  const present = [...state.feeds.all()].map((feed) =>
    toFeedRow(state.partition, feed, nasProfileOf(state.nas, feed.nasId)),
  );
  for (const row of [...over, ...present]) {
    const key = `${row.hourMs} ${row.nasId}`;
    if ((rows.get(key)?.version ?? 0) < row.version) rows.set(key, row);
  }
  return [...rows.values()];
}

const record = fc.record({
  nasId: fc.constantFrom('nas-1', 'nas-2', 'nas-3'),
  subscriberId: fc.constantFrom('a', 'b'),
  sessionId: fc.constantFrom('s', 't'),
  statusType: fc.constantFrom('START', 'INTERIM_UPDATE', 'INTERIM_UPDATE', 'STOP', 'ACCOUNTING_ON'),
  eventTimeMs: fc.option(
    fc.integer({ min: 0, max: 300 }).map((n) => NOON + n * 10 * MINUTE),
    { nil: null },
  ),
  inputOctets: fc.option(fc.nat({ max: 5 }), { nil: null }),
  outputOctets: fc.option(fc.nat({ max: 5 }), { nil: null }),
});

describe('feed quality', () => {
  it('holds every record and flag that the slot counted, by outcome, and every open session', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, fc.nat({ max: 40 * HOUR })), { maxLength: 60 }), (records) => {
        const log = new LogBuilder();
        let appendTimeMs = NOON;
        for (const [fields, stepMs] of records) {
          appendTimeMs += Math.floor(stepMs / 20);
          log.record(fields as Parameters<LogBuilder['record']>[0], appendTimeMs);
        }
        log.tick(appendTimeMs + 400 * HOUR);
        const state = freshSlot();
        const rows = rowsOf(state, fold(state, log.inputs));
        for (const outcome of OUTCOMES)
          expect(
            rows.reduce((sum, row) => sum + row.outcomes[outcome], 0),
            outcome,
          ).toBe(state.counts[outcome]);
        for (const flag of FLAGS)
          expect(
            rows.reduce((sum, row) => sum + row.flags[flag], 0),
            flag,
          ).toBe(state.flags[flag]);
        const open = [...state.feeds.all()].reduce((sum, feed) => sum + feed.openSessions, 0);
        expect(open).toBe(state.population.openSessions);
      }),
    );
  });

  it('learns the interim interval from open sessions, times them out by it, and says so', () => {
    const log = new LogBuilder().record({ statusType: 'START', eventTimeMs: NOON });
    for (let i = 1; i <= 8; i += 1) log.record({ eventTimeMs: NOON + i * 10 * MINUTE, outputOctets: i });
    // Another subscriber shows that the NAS is alive.
    log.record({ subscriberId: 'other', sessionId: 'o', eventTimeMs: NOON + 8 * HOUR });
    log.record({ subscriberId: 'other', sessionId: 'o', eventTimeMs: NOON + 9 * HOUR });
    const state = freshSlot();
    const rows = rowsOf(state, fold(state, log.inputs));
    const feed = state.feeds.known('nas-1');
    expect(feed && learnedIntervalMs(feed)).toBeGreaterThan(9 * MINUTE);
    expect(rows.map(({ flags }) => flags['missing-stop']).reduce((sum, n) => sum + n, 0)).toBe(1);
    expect(feed?.openSessions).toBe(1);
  });

  it('does not let a clock that is ahead carry the watermark along', () => {
    const log = new LogBuilder();
    for (let i = 0; i < 20; i += 1) {
      const at = NOON + i * MINUTE;
      log.record({ sessionId: `s${i}`, statusType: 'START', eventTimeMs: at + 4 * MINUTE }, at);
    }
    const state = freshSlot();
    fold(state, log.inputs);
    expect(state.watermarkMs).toBeLessThan(NOON + 15 * MINUTE);
    expect(state.watermarkMs).toBeGreaterThan(0);
  });
});
