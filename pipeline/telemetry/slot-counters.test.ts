import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FLAGS, noOutcomes } from '../../schemas/outcome.ts';
import type { Flag } from '../../schemas/outcome.ts';
import { createMetrics } from './metrics.ts';
import { SlotCounters } from './slot-counters.ts';
import type { SlotTotals } from './slot-counters.ts';

function totals(metered: number, controlsFolded = 0): SlotTotals {
  const flags = Object.fromEntries(FLAGS.map((flag) => [flag, 0])) as Record<Flag, number>;
  return { partition: 0, counts: { ...noOutcomes(), metered }, flags, controlsFolded };
}

async function metered(metrics: ReturnType<typeof createMetrics>): Promise<number> {
  const { values } = await metrics.records.get();
  return values.find(({ labels }) => labels.outcome === 'metered')?.value ?? NaN;
}

describe('SlotCounters', () => {
  it('counts what was committed here, not what the slot held when it came', async () => {
    const metrics = createMetrics(new Registry());
    const counters = new SlotCounters(metrics);
    counters.opened(totals(1000, 5));
    counters.committed(totals(1010, 7));
    expect(await metered(metrics)).toBe(10);
    expect((await metrics.controls.get()).values[0]?.value).toBe(2);
  });

  it('counts nothing twice when a slot is dropped after a failed commit and folded again', async () => {
    const metrics = createMetrics(new Registry());
    const counters = new SlotCounters(metrics);
    counters.opened(totals(0));
    counters.committed(totals(10));
    counters.opened(totals(10)); // 10 more were folded and not committed; the slot came back as stored
    counters.committed(totals(20));
    expect(await metered(metrics)).toBe(20);
  });

  it('is not changed by the state it was given being changed afterwards', async () => {
    const metrics = createMetrics(new Registry());
    const counters = new SlotCounters(metrics);
    const slot = totals(0);
    counters.opened(slot);
    slot.counts.metered = 4;
    counters.committed(slot);
    expect(await metered(metrics)).toBe(4);
  });
});
