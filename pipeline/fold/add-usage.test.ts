import { describe, expect, it } from 'vitest';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { HOUR, LogBuilder, MINUTE, NOON, fold, freshSlot, profile } from '../../tests/factories.ts';
import { NEWEST_BLOB_VERSION, POLICY_FACTS_VERSION } from './slot-state.ts';
import type { SlotState, Subscriber } from './slot-state.ts';

/** Off-peak from 13:00 to 14:00 UTC. */
function log(): LogBuilder {
  const hours = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '13:00', to: '14:00' }];
  return new LogBuilder()
    .control({
      kind: 'provider-settings',
      settings: { ...NO_PROVIDER_SETTINGS, offPeak: { hours, dates: [] } },
    })
    .control({ kind: 'subscriber-profile', profile: profile() });
}

function folded(made: LogBuilder, state: SlotState = freshSlot()): Subscriber {
  fold(state, made.inputs);
  const subscriber = state.subscribers.get('sub-1');
  if (subscriber === undefined) throw new Error('nobody was folded');
  return subscriber;
}

describe('off-peak use', () => {
  it('goes by the beginning of the window that bytes lie in', () => {
    const line = folded(
      log()
        .record({ statusType: 'START', eventTimeMs: NOON + 58 * MINUTE })
        .record({
          eventTimeMs: NOON + 62 * MINUTE,
          sessionTimeSeconds: 240,
          outputOctets: 400,
          inputOctets: 40,
        })
        .record({ eventTimeMs: NOON + 64 * MINUTE, sessionId: 's2', serviceClass: 'tv', outputOctets: 7 }),
    );
    const offPeak = [
      { serviceClass: '', down: 200, up: 20 },
      { serviceClass: 'tv', down: 7, up: 0 },
    ];
    expect(line.cycles[0]).toMatchObject({ down: 407, up: 40, offPeak });
    expect(line.today).toMatchObject({ down: 407, offPeak });
  });

  it('of what is late goes by its own beginning', () => {
    const late = { sessionId: 'late', outputOctets: 100 };
    const line = folded(
      log()
        .record({ eventTimeMs: NOON + 5 * HOUR, outputOctets: 1 })
        .record({ ...late, eventTimeMs: NOON + 90 * MINUTE }, NOON + 5 * HOUR)
        .record({ ...late, sessionId: 'later', eventTimeMs: NOON + 3 * HOUR }, NOON + 5 * HOUR),
    );
    expect(line.today).toMatchObject({ down: 201, offPeak: [{ serviceClass: '', down: 100, up: 0 }] });
    expect(line.hours.map(({ startMs, down }) => [(startMs - NOON) / HOUR, down])).toEqual([
      [3, 100],
      [1, 100],
    ]);
  });

  it('stays where another anchor makes cycles anew', () => {
    const made = log().record({ eventTimeMs: NOON + 61 * MINUTE, outputOctets: 9, serviceClass: 'tv' });
    made.control({ kind: 'subscriber-profile', profile: profile({ anchorDay: 5 }) });
    expect(folded(made).cycles[0]).toMatchObject({
      down: 9,
      offPeak: [{ serviceClass: 'tv', down: 9, up: 0 }],
    });
  });

  it('is as of the settings when a record comes', () => {
    const made = log().record({ eventTimeMs: NOON + 61 * MINUTE, outputOctets: 9 });
    made.control({ kind: 'provider-settings', settings: NO_PROVIDER_SETTINGS });
    made.record({ eventTimeMs: NOON + 62 * MINUTE, outputOctets: 20 });
    expect(folded(made).cycles[0]).toMatchObject({ down: 20, offPeak: [{ down: 9 }] });
  });
});

describe('window rows in memory', () => {
  const starts = (line: Subscriber): number[] => line.rows.map(({ startMs }) => (startMs - NOON) / MINUTE);

  it('are those of the newest two windows: what a batch before has stored leaves as another begins', () => {
    const state = freshSlot();
    const made = new LogBuilder();
    for (const minute of [1, 6, 11]) {
      made.record({ eventTimeMs: NOON + minute * MINUTE, outputOctets: minute });
      folded(made, state);
    }
    expect(starts(folded(made, state))).toEqual([5, 10]);
  });

  it('stay as long as their batch has changed them, and say who has more than usual', () => {
    const state = freshSlot();
    const made = new LogBuilder();
    for (const minute of [1, 6, 11])
      made.record({ eventTimeMs: NOON + minute * MINUTE, outputOctets: minute });
    const { crowded } = fold(state, made.inputs);
    const line = state.subscribers.get('sub-1');
    expect([...crowded]).toEqual([line]);
    expect(line?.rows.map(({ down }) => down)).toEqual([5, 5, 1]);
  });
});

describe('the layout before', () => {
  it('has no room for it: hours, windows, peaks and off-peak use are kept from the change on', () => {
    const state = freshSlot();
    state.blobVersion = POLICY_FACTS_VERSION - 1;
    const made = log().record({ eventTimeMs: NOON + 61 * MINUTE, outputOctets: 9 });
    expect(folded(made, state)).toMatchObject({
      ...{ hour: null, hours: [], newestWindow: null, peak: null },
      today: { down: 9, offPeak: [] },
    });
    made.control({ kind: 'fold-version', version: NEWEST_BLOB_VERSION });
    made.record({ eventTimeMs: NOON + 62 * MINUTE, outputOctets: 20 });
    expect(folded(made, state)).toMatchObject({
      hour: { down: 11 },
      newestWindow: { down: 11 },
      peak: { bytes: 11 },
      today: { down: 20, offPeak: [{ down: 11 }] },
    });
  });
});
