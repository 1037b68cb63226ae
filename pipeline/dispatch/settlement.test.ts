import { describe, expect, it } from 'vitest';
import type { SinkResult } from '../../storage/ports.ts';
import { DISPATCH_DEFAULTS, dispatchSettings } from './dispatch-settings.ts';
import { backoffMs, settlementOf } from './settlement.ts';

const settings = dispatchSettings({ maxAttempts: 4, unknownAttempts: 3, unknownDelayMs: 15_000 });
const context = (attempts: number, random = 0) => ({
  attempts,
  nowMs: 1_000_000,
  random: () => random,
  settings,
});

describe('settlementOf', () => {
  const retry: SinkResult = { state: 'retry', detail: 'busy', afterMs: 0 };
  const unknown: SinkResult = { state: 'unknown', detail: 'no answer' };
  it.each([
    ['delivered ends', { state: 'delivered', detail: 'ACK' }, 1, { state: 'delivered', detail: 'ACK' }],
    ['rejected ends', { state: 'rejected', detail: 'NAK' }, 1, { state: 'rejected', detail: 'NAK' }],
    ['retry waits 1 s first', retry, 1, { state: 'pending', detail: 'busy', retryAtMs: 1_001_000 }],
    ['retry waits 4 s at the third', retry, 3, { state: 'pending', detail: 'busy', retryAtMs: 1_004_000 }],
    ['retry is dead at last', retry, 4, { state: 'dead', detail: 'gave up after 4 attempts: busy' }],
    [
      'a longer wait asked for is kept',
      { ...retry, afterMs: 9_000 },
      1,
      { state: 'pending', detail: 'busy', retryAtMs: 1_009_000 },
    ],
    ['unknown is sent again', unknown, 1, { state: 'unknown', detail: 'no answer', retryAtMs: 1_015_000 }],
    ['unknown waits longer', unknown, 2, { state: 'unknown', detail: 'no answer', retryAtMs: 1_030_000 }],
    ['unknown rests', unknown, 3, { state: 'unknown', detail: 'no answer' }],
  ] as const)('%s', (_name, result, attempts, expected) => {
    expect(settlementOf(result, context(attempts))).toEqual(expected);
  });
});

describe('backoffMs', () => {
  it('doubles up to a bound, also after many failures', () => {
    const waits = [1, 2, 7, 20, 5_000].map((attempts) => backoffMs(attempts, context(1)));
    expect(waits).toEqual([1_000, 2_000, 60_000, 60_000, 60_000]);
  });

  it('takes off up to half', () => {
    expect(backoffMs(1, context(1, 0.999_999))).toBeGreaterThanOrEqual(500);
    expect(backoffMs(1, context(1, 0.5))).toBe(750);
  });
});

describe('dispatchSettings', () => {
  it('has defaults', () => {
    expect(dispatchSettings()).toEqual(DISPATCH_DEFAULTS);
  });

  it.each([{ leaseMs: 10_000 }, { claimBatch: 0 }, { pollMs: Number.NaN }])('refuses %o', (given) => {
    expect(() => dispatchSettings(given)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});
