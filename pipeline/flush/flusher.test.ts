import { describe, expect, it } from 'vitest';
import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import type { AnalyticsBatch, UsageWindowRow } from '../../storage/analytics-ports.ts';
import { FakeClock } from './fake-clock.ts';
import { Flusher } from './flusher.ts';
import type { FlusherOptions } from './flusher.ts';
import { HeldAnalytics } from './held-analytics.ts';

function setUp(options: Partial<FlusherOptions> = {}) {
  const clock = new FakeClock();
  const analytics = new HeldAnalytics(new MemoryAnalytics());
  const flushed: [number, number][] = [];
  const events: string[] = [];
  const flusher = new Flusher({
    analytics,
    clock,
    random: () => 0,
    onFlushed: (partition, through) => flushed.push([partition, through]),
    hooks: {
      stored: (rows, durationMs) => events.push(`stored ${String(rows)} in ${String(durationMs)}`),
      failed: (_, failures, retryInMs) =>
        events.push(`failure ${String(failures)}, again in ${String(retryInMs)}`),
      pressed: (pressed) => events.push(pressed ? 'pressed' : 'released'),
    },
    ...options,
  });
  return { clock, analytics, flushed, events, flusher };
}

const window = (n: number, version: number, partition = 0): UsageWindowRow => ({
  partition,
  subscriberId: `s${String(n)}`,
  windowStartMs: 300_000,
  serviceClass: 'internet',
  nasId: 'nas-1',
  planId: 'home',
  downBytes: version * 10,
  upBytes: version,
  estimated: false,
  version,
});
const batch = (...windows: UsageWindowRow[]): AnalyticsBatch => ({
  windows,
  late: [],
  sessions: [],
  feeds: [],
});
const many = (count: number, version = 1) =>
  batch(...Array.from({ length: count }, (_, n) => window(n, version)));

