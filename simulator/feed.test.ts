import { describe, expect, it } from 'vitest';
import { formatControlId } from '../schemas/control.ts';
import { AppError } from '../schemas/errors.ts';
import { partitionOfText } from '../schemas/partitioning.ts';
import type { LogAppend, LogWriter } from '../storage/ports.ts';
import { Feeder, type FeederOptions } from './feed.ts';
import { resumeProvider, type FeedState } from './feed-state.ts';
import { createProvider, type ProviderOptions } from './provider.ts';

const START = Date.UTC(2026, 2, 10, 17);
const MINUTE = 60_000;
const OPTIONS: ProviderOptions = { seed: 1, subscribers: 60, startMs: START };

/** A log in memory; `faults` errors are thrown first, one a call, after the entries went in. */
class MemoryLog implements LogWriter {
  readonly entries: LogAppend[] = [];
  readonly sizes: number[] = [];
  readonly faults: Error[] = [];
  appending = 0;

  partitionCount(): Promise<number> {
    return Promise.resolve(4);
  }

  async append(entries: readonly LogAppend[]): Promise<void> {
    expect(this.appending).toBe(0);
    this.appending += 1;
    await Promise.resolve();
    this.appending -= 1;
    this.entries.push(...entries);
    this.sizes.push(entries.length);
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function feeder(log: LogWriter, more: Partial<FeederOptions> = {}): Feeder {
  return new Feeder({
    provider: createProvider(OPTIONS),
    writer: log,
    encode: (record) => Buffer.from(JSON.stringify(record)),
    wait: () => Promise.resolve(),
    ...more,
  });
}

describe('Feeder', () => {
  it('appends what the provider gives, to the partition of its key, stamped with simulated time', async () => {
    const log = new MemoryLog();
    await feeder(log).feedUntil(START + 30 * MINUTE);
    const expected = createProvider(OPTIONS).advance(START + 30 * MINUTE);
    const records = log.entries.filter(({ control }) => control === undefined);
    expect(records.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as unknown)).toEqual(
      expected.map(({ record }) => record),
    );
    records.forEach((entry, index) => {
      const key = expected[index]?.key ?? '';
      expect(Buffer.from(entry.key ?? []).toString()).toBe(key);
      expect(entry.partition).toBe(partitionOfText(key, 4));
      expect(entry.timeMs).toBe(expected[index]?.arrivalMs);
    });
    expect(records.length).toBeGreaterThan(200);
  });

  it('ticks every partition every 30 simulated seconds, a minute behind, n = t', async () => {
    const log = new MemoryLog();
    await feeder(log).feedUntil(START + 10 * MINUTE);
    for (let partition = 0; partition < 4; partition += 1) {
      const ticks = log.entries.filter(
        (entry) => entry.control !== undefined && entry.partition === partition,
      );
      expect(ticks).toHaveLength(20);
      ticks.forEach(({ control, value, timeMs }, index) => {
        const t = START + (index + 1) * 30_000 - MINUTE;
        expect(control).toEqual({ source: 'sim-tick', n: t });
        expect(control === undefined ? '' : formatControlId(control)).toBe(`sim-tick:${t}`);
        expect(JSON.parse(Buffer.from(value).toString())).toEqual({ kind: 'tick', t });
        expect(timeMs).toBe(t + MINUTE);
      });
    }
    const times = log.entries.map(({ timeMs }) => timeMs ?? 0);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });

  it('never has more in flight than it was told', async () => {
    const log = new MemoryLog();
    await feeder(log, { maxEntries: 5 }).feedUntil(START + 10 * MINUTE);
    expect(Math.max(...log.sizes)).toBe(5);
  });

  it('repeats an append that may have failed, in order', async () => {
    const log = new MemoryLog();
    const retried: unknown[] = [];
    const lost = new AppError('log-append-failed', 'no answer', { retriable: true });
    log.faults.push(lost, lost);
    const feed = feeder(log, { onRetry: (error) => retried.push(error) });
    await feed.feedUntil(START + 5 * MINUTE);
    expect(retried).toEqual([lost, lost]);
    expect(feed.stats.retries).toBe(2);
    const size = log.sizes[0] ?? 0;
    expect(log.entries.slice(0, size)).toEqual(log.entries.slice(size, 2 * size));
  });

  it('ends with the error that no retry heals, and says so', async () => {
    const log = new MemoryLog();
    log.faults.push(new AppError('store-rejected', 'read only'));
    let clockMs = 0;
    const failed = new Promise((resolve) => {
      const feed = feeder(log, { clock: () => (clockMs += 100), onFailure: resolve });
      void feed.start();
    });
    expect(await failed).toMatchObject({ code: 'store-rejected' });
  });

  it('follows the clock at its speed, and slows down when the log is slow', async () => {
    const log = new MemoryLog();
    let clockMs = 0;
    const steps = [100, 100, 60_000];
    const waited = new Promise<void>((resolve) => {
      const feed = feeder(log, {
        speed: 60,
        clock: () => clockMs,
        wait: async () => {
          const step = steps.shift();
          if (step === undefined) {
            // 100 + 100 ms as they were, the long one cut to a second.
            expect(feed.nowMs).toBe(START + 1_200 * 60);
            void feed.stop();
            resolve();
          }
          clockMs += step ?? 0;
          await Promise.resolve();
        },
      });
      void feed.start();
    });
    await waited;
  });

  it('saves its state before the log holds anything later, and goes on from there with new ids', async () => {
    const log = new MemoryLog();
    const saved: { state: FeedState; entries: number }[] = [];
    const first = createProvider(OPTIONS);
    const feed = feeder(log, {
      provider: first,
      speed: 60,
      save: (state) => {
        saved.push({ state, entries: log.entries.length });
        return Promise.resolve();
      },
    });
    await feed.feedUntil(START + 30 * MINUTE);
    expect(saved.length).toBeGreaterThan(1);
    saved.forEach(({ state }, index) => {
      const until = saved[index + 1]?.entries ?? log.entries.length;
      const latest = Math.max(0, ...log.entries.slice(0, until).map(({ timeMs }) => timeMs ?? 0));
      expect(latest).toBeLessThanOrEqual(state.reservedUntilMs);
    });

    const state = saved.at(-1)?.state ?? null;
    const next = resumeProvider(state, { ...OPTIONS, seed: 999 });
    const before = log.entries.length;
    await feeder(log, { provider: next }).feedUntil(next.nowMs + 10 * MINUTE);
    const [older, newer] = [log.entries.slice(0, before), log.entries.slice(before)];
    const latest = Math.max(...older.map(({ timeMs }) => timeMs ?? 0));
    expect(newer.length).toBeGreaterThan(0);
    for (const { timeMs } of newer) expect(timeMs ?? 0).toBeGreaterThan(latest);
    expect(next.subscribers).toEqual(first.subscribers);
    const names = new Set(first.truth().map(({ nasId, sessionId }) => `${nasId} ${sessionId}`));
    expect(next.truth().some(({ nasId, sessionId }) => names.has(`${nasId} ${sessionId}`))).toBe(false);
    const ticks = (entries: LogAppend[]): number[] =>
      entries.flatMap(({ control }) => (control ? [control.n] : []));
    expect(Math.min(...ticks(newer))).toBeGreaterThan(Math.max(...ticks(older)));
  });

  it('gives a throttled user the same speed after a restart', () => {
    const limits: FeedState['limits'] = [['home000001@isp.example', { downBps: 2_000_000, upBps: 512_000 }]];
    const first = createProvider(OPTIONS);
    const userName = first.subscribers[0]?.profile.userName ?? '';
    const state: FeedState = {
      version: 1,
      seed: 1,
      originMs: START,
      generation: 1,
      reservedUntilMs: START + MINUTE,
      limits: limits.map(([, speed]) => [userName, speed]),
    };
    const next = resumeProvider(state, OPTIONS);
    next.advance(START + 5 * MINUTE);
    expect(next.truth().find((session) => session.userName === userName)?.speed.downBps).toBe(2_000_000);
  });
});
