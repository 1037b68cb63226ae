import { describe, expect, it } from 'vitest';
import { CycleCalendar } from '../../rules/cycle.ts';
import type { UsageQuarter } from '../../storage/analytics-ports.ts';
import { HOUR, MINUTE, NOON } from '../../tests/factories.ts';
import { hourEntries, quarterSpan } from './timeline-usage.ts';

function quarter(startMs: number, downBytes: number, serviceClass = ''): UsageQuarter {
  return { startMs, estimated: false, classes: [{ serviceClass, downBytes, upBytes: 1_000_000 }] };
}

function boundsOf(zone: string, fromMs = 0, toMs = NOON + 10 * HOUR) {
  return { fromMs, toMs, zone, calendar: new CycleCalendar() };
}

describe('usage by hour', () => {
  it('has hours of the zone, the newest first', () => {
    const quarters = [45, 30, 15, 0].map((minutes) => quarter(NOON + minutes * MINUTE, minutes * 1e9));
    const told = (zone: string) =>
      hourEntries(quarters, boundsOf(zone), 9).map(({ at, text }) => [Date.parse(at) - NOON, text]);
    expect(told('Europe/Berlin')).toEqual([[0, '90.000 GB down, 0.004 GB up']]);
    expect(told('Asia/Kolkata')).toEqual([
      [30 * MINUTE, '75.000 GB down, 0.002 GB up'],
      [-30 * MINUTE, '15.000 GB down, 0.002 GB up'],
    ]);
    expect(told('Asia/Kathmandu')).toHaveLength(2);
  });

  it('tells service classes, and that part was spread by estimate', () => {
    const quarters = [{ ...quarter(NOON, 2e9, 'video'), estimated: true }, quarter(NOON - 15 * MINUTE, 1e9)];
    const [first] = hourEntries(quarters, boundsOf('UTC'), 1);
    expect(first?.text).toBe('2.000 GB down, 0.001 GB up; of it video 2.001 GB');
    expect(first).toMatchObject({ estimated: true });
    expect(hourEntries(quarters, boundsOf('UTC'), 1)).toHaveLength(1);
  });

  it('is cut by the bounds of the timeline', () => {
    const bounds = boundsOf('UTC', NOON + 15 * MINUTE, NOON + 40 * MINUTE);
    const [entry] = hourEntries([quarter(NOON + 30 * MINUTE, 5)], bounds, 9);
    expect(entry).toMatchObject({
      at: new Date(NOON + 15 * MINUTE).toISOString(),
      to: new Date(NOON + 40 * MINUTE).toISOString(),
    });
  });

  it('is read to the end of the hour in which a page begins, and never beyond the bounds', () => {
    const span = { fromMs: 7, throughMs: NOON + 20 * MINUTE, limit: 10 };
    expect(quarterSpan(boundsOf('UTC'), span)).toEqual({ fromMs: 7, throughMs: NOON + HOUR - 1, limit: 48 });
    const cut = boundsOf('UTC', 0, NOON + 20 * MINUTE);
    expect(quarterSpan(cut, span).throughMs).toBe(NOON + 20 * MINUTE);
  });
});
