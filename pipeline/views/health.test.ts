import { describe, expect, it } from 'vitest';
import type { PartitionView } from '../../schemas/views.ts';
import { ProgressHealth, STUCK_AFTER_MS } from './health.ts';
import { RateMeter } from './rate-meter.ts';

const at = (position: number, lag: number, status: PartitionView['status'] = 'running'): PartitionView[] => [
  { partition: 0, position, highWatermark: position + lag, lag, watermark: null, status, reason: null },
];

describe('ProgressHealth', () => {
  it('calls a partition with lag that does not move stuck', () => {
    const health = new ProgressHealth();
    expect(health.check(at(5, 10), 0).ok).toBe(true);
    expect(health.check(at(5, 10), STUCK_AFTER_MS).ok).toBe(true);
    expect(health.check(at(5, 10), STUCK_AFTER_MS + 1).problems[0]).toContain('offset 5');
    expect(health.check(at(6, 10), STUCK_AFTER_MS + 2).ok).toBe(true);
  });

  it('does not mind a partition that is idle, and counts from when lag began', () => {
    const health = new ProgressHealth();
    expect(health.check(at(5, 0), 0).ok).toBe(true);
    expect(health.check(at(5, 0), 10 * STUCK_AFTER_MS).ok).toBe(true);
    expect(health.check(at(5, 3), 10 * STUCK_AFTER_MS + 1).ok).toBe(true);
  });

  it('is not well while a partition is halted', () => {
    expect(new ProgressHealth().check(at(5, 0, 'halted'), 0).ok).toBe(false);
  });
});

describe('RateMeter', () => {
  it('gives the rate over the last ten seconds', () => {
    const rate = new RateMeter();
    for (let second = 0; second <= 30; second += 1)
      rate.sample(second * 1000, second < 15 ? 0 : (second - 15) * 100);
    expect(rate.perSecond).toBe(100);
    rate.sample(31_000, 3);
    expect(rate.perSecond).toBe(0);
  });
});
