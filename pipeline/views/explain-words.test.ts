import { describe, expect, it } from 'vitest';
import type { PolicyEvent } from '../../schemas/policy.ts';
import {
  definitionOf,
  durationWords,
  eventWords,
  sizeWords,
  untilWords,
  valueWords,
} from './explain-words.ts';

describe('words of an explanation', () => {
  it.each([
    [0, '0 bytes'],
    [999_999, '999999 bytes'],
    [1_000_000, '0.001 GB'],
    [12_345_678_901, '12.346 GB'],
    [-5_000_000_000, '-5.000 GB'],
    [0.4, '0 bytes'],
  ])('give sizes in GB of 10^9: %d', (bytes, text) => {
    expect(sizeWords(bytes)).toBe(text);
  });

  it.each([
    [0, '0 s'],
    [59_499, '59 s'],
    [60_000, '1 min'],
    [3_661_000, '1 h 1 min'],
    [3_605_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ])('give stretches of time in two units: %d', (ms, text) => {
    expect(durationWords(ms)).toBe(text);
  });

  it.each([
    [99.999, '%', '99.99 %'],
    [100, '%', '100 %'],
    [29.000000000000004, '%', '29 %'],
    [2_500_000, 'bit/s', '2.5 Mbit/s'],
    [90, 'seconds', '1 min 30 s'],
    [3, 'days', '3 days'],
    [1, 'sessions', '1 session'],
    [21, 'hours', '21 h'],
    [6, '', '6'],
    ['home-100', '', '"home-100"'],
    [['a', 'b'], '', '["a","b"]'],
    [true, '', 'true'],
    [null, 'bytes', 'none'],
    [undefined, 'bytes', 'none'],
  ])('give %j in %s', (value, unit, text) => {
    expect(valueWords(value, unit)).toBe(text);
  });

  const events: [PolicyEvent, string, string | null][] = [
    [
      { type: 'throttle', params: { downBps: 2e6, upBps: 512e3, until: 'cycle-end' } },
      'throttle to 2/0.512 Mbit/s (profile slow)',
      'to the end of the cycle, or until the allowance grows above use',
    ],
    [{ type: 'block', params: { until: { seconds: 7200 } } }, 'block', 'for 2 h'],
    [
      { type: 'redirect', params: { profile: 'pay', minHoldSeconds: 60 } },
      'redirect (profile pay)',
      'while the conditions hold, at least 1 min',
    ],
    [{ type: 'notify', params: { template: 'near-cap', channel: 'sms' } }, 'notice near-cap (sms)', null],
    [{ type: 'overage', params: {} }, 'paid blocks beyond the allowance', null],
    [
      { type: 'topup', params: { productId: 'p10', maxPerCycle: 2 } },
      'buy top-up p10, at most 2 a cycle',
      null,
    ],
  ];
  it.each(events)('say what a rule asks for: %j', (event, asks, until) => {
    const effect =
      event.type === 'throttle'
        ? ({ state: 'throttle', downBps: 2e6, upBps: 512e3, profile: 'slow' } as const)
        : event.type === 'block'
          ? ({ state: 'block' } as const)
          : event.type === 'redirect'
            ? ({ state: 'redirect', profile: 'pay' } as const)
            : null;
    expect(eventWords(event, effect)).toBe(asks);
    expect(untilWords(event)).toBe(until);
  });

  it('find a fact by name, or within a service class by path', () => {
    expect(definitionOf('dayBytes')?.unit).toBe('bytes');
    expect(definitionOf('byClass', '$.video.peakRateBps')?.unit).toBe('bit/s');
    expect(definitionOf('byClass', "$['a.b'].hourBytes")?.unit).toBe('bytes');
    expect(definitionOf('constructor')).toBeNull();
    expect(definitionOf('byClass', '$.video.toString')).toBeNull();
  });
});
