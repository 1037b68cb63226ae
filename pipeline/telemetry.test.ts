import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { noOutcomes } from '../schemas/outcome.ts';
import type { OverviewView, PartitionView } from '../schemas/views.ts';
import { AppError } from '../schemas/errors.ts';
import { setGauges, setOwnGauges, TotalsWatch } from './telemetry/gauges.ts';
import { metricsPage } from './telemetry/metrics-page.ts';
import { createTelemetry } from './telemetry.ts';
import type { Telemetry, TelemetryOptions } from './telemetry.ts';

const PAGE = new URL('../docs/metrics.md', import.meta.url);

function telemetry(options: Partial<TelemetryOptions> = {}): { telemetry: Telemetry; lines: string[] } {
  const lines: string[] = [];
  const made = createTelemetry({
    level: 'info',
    processMetrics: false,
    write: (line) => lines.push(line),
    ...options,
  });
  return { telemetry: made, lines };
}

const KEY = `weir_${'Ab-_'.repeat(11)}`;

describe('the logger', () => {
  it.each([
    ['a password by its name', { password: 'hush' }],
    ['a secret one level down', { nas: { id: 'n1', secret: 'hush' } }],
    ['an authorization header', { request: { headers: { authorization: 'Bearer hush' } } }],
    ['credentials in a URL', { url: 'postgres://weir:hush@db:5432/weir' }],
    ['credentials in the message of an error', { err: new Error('cannot reach redis://:hush@redis:6379') }],
    [
      'credentials in a cause',
      { err: new AppError('unreachable', 'no', { cause: new Error('http://u:hush@h') }) },
    ],
  ])('writes no secret: %s', (_, fields) => {
    for (const pretty of [false, true]) {
      const { telemetry: made, lines } = telemetry({ pretty });
      made.log.error(fields, 'something');
      expect(lines.join('')).toContain('something');
      expect(lines.join('')).not.toContain('hush');
    }
  });

  it('writes no API key, wherever it stands', () => {
    const { telemetry: made, lines } = telemetry();
    made.log.warn({ header: `Bearer ${KEY}` }, `refused ${KEY}`);
    expect(lines.join('')).not.toContain(KEY);
    expect(lines.join('')).toContain('weir_[redacted]');
  });

  it('writes a line for a person where asked to', () => {
    const { telemetry: made, lines } = telemetry({ pretty: true });
    made.log.info({ partition: 3 }, 'slot loaded');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}slot loaded {2}partition=3\n$/);
  });

  it('shows an operating error without its stack and a defect with it', () => {
    const { telemetry: made, lines } = telemetry({ pretty: true });
    made.log.error({ err: new AppError('unreachable', 'Redis does not answer') }, 'cannot start');
    made.log.error({ err: new TypeError('x is undefined') }, 'cannot start');
    expect(lines[0]).toMatch(/cannot start: Redis does not answer \(unreachable\)\n$/);
    expect(lines[1]).toContain('telemetry.test.ts');
  });
});

describe('the metrics', () => {
  it('are what docs/metrics.md says (WEIR_UPDATE_DOCS=1 writes it anew)', () => {
    const page = metricsPage(telemetry().telemetry.metrics.descriptions);
    if (process.env['WEIR_UPDATE_DOCS'] === '1') writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });

  it('have names with unit and a help text', () => {
    for (const { name, type, help } of telemetry().telemetry.metrics.descriptions) {
      expect(name).toMatch(/^weir_[a-z_]+$/);
      expect(help.length, name).toBeGreaterThan(10);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_(seconds|entries)$/);
    }
  });

  it('show closed lists at 0 before anything happened', async () => {
    const text = await telemetry().telemetry.render();
    expect(text).toContain('weir_records_total{outcome="dead-lettered"} 0');
    expect(text).toContain('weir_dead_letters_total{reason="misrouted"} 0');
  });

  it('fill gauges before a scrape, and forget partitions that went away', async () => {
    const { telemetry: made } = telemetry();
    let view = overview([partition(0, 7), partition(1, 0)]);
    made.onScrape(() => setGauges(made.metrics, view, Date.parse('2025-01-01T00:01:00Z')));
    const first = await made.render();
    expect(first).toContain('weir_partition_lag_entries{partition="0"} 7');
    expect(first).toContain('weir_partition_watermark_age_seconds{partition="0"} 60');
    expect(first).toContain('weir_actions{state="pending"} 2');
    view = overview([partition(1, 3)]);
    const second = await made.render();
    expect(second).not.toContain('weir_partition_lag_entries{partition="0"}');
  });

  it('show what is held and halted without any overview', async () => {
    const { telemetry: made } = telemetry();
    const states = [{ uncompiled: new Map() }, { uncompiled: new Map([['home-fup', 'no such fact']]) }];
    const worker = { states, unloaded: [3], halted: new Map([[3, new Error('gone')]]), held: [1] };
    made.onScrape(() => {
      setOwnGauges(made.metrics, { worker, flusher: { backlogRows: 12, lagSeconds: 3 } });
    });
    const text = await made.render();
    expect(text).toContain('weir_partitions_owned 3');
    expect(text).toContain('weir_policies_uncompiled 1');
    expect(text).toContain('weir_partitions_halted 1');
    expect(text).toContain('weir_partitions_egress_held 1');
    expect(text).toContain('weir_flush_backlog_rows 12');
  });

  it('take totals of others as rises', () => {
    const watch = new TotalsWatch();
    const rises: number[] = [];
    for (const total of [3, 3, 10]) watch.look('acks', total, (rise) => rises.push(rise));
    expect(rises).toEqual([3, 7]);
  });
});

function partition(number: number, lag: number): PartitionView {
  return {
    partition: number,
    position: 10,
    highWatermark: 10 + lag,
    lag,
    watermark: '2025-01-01T00:00:00Z',
    status: 'running',
    reason: null,
  };
}

function overview(partitions: PartitionView[]): OverviewView {
  return {
    version: '0',
    startedAt: '2025-01-01T00:00:00Z',
    recordsPerSecond: 0,
    outcomes: noOutcomes(),
    subscribers: 5,
    openSessions: 4,
    throttledSubscribers: 1,
    lag: 0,
    partitions,
    actions: {
      pending: 2,
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
  };
}
