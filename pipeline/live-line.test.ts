import { describe, expect, it } from 'vitest';
import { noOutcomes } from '../schemas/outcome.ts';
import type { OverviewView, PartitionView } from '../schemas/views.ts';
import { formatLiveLine, LiveScreen } from './live-line.ts';

const NOWHERE = { api: null, metrics: null };

function overview(changes: Partial<OverviewView> = {}): OverviewView {
  return {
    version: '0',
    startedAt: '2025-01-01T00:00:00Z',
    recordsPerSecond: 0,
    outcomes: noOutcomes(),
    subscribers: 0,
    openSessions: 0,
    throttledSubscribers: 0,
    lag: 0,
    partitions: [],
    actions: {
      pending: 0,
      sending: 0,
      delivered: 0,
      rejected: 0,
      unknown: 0,
      held: 0,
      superseded: 0,
      dead: 0,
    },
    recentActions: [],
    flush: { backlogRows: 0, lagSeconds: 0 },
    ...changes,
  };
}

function partition(status: PartitionView['status']): PartitionView {
  return { partition: 0, position: 0, highWatermark: 0, lag: 0, watermark: null, status, reason: null };
}

describe('formatLiveLine', () => {
  it('says that nothing is going on', () => {
    expect(formatLiveLine(overview(), NOWHERE)).toBe(
      '0 rec/s | 0 subscribers | 0 sessions | 0 throttled | lag 0 | actions none',
    );
  });

  it('says what is going on, and where', () => {
    const view = overview({
      recordsPerSecond: 1234.5,
      subscribers: 500,
      openSessions: 731,
      throttledSubscribers: 9,
      lag: 12,
    });
    view.actions.delivered = 9;
    view.actions.unknown = 1;
    const addresses = { api: 'http://127.0.0.1:8080', metrics: 'http://127.0.0.1:9464/metrics' };
    expect(formatLiveLine(view, addresses)).toBe(
      '1.2 k rec/s | 500 subscribers | 731 sessions | 9 throttled | lag 12 | actions 9 delivered, 1 unknown' +
        ' | api http://127.0.0.1:8080 | metrics http://127.0.0.1:9464/metrics',
    );
  });

  it('shows trouble before the addresses', () => {
    const view = overview({
      partitions: [partition('halted'), partition('running'), partition('egress-held')],
      flush: { backlogRows: 9, lagSeconds: 41.6 },
    });
    const line = formatLiveLine(view, { api: 'http://x', metrics: null });
    expect(line).toContain('| 1 HALTED | 1 HELD | analytics 42 s behind | api http://x');
  });

  it.each([
    [999, '999'],
    [999.6, '1000'],
    [1000, '1.0 k'],
    [9949, '9.9 k'],
    [9951, '10 k'],
    [999_499, '999 k'],
    [999_500, '1.0 M'],
    [34_000_000, '34 M'],
  ])('writes %d as %s', (value, text) => {
    expect(formatLiveLine(overview({ lag: value }), NOWHERE)).toContain(`lag ${text} |`);
  });
});

describe('LiveScreen', () => {
  function screen(isTTY: boolean, columns?: number) {
    const written: string[] = [];
    return {
      screen: new LiveScreen({ isTTY, columns, write: (text: string) => written.push(text) }),
      written,
    };
  }

  it('writes nothing once nobody reads it', () => {
    const { screen: live, written } = screen(true);
    live.show('live');
    live.close();
    live.show('more');
    live.log('logged\n');
    live.end();
    expect(written).toEqual(['\r\u001b[Klive']);
  });

  it('puts log lines above the live line', () => {
    const { screen: live, written } = screen(true);
    live.show('live');
    live.log('logged\n');
    live.end();
    live.end();
    expect(written).toEqual(['\r\u001b[Klive', '\r\u001b[Klogged\nlive', '\n']);
  });

  it('cuts the line to the window, so that it never wraps', () => {
    const { screen: live, written } = screen(true, 10);
    live.show('0123456789abc');
    expect(written).toEqual(['\r\u001b[K01234567…']);
  });

  it('writes log lines only where there is no terminal', () => {
    const { screen: live, written } = screen(false);
    live.show('live');
    live.log('logged\n');
    live.end();
    expect(written).toEqual(['logged\n']);
  });
});
