import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  Analytics,
  AnalyticsBatch,
  SessionRow,
  UsageLateRow,
  UsageWindowRow,
} from './analytics-ports.ts';
import type { LedgerAction } from './ports.ts';

/** What the suite needs of an adapter: the port, and what analysts see of two kinds of rows. */
export interface AnalyticsUnderTest {
  analytics: Analytics;
  sessionsOf(
    subscriberId: string,
  ): Promise<Pick<SessionRow, 'sessionId' | 'startMs' | 'endMs' | 'downBytes' | 'upBytes'>[]>;
  actionsOf(subscriberId: string): Promise<{ id: string; state: string; attempts: number; detail: string }[]>;
  close(): Promise<void>;
}

/** A multiple of 5 min in the middle of a month. */
const START_MS = Date.UTC(2026, 4, 14, 10, 0);
const WINDOW_MS = 300_000;
const DAY_MS = 86_400_000;

/** The contract of `Analytics`: every adapter passes it. Ids are fresh each run, so a shared database may be used. */
export function analyticsContract(name: string, open: () => Promise<AnalyticsUnderTest>): void {
  describe(`analytics: ${name}`, () => {
    let target: AnalyticsUnderTest;
    let subscriber = '';

    beforeAll(async () => {
      target = await open();
      await target.analytics.migrate();
    });
    afterAll(async () => {
      await target.close();
    });

    const fresh = () => (subscriber = `sub-${randomUUID()}`);
    const put = (rows: Partial<AnalyticsBatch>) =>
      target.analytics.insert({ windows: [], late: [], sessions: [], feeds: [], ...rows });
    const usage = (fromMs = START_MS - DAY_MS, toMs = START_MS + DAY_MS) =>
      target.analytics.subscriberUsage(subscriber, fromMs, toMs);

    const window = (change: Partial<UsageWindowRow> = {}): UsageWindowRow => ({
      partition: 3,
      subscriberId: subscriber,
      windowStartMs: START_MS,
      serviceClass: 'internet',
      nasId: 'nas-1',
      planId: 'home',
      downBytes: 1_000,
      upBytes: 10,
      estimated: false,
      version: 7,
      ...change,
    });
    const late = (change: Partial<UsageLateRow> = {}): UsageLateRow => ({
      partition: 3,
      offset: 90,
      subscriberId: subscriber,
      fromMs: START_MS + 61_234,
      toMs: START_MS + WINDOW_MS,
      serviceClass: 'internet',
      nasId: 'nas-1',
      planId: 'home',
      downBytes: 500,
      upBytes: 5,
      ...change,
    });
    const session = (change: Partial<SessionRow> = {}): SessionRow => ({
      partition: 3,
      subscriberId: subscriber,
      nasId: 'nas-1',
      sessionId: '0000a1',
      serviceName: '',
      startMs: START_MS + 123,
      endMs: START_MS + 3_600_456,
      downBytes: 9_000,
      upBytes: 900,
      terminateCause: 'User-Request',
      version: 7,
      ...change,
    });
    const reading = (change: object = {}) => ({
      windowStartMs: START_MS,
      serviceClass: 'internet',
      nasId: 'nas-1',
      downBytes: 1_000,
      upBytes: 10,
      ...change,
    });

    it('migrates a second time without effect', async () => {
      fresh();
      await put({ windows: [window()] });
      await target.analytics.migrate();
      expect(await usage()).toEqual([reading()]);
    });

    it('accepts a batch without rows', async () => {
      fresh();
      await put({});
      expect(await usage()).toEqual([]);
    });

    it('shows the same after the same rows came twice, in one insert or in two', async () => {
      fresh();
      const batch = {
        windows: [window(), window()],
        late: [late(), late()],
        sessions: [session(), session()],
      };
      await put(batch);
      await put(batch);
      expect(await usage()).toEqual([reading({ downBytes: 1_500, upBytes: 15 })]);
      expect(await target.sessionsOf(subscriber)).toHaveLength(1);
    });

    it('keeps the highest version of a window, whatever the order of inserts', async () => {
      for (const versions of [
        [1, 2, 3],
        [3, 2, 1],
        [2, 3, 1],
      ]) {
        fresh();
        for (const version of versions)
          await put({ windows: [window({ version, downBytes: version * 100 })] });
        expect(await usage()).toEqual([reading({ downBytes: 300 })]);
      }
    });

    it('keeps the highest version within one insert', async () => {
      fresh();
      const versions = [5, 9, 8];
      await put({ windows: versions.map((version) => window({ version, downBytes: version })) });
      expect(await usage()).toEqual([reading({ downBytes: 9 })]);
    });

    it('adds up service classes, NAS and partitions apart, and orders by window, class and NAS', async () => {
      fresh();
      await put({
        windows: [
          window({ windowStartMs: START_MS + WINDOW_MS }),
          window({ nasId: 'nas-2' }),
          window({ serviceClass: 'Video' }),
          window({ partition: 4, downBytes: 1 }),
          window(),
        ],
      });
      expect(await usage()).toEqual([
        reading({ serviceClass: 'Video' }),
        reading({ downBytes: 1_001, upBytes: 20 }),
        reading({ nasId: 'nas-2' }),
        reading({ windowStartMs: START_MS + WINDOW_MS }),
      ]);
    });

    it('unites late rows with the window in which they begin', async () => {
      fresh();
      await put({
        windows: [window()],
        late: [late(), late({ offset: 91 }), late({ fromMs: START_MS - 1, toMs: START_MS })],
      });
      expect(await usage()).toEqual([
        reading({ windowStartMs: START_MS - WINDOW_MS, downBytes: 500, upBytes: 5 }),
        reading({ downBytes: 2_000, upBytes: 20 }),
      ]);
    });

    it('reads windows from the first bound up to but without the second', async () => {
      fresh();
      const starts = [0, 1, 2, 3].map((n) => START_MS + n * WINDOW_MS);
      await put({ windows: starts.map((windowStartMs) => window({ windowStartMs })) });
      const read = await usage(START_MS + WINDOW_MS, START_MS + 3 * WINDOW_MS);
      expect(read.map((row) => row.windowStartMs)).toEqual(starts.slice(1, 3));
      expect(await usage(START_MS + 1, START_MS + WINDOW_MS)).toEqual([]);
    });

    it('keeps versions of one window apart in different months', async () => {
      fresh();
      const newYear = Date.UTC(2026, 0, 1);
      const starts = [newYear - WINDOW_MS, newYear];
      for (const version of [1, 2]) {
        await put({
          windows: starts.map((windowStartMs) => window({ windowStartMs, version, downBytes: version })),
        });
      }
      const read = await usage(newYear - DAY_MS, newYear + DAY_MS);
      expect(read.map((row) => [row.windowStartMs, row.downBytes])).toEqual(
        starts.map((start) => [start, 2]),
      );
    });

    it('keeps octets up to 2^53 - 1 exact', async () => {
      fresh();
      const most = Number.MAX_SAFE_INTEGER;
      await put({
        windows: [window({ downBytes: most, upBytes: most - 1, version: most })],
        sessions: [session({ downBytes: most, upBytes: most - 2, version: most })],
      });
      expect(await usage()).toEqual([reading({ downBytes: most, upBytes: most - 1 })]);
      expect(await target.sessionsOf(subscriber)).toMatchObject([{ downBytes: most, upBytes: most - 2 }]);
    });

    it.each([
      ['quotes', `it's "so" \`here\``],
      ['backslashes', 'a\\b\\nc\\'],
      ['control characters', 'tab\tline\nreturn\rnul\0'],
      ['other scripts', 'Zoë 東京 😀 \u202e'],
      ['what looks like SQL', `'); DROP TABLE usage_window; --`],
      ['what looks like a parameter', '{subscriber:String} \\N NULL'],
    ])('keeps texts with %s', async (_, text) => {
      subscriber = `${randomUUID()} ${text}`;
      await put({
        windows: [window({ serviceClass: text, nasId: text })],
        sessions: [session({ sessionId: text })],
      });
      expect(await usage()).toEqual([reading({ serviceClass: text, nasId: text })]);
      expect(await target.sessionsOf(subscriber)).toMatchObject([{ sessionId: text }]);
    });

    it('is not stopped by an id that is not well-formed Unicode', async () => {
      fresh();
      await put({ windows: [window({ nasId: '\ud800' }), window()] });
      expect(await usage()).toHaveLength(2);
    });

    it('keeps one row a closed session, with milliseconds, and the start in its key', async () => {
      fresh();
      await put({
        sessions: [session({ version: 9, downBytes: 9_500 }), session({ startMs: START_MS + 7_200_000 })],
      });
      await put({ sessions: [session({ version: 8 })] });
      const read = await target.sessionsOf(subscriber);
      expect(read.sort((a, b) => a.startMs - b.startMs)).toMatchObject([
        { startMs: START_MS + 123, endMs: START_MS + 3_600_456, downBytes: 9_500 },
        { startMs: START_MS + 7_200_000, downBytes: 9_000 },
      ]);
    });

    it('keeps the latest state of an action', async () => {
      fresh();
      const pending = action(subscriber);
      const delivered: LedgerAction = {
        ...pending,
        state: 'delivered',
        attempts: 2,
        detail: 'ACK',
        updatedAtMs: START_MS + 900,
      };
      await target.analytics.insertActions([delivered]);
      await target.analytics.insertActions([pending, action(subscriber, 'act-2')]);
      const read = await target.actionsOf(subscriber);
      expect(read.sort((a, b) => a.id.localeCompare(b.id))).toEqual([
        { id: `${subscriber}-act-1`, state: 'delivered', attempts: 2, detail: 'ACK' },
        { id: `${subscriber}-act-2`, state: 'pending', attempts: 0, detail: '' },
      ]);
    });

    it('takes 50,000 rows in one insert and loses none', async () => {
      const prefix = fresh();
      const windows = Array.from({ length: 50_000 }, (_, n) =>
        window({
          subscriberId: n % 2 === 0 ? prefix : `${prefix}-${String(n % 100)}`,
          windowStartMs: START_MS + n * WINDOW_MS,
          downBytes: n,
        }),
      );
      await put({ windows });
      const read = await usage(START_MS, START_MS + 50_000 * WINDOW_MS);
      expect(read).toHaveLength(25_000);
      expect(read.reduce((sum, row) => sum + row.downBytes, 0)).toBe(624_975_000);
    });
  });
}

function action(subscriberId: string, id = 'act-1'): LedgerAction {
  return {
    intent: {
      id: `${subscriberId}-${id}`,
      kind: 'throttle',
      subscriberId,
      userName: 'not-for-analytics',
      policyId: 'home-fup',
      policyVersion: '1',
      rule: 'cap',
      cycleStartMs: Date.UTC(2026, 4, 1),
      ordinal: 1,
      desired: { state: 'throttle', downBps: 1_000_000, upBps: 500_000, profile: null },
      leaves: null,
      notice: null,
      overage: null,
      topUp: null,
      disposition: 'send',
      sessions: [],
      decidedAtMs: START_MS,
      partition: 3,
      offset: 90,
      appendTimeMs: START_MS + 60_000,
      explanation: [{ fact: 'usedBytes', operator: '>=', expected: 10, actual: 11, result: true }],
    },
    state: 'pending',
    detail: '',
    attempts: 0,
    createdAtMs: START_MS + 100,
    updatedAtMs: START_MS + 100,
  };
}