describe('Flusher', () => {
  it('inserts after the interval what came in meanwhile, and then reports it', async () => {
    const { clock, analytics, flushed, flusher } = setUp();
    flusher.submit(0, batch(window(1, 1)), 1);
    clock.advance(900);
    flusher.submit(1, batch(window(2, 5, 1)), 5);
    expect(analytics.busy).toBe(false);
    clock.advance(100);
    expect(analytics.batches).toEqual([batch(window(1, 1), window(2, 5, 1))]);
    expect(flushed).toEqual([]);
    await analytics.end('stored');
    expect(flushed).toEqual([
      [0, 1],
      [1, 5],
    ]);
    expect(flusher.backlogRows).toBe(0);
  });

  it('inserts at once when enough rows wait, however quickly submits follow each other', () => {
    const { clock, analytics, flusher } = setUp({ eagerRows: 3 });
    flusher.submit(0, many(3), 3);
    for (let n = 4; n < 50; n++) flusher.submit(0, batch(window(n, n)), n);
    clock.advance(0);
    expect(analytics.batches[0]?.windows).toHaveLength(49);
  });

  it('lets a newer version take the place of an older one that waits, and never the other way round', () => {
    const { clock, analytics, flusher } = setUp();
    flusher.submit(0, batch(window(1, 1), window(2, 2)), 2);
    flusher.submit(0, batch(window(1, 7)), 7);
    flusher.submit(0, batch(window(1, 4)), 7);
    clock.advance(1_000);
    expect(analytics.batches).toEqual([batch(window(1, 7), window(2, 2))]);
  });

  it('splits a backlog, and reports a submission only when its last row is stored', async () => {
    const { clock, analytics, flushed, flusher } = setUp({ maxRowsAnInsert: 2, eagerRows: 100 });
    flusher.submit(0, batch(window(1, 1)), 1);
    flusher.submit(0, batch(window(2, 2), window(3, 3)), 3);
    clock.advance(1_000);
    await analytics.end('stored');
    expect(flushed).toEqual([[0, 1]]);
    clock.advance(1_000);
    await analytics.end('stored');
    expect(flushed).toEqual([
      [0, 1],
      [0, 3],
    ]);
  });

  it('serves the partition that waited longest first', async () => {
    const { clock, analytics, flusher } = setUp({ maxRowsAnInsert: 2 });
    flusher.submit(0, batch(window(1, 1), window(2, 2), window(3, 3)), 3);
    flusher.submit(1, batch(window(4, 1, 1)), 1);
    clock.advance(1_000);
    await analytics.end('stored');
    clock.advance(1_000);
    expect(analytics.batches[1]?.windows.map((row) => row.subscriberId)).toEqual(['s4', 's3']);
  });

  it('tries the same rows again with growing pauses until they are stored', async () => {
    const { clock, analytics, flushed, events, flusher } = setUp();
    flusher.submit(0, batch(window(1, 1)), 1);
    clock.advance(1_000);
    for (let failure = 1; failure <= 9; failure++) {
      await analytics.end('refused');
      clock.advance(30_000);
    }
    expect(flushed).toEqual([]);
    clock.advance(40);
    await analytics.end('stored');
    expect(flushed).toEqual([[0, 1]]);
    expect(new Set(analytics.batches.map((sent) => JSON.stringify(sent))).size).toBe(1);
    expect(events.slice(0, 3)).toEqual([
      'failure 1, again in 250',
      'failure 2, again in 500',
      'failure 3, again in 1000',
    ]);
    expect(events.slice(-2)[0]).toBe('failure 9, again in 30000');
  });

  it('holds back a newer version while the older one is in the insert in hand', async () => {
    const { clock, analytics, flushed, flusher } = setUp();
    flusher.submit(0, batch(window(1, 1)), 1);
    clock.advance(1_000);
    flusher.submit(0, batch(window(1, 2)), 2);
    clock.advance(5_000);
    await analytics.end('acknowledgement lost');
    clock.advance(250);
    await analytics.end('stored');
    expect(flushed).toEqual([[0, 1]]);
    clock.advance(1_000);
    await analytics.end('stored');
    expect(flushed).toEqual([
      [0, 1],
      [0, 2],
    ]);
    expect(analytics.store.windows()).toEqual([window(1, 2)]);
  });

  it('reports a submission without rows', () => {
    const { clock, flushed, flusher } = setUp();
    flusher.submit(0, batch(), 12);
    clock.advance(1_000);
    expect(flushed).toEqual([[0, 12]]);
    expect(clock.timers).toBe(0);
  });

  it('keeps late rows and sessions of their own keys apart', () => {
    const { clock, analytics, flusher } = setUp();
    const late = { ...window(1, 0), offset: 5, fromMs: 1, toMs: 2 };
    const session = {
      ...window(1, 6),
      sessionId: 'a',
      serviceName: '',
      startMs: 1,
      endMs: 2,
      terminateCause: 'x',
    };
    const rows = {
      windows: [],
      late: [late, { ...late, offset: 6 }, late],
      sessions: [session, session],
      feeds: [],
    };
    flusher.submit(0, rows, 6);
    clock.advance(1_000);
    expect(analytics.batches[0]).toMatchObject({
      late: [{ offset: 5 }, { offset: 6 }],
      sessions: [{ sessionId: 'a' }],
    });
    expect(analytics.batches[0]?.late).toHaveLength(2);
    expect(analytics.batches[0]?.sessions).toHaveLength(1);
  });

  it('presses from its limit on until half of it', async () => {
    const { clock, analytics, events, flusher } = setUp({ pressAtRows: 10, maxRowsAnInsert: 4 });
    flusher.submit(0, many(9), 9);
    expect(flusher.isPressed).toBe(false);
    flusher.submit(0, batch(window(9, 10)), 10);
    expect(flusher.isPressed).toBe(true);
    clock.advance(1_000);
    await analytics.end('stored');
    expect([flusher.backlogRows, flusher.isPressed]).toEqual([6, true]);
    clock.advance(1_000);
    await analytics.end('stored');
    expect([flusher.backlogRows, flusher.isPressed]).toEqual([2, false]);
    expect(events).toEqual(['pressed', 'stored 4 in 0', 'stored 4 in 0', 'released']);
  });

  it('tells how old the oldest submission is that is not stored', async () => {
    const { clock, analytics, flusher } = setUp();
    expect(flusher.lagSeconds).toBe(0);
    flusher.submit(0, batch(window(1, 1)), 1);
    clock.advance(1_000);
    flusher.submit(0, batch(window(2, 2)), 2);
    clock.advance(4_000);
    expect(flusher.lagSeconds).toBe(5);
    await analytics.end('stored');
    expect(flusher.lagSeconds).toBe(4);
  });

  it('forgets a partition: nothing more is sent or reported of it, and it may come back', async () => {
    const { clock, analytics, flushed, flusher } = setUp();
    flusher.submit(0, batch(window(1, 1)), 1);
    flusher.submit(1, batch(window(2, 1, 1)), 1);
    clock.advance(1_000);
    flusher.submit(0, batch(window(3, 2)), 2);
    flusher.forget(0);
    await analytics.end('refused');
    clock.advance(250);
    expect(analytics.batches[1]).toEqual(batch(window(2, 1, 1)));
    await analytics.end('stored');
    expect(flushed).toEqual([[1, 1]]);
    flusher.submit(0, batch(window(1, 1), window(3, 2)), 2);
    clock.advance(1_000);
    await analytics.end('stored');
    expect(flushed).toEqual([
      [1, 1],
      [0, 2],
    ]);
  });

  it('does not report a forgotten partition whose insert in hand succeeds', async () => {
    const { clock, analytics, flushed, flusher } = setUp();
    flusher.submit(0, batch(window(1, 1)), 1);
    clock.advance(1_000);
    flusher.forget(0);
    flusher.submit(0, batch(window(2, 2)), 2);
    await analytics.end('stored');
    expect(flushed).toEqual([]);
    clock.advance(1_000);
    await analytics.end('stored');
    expect(flushed).toEqual([[0, 2]]);
  });

  it('drains without waiting for interval or pause, and answers 0 when all is stored', async () => {
    const { clock, analytics, flushed, flusher } = setUp({ maxRowsAnInsert: 2 });
    flusher.submit(0, many(3), 3);
    clock.advance(1_000);
    await analytics.end('refused');
    const drained = flusher.drain(5_000);
    clock.advance(0);
    await analytics.end('stored');
    clock.advance(0);
    await analytics.end('stored');
    expect(await drained).toBe(0);
    expect(flushed).toEqual([[0, 3]]);
    expect(clock.timers).toBe(0);
  });

  it('drains at once when nothing waits', async () => {
    const { flusher } = setUp();
    expect(await flusher.drain(5_000)).toBe(0);
  });

  it('ends a drain after its grace, tells what is left, and says nothing more', async () => {
    const { clock, analytics, flushed, flusher } = setUp();
    flusher.submit(0, many(3), 3);
    const drained = flusher.drain(5_000);
    clock.advance(5_000);
    expect(await drained).toBe(3);
    await analytics.end('stored');
    flusher.submit(0, many(3), 3);
    clock.advance(60_000);
    expect(flushed).toEqual([]);
    expect([clock.timers, analytics.batches.length]).toEqual([0, 1]);
  });
});
