import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  Analytics,
  AnalyticsBatch,
  SessionRow,
  SessionSpan,
  UsageLateRow,
  UsageWindowRow,
} from './analytics-ports.ts';

const MINUTE = 60_000;
const START_MS = Date.UTC(2026, 4, 14, 10);
const ALL = { fromMs: 0, throughMs: Number.MAX_SAFE_INTEGER, limit: 100 };

function aWindow(subscriberId: string, minutes: number, over: Partial<UsageWindowRow> = {}): UsageWindowRow {
  return {
    partition: 3,
    subscriberId,
    windowStartMs: START_MS + minutes * MINUTE,
    serviceClass: '',
    nasId: 'nas-1',
    planId: 'home',
    downBytes: 100,
    upBytes: 10,
    estimated: false,
    version: 7,
    ...over,
  };
}

function aLate(subscriberId: string, fromMs: number, offset: number): UsageLateRow {
  return {
    partition: 3,
    offset,
    subscriberId,
    fromMs,
    toMs: fromMs + 1000,
    serviceClass: '',
    nasId: 'nas-1',
    planId: 'home',
    downBytes: Number.MAX_SAFE_INTEGER,
    upBytes: 1,
  };
}

function aSession(subscriberId: string, sessionId: string, startMs: number, endMs: number): SessionRow {
  return {
    partition: 3,
    subscriberId,
    nasId: 'nas-1',
    sessionId,
    serviceName: '',
    startMs,
    endMs,
    downBytes: 1,
    upBytes: 2,
    terminateCause: 'stop',
    version: 1,
  };
}

/** What every `Analytics` tells of a subscriber's past. Ids are fresh, so a shared database may be used. */
export function analyticsHistoryContract(name: string, open: () => Promise<Analytics>): void {
  describe(`analytics of the past: ${name}`, () => {
    let analytics: Analytics;
    beforeAll(async () => {
      analytics = await open();
      await analytics.migrate();
    });
    afterAll(() => analytics.close());

    const put = (rows: Partial<AnalyticsBatch>) =>
      analytics.insert({ windows: [], late: [], sessions: [], feeds: [], ...rows });

    it('sums windows by quarter of an hour and class, the newest quarter first, by their highest versions', async () => {
      const id = randomUUID();
      await put({
        windows: [
          aWindow(id, 0),
          aWindow(id, 10, { nasId: 'nas-2', estimated: true }),
          aWindow(id, 10, { serviceClass: 'video', downBytes: Number.MAX_SAFE_INTEGER }),
          aWindow(id, 15),
          aWindow(id, 40),
        ],
        late: [aLate(id, START_MS, 1)],
      });
      await put({ windows: [aWindow(id, 15, { version: 6, downBytes: 1 }), aWindow(randomUUID(), 0)] });
      const found = await analytics.usageHistory(id, ALL);
      const plain = { serviceClass: '', downBytes: 100, upBytes: 10 };
      expect(found).toEqual([
        { startMs: START_MS + 30 * MINUTE, classes: [plain], estimated: false },
        { startMs: START_MS + 15 * MINUTE, classes: [plain], estimated: false },
        {
          startMs: START_MS,
          classes: [
            { serviceClass: '', downBytes: 200, upBytes: 20 },
            { serviceClass: 'video', downBytes: Number.MAX_SAFE_INTEGER, upBytes: 10 },
          ],
          estimated: true,
        },
      ]);
      expect(await analytics.usageHistory(id, { ...ALL, limit: 2 })).toEqual(found.slice(0, 2));
    });

    it('takes the windows that start within the bounds, both included', async () => {
      const id = randomUUID();
      await put({ windows: [0, 5, 10, 15].map((minutes) => aWindow(id, minutes)) });
      const span = { fromMs: START_MS + 1, throughMs: START_MS + 15 * MINUTE, limit: 9 };
      const sums = async (over: object) =>
        (await analytics.usageHistory(id, { ...span, ...over })).map(({ classes }) => classes[0]?.downBytes);
      expect(await sums({})).toEqual([100, 200]);
      expect(await sums({ fromMs: START_MS, throughMs: START_MS + 5 * MINUTE })).toEqual([200]);
      expect(await sums({ throughMs: START_MS })).toEqual([]);
    });

    it('gives late usage by its beginning, the newest first', async () => {
      const id = randomUUID();
      const late = [aLate(id, START_MS + 7, 1), aLate(id, START_MS + 7, 2), aLate(id, START_MS + 8, 3)];
      await put({ late: [...late, aLate(randomUUID(), START_MS, 4)] });
      const offsets = async (over: object) =>
        (await analytics.lateHistory(id, { ...ALL, ...over })).map(({ offset }) => offset);
      expect(await offsets({})).toEqual([3, 1, 2]);
      expect(await offsets({ fromMs: START_MS + 7, throughMs: START_MS + 7 })).toEqual([1, 2]);
      expect(await offsets({ limit: 2 })).toEqual([3, 1]);
      expect((await analytics.lateHistory(id, ALL))[0]).toEqual(late[2]);
    });

    it('gives sessions by start or end within bounds of both', async () => {
      const id = randomUUID();
      const hour = (n: number) => START_MS + n * 60 * MINUTE;
      const sessions = [
        aSession(id, 'long', hour(0), hour(9)),
        aSession(id, 'b', hour(1), hour(2)),
        aSession(id, 'a', hour(1), hour(3)),
        aSession(id, 'last', hour(4), hour(5)),
      ];
      await put({ sessions: [...sessions, aSession(randomUUID(), 'x', hour(1), hour(2))] });
      const names = async (span: Omit<SessionSpan, 'limit'> & { limit?: number }) =>
        (await analytics.sessionHistory(id, { limit: 9, ...span })).map(({ sessionId }) => sessionId);
      expect(await names({ by: 'start' })).toEqual(['last', 'a', 'b', 'long']);
      expect(await names({ by: 'end' })).toEqual(['long', 'last', 'a', 'b']);
      expect(await names({ by: 'end', limit: 1 })).toEqual(['long']);
      expect(await names({ by: 'start', startFromMs: hour(1), startThroughMs: hour(1) })).toEqual(['a', 'b']);
      expect(await names({ by: 'end', startThroughMs: hour(1), endFromMs: hour(3) })).toEqual(['long', 'a']);
      expect(await names({ by: 'end', endThroughMs: hour(3) - 1 })).toEqual(['b']);
      expect(await analytics.sessionHistory(id, { by: 'start', limit: 1 })).toEqual([sessions[3]]);
    });
  });
}
