import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { FeedTable } from '../feed/feed-table.ts';
import { noteInterim, noteRecord, noteSession } from '../feed/nas-feed.ts';
import { setFeedGauges } from './feed-gauges.ts';
import type { FeedSlot } from './feed-gauges.ts';
import { createMetrics } from './metrics.ts';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 6, 10, 12);
const READING = defaultNasProfile('n');

interface Nas {
  nasId?: string;
  heardMs?: number;
  /** event time behind the append time, ms */
  lateMs?: number;
  open?: number;
  intervalMs?: number;
}

function slot(all: Nas[], profiles: NasProfile[] = []): FeedSlot {
  const feeds = new FeedTable();
  for (const { nasId = 'n1', heardMs = NOW, lateMs = 0, open = 0, intervalMs } of all) {
    const feed = feeds.of(nasId, NOW);
    const moment = { offset: 0, appendTimeMs: heardMs };
    noteRecord(
      feed,
      {
        ...moment,
        eventTimeMs: heardMs - lateMs,
        atMs: heardMs,
        outcome: 'metered',
        flags: [],
        lineBps: 1e9,
      },
      READING,
    );
    noteSession(feed, { ...moment, opened: open, flag: null }, READING);
    if (intervalMs !== undefined) for (let i = 0; i < 8; i += 1) noteInterim(feed, intervalMs);
  }
  return { watermarkMs: NOW, feeds, nas: new Map(profiles.map((nas) => [nas.nasId, nas])) };
}

async function gauges(slots: FeedSlot[]) {
  const metrics = createMetrics(new Registry());
  setFeedGauges(metrics, slots);
  const value = async (gauge: { get(): Promise<{ values: { value: number }[] }> }) =>
    (await gauge.get()).values[0]?.value;
  return {
    nas: await value(metrics.feedsHeard),
    silent: await value(metrics.feedsSilent),
    skewed: await value(metrics.feedsSkewed),
    notBillable: await value(metrics.feedsNotBillable),
  };
}

describe('setFeedGauges', () => {
  it('counts a NAS of several slots once', async () => {
    const slots = [slot([{ nasId: 'a' }, { nasId: 'b' }]), slot([{ nasId: 'b' }])];
    expect(await gauges(slots)).toEqual({ nas: 2, silent: 0, skewed: 0, notBillable: 0 });
  });

  it('counts who was heard within the hour, and nobody twice thrown together', async () => {
    const slots = [
      slot([
        { nasId: 'a', heardMs: NOW - 61 * MINUTE },
        { nasId: 'b', heardMs: NOW - 60 * MINUTE },
        { nasId: '' },
      ]),
    ];
    expect(await gauges(slots)).toMatchObject({ nas: 1 });
  });

  it.each<[string, Nas, number]>([
    ['three intervals', { open: 1, intervalMs: 10 * MINUTE, heardMs: NOW - 31 * MINUTE }, 1],
    ['less', { open: 1, intervalMs: 10 * MINUTE, heardMs: NOW - 30 * MINUTE }, 0],
    ['less than 15 min', { open: 1, intervalMs: MINUTE, heardMs: NOW - 15 * MINUTE }, 0],
    ['with no session open', { open: 0, intervalMs: MINUTE, heardMs: NOW - 61 * MINUTE }, 0],
    ['47 h, no interval known', { open: 1, heardMs: NOW - 47 * 60 * MINUTE }, 0],
    ['49 h, no interval known', { open: 1, heardMs: NOW - 49 * 60 * MINUTE }, 1],
  ])('tells who is silent: %s', async (_, nas, silent) => {
    expect(await gauges([slot([nas])])).toMatchObject({ silent });
  });

  it('takes a NAS as heard when any slot heard it', async () => {
    const silent = { open: 1, intervalMs: MINUTE, heardMs: NOW - 50 * MINUTE };
    expect(await gauges([slot([silent]), slot([{ heardMs: NOW }])])).toMatchObject({ silent: 0 });
  });

  it.each([
    [59_000, 0],
    [64_000, 1],
    [-100_000, 1],
  ])('tells whose times are off: %i ms', async (lateMs, skewed) => {
    expect(await gauges([slot([{ lateMs }])])).toMatchObject({ skewed });
  });

  it('tells who cannot be billed, by its profile or the one of all', async () => {
    const narrow = (nasId: string): NasProfile => ({ ...defaultNasProfile(nasId), gigawords: false });
    expect(await gauges([slot([{}], [narrow('n1')])])).toMatchObject({ notBillable: 1 });
    expect(await gauges([slot([{}], [narrow('*')])])).toMatchObject({ notBillable: 1 });
    expect(await gauges([slot([{}], [narrow('*'), defaultNasProfile('n1')])])).toMatchObject({
      notBillable: 0,
    });
  });

  it('is all 0 where nothing is owned', async () => {
    expect(await gauges([])).toEqual({ nas: 0, silent: 0, skewed: 0, notBillable: 0 });
  });
});
