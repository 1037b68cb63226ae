import fc from 'fast-check';
import { createTask } from 'node-cron';
import { describe, expect, it } from 'vitest';
import { cronTimes, missedTime, nextTime } from './cron.ts';
import type { CronTimes } from './cron.ts';

const MINUTE = 60_000;

function times(expression: string): CronTimes {
  const found = cronTimes(expression);
  if (found === null) throw new Error(`${expression} is no cron expression`);
  return found;
}

function next(expression: string, after: string): string | null {
  const at = nextTime(times(expression), Date.parse(after));
  return at === null ? null : new Date(at).toISOString();
}

describe('cronTimes', () => {
  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '61 * * * *',
    '0 0 31 2 *',
    '0 0 L * *',
    '0 0 * * 5#2',
    '0 0 * * 5L',
    '@daily',
    'at noon on every day',
  ])('does not know %j', (expression) => {
    expect(cronTimes(expression)).toBeNull();
  });

  it('reads names, ranges, steps and lists', () => {
    expect(next('*/20 8-9 * jan,jul mon-fri', '2026-01-02T09:40:00Z')).toBe('2026-01-05T08:00:00.000Z');
  });
});

describe('nextTime', () => {
  it.each<[string, string, string]>([
    ['*/5 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:05:00.000Z'],
    ['*/5 * * * *', '2026-01-01T00:04:59.999Z', '2026-01-01T00:05:00.000Z'],
    ['30 3 * * *', '2025-12-31T03:30:00Z', '2026-01-01T03:30:00.000Z'],
    ['0 0 29 2 *', '2096-03-01T00:00:00Z', '2104-02-29T00:00:00.000Z'],
    ['0 12 13 * fri', '2026-03-14T00:00:00Z', '2026-11-13T12:00:00.000Z'],
    ['59 23 * * 7', '2026-01-04T23:58:00Z', '2026-01-04T23:59:00.000Z'],
  ])('of %s after %s is %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  it('is none where there is none for eight years', () => {
    expect(nextTime({ ...times('0 0 1 1 *'), days: new Set([32]) }, 0)).toBeNull();
  });

  it('is the first minute that node-cron matches', () => {
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 2, max: 20 }).map((step) => `*/${step}`),
      );
    const expressions = fc
      .tuple(field(0, 59), field(0, 23), field(1, 28), fc.constant('*'), field(0, 6))
      .map((fields) => fields.join(' '));
    fc.assert(
      fc.property(expressions, fc.integer({ min: 0, max: 4e12 }), (expression, afterMs) => {
        const task = createTask(expression, () => undefined, { timezone: 'UTC' });
        const at = nextTime(times(expression), afterMs);
        if (at === null) throw new Error('every one of these has a next time');
        expect(task.match(new Date(at))).toBe(true);
        const firstMinute = (Math.floor(afterMs / MINUTE) + 1) * MINUTE;
        // A day of minutes at most: one of node-cron's matches takes 5 µs.
        for (let ms = firstMinute; ms < Math.min(at, firstMinute + 600 * MINUTE); ms += MINUTE)
          expect(task.match(new Date(ms)), new Date(ms).toISOString()).toBe(false);
        void task.destroy();
      }),
      { numRuns: 50 },
    );
  });
});

describe('missedTime', () => {
  const hourly = times('0 * * * *');
  const at = (text: string): number => Date.parse(`2026-01-01T${text}Z`);

  it('is none before the next time', () => {
    expect(missedTime(hourly, at('01:00:00'), at('01:59:59.999'))).toBeNull();
  });

  it('comes at its time', () => {
    expect(missedTime(hourly, at('01:00:00'), at('02:00:00'))).toBe(at('02:00:00'));
  });

  it('is the last one of many that were missed', () => {
    expect(missedTime(hourly, at('01:00:00') - 40 * 86_400_000, at('05:17:00'))).toBe(at('05:00:00'));
    const newYear = times('0 0 1 1 *');
    expect(missedTime(newYear, Date.UTC(2019, 5), Date.UTC(2026, 5))).toBe(Date.UTC(2026, 0));
  });

  it('is none where the last one was seen to in the future', () => {
    expect(missedTime(hourly, at('07:00:00'), at('06:00:00'))).toBeNull();
  });
});
