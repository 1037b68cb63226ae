import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noOutcomes } from '../schemas/outcome.ts';
import type { Flag } from '../schemas/outcome.ts';
import { FLAGS } from '../schemas/outcome.ts';
import { anIntent } from './action-factory.contract.ts';
import type {
  Analytics,
  AnalyticsBatch,
  FeedQualityReading,
  FeedQualityRow,
  SessionRow,
  UsageLateRow,
  UsageWindowRow,
} from './analytics-ports.ts';
import type { LedgerAction } from './ports.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 4, 14, 10);
const NO_FLAGS = Object.fromEntries(FLAGS.map((flag) => [flag, 0])) as Record<Flag, number>;

function aWindow(subscriberId: string, over: Partial<UsageWindowRow> = {}): UsageWindowRow {
  return {
    partition: 3,
    subscriberId,
    windowStartMs: START_MS,
    serviceClass: '',
    nasId: 'nas-1',
    planId: 'home',
    downBytes: Number.MAX_SAFE_INTEGER,
    upBytes: 10,
    estimated: false,
    version: 7,
    ...over,
  };
}

function aLate(subscriberId: string, over: Partial<UsageLateRow> = {}): UsageLateRow {
  return {
    partition: 3,
    offset: 90,
    subscriberId,
    fromMs: START_MS + 61_234,
    toMs: START_MS + 300_000,
    serviceClass: 'video',
    nasId: 'nas-1',
    planId: 'home',
    downBytes: 500,
    upBytes: Number.MAX_SAFE_INTEGER,
    ...over,
  };
}

function aSession(subscriberId: string, over: Partial<SessionRow> = {}): SessionRow {
  return {
    partition: 3,
    subscriberId,
    nasId: 'nas-1',
    sessionId: 'a1',
    serviceName: 'iptv',
    startMs: START_MS + 123,
    endMs: START_MS + 3_600_456,
    downBytes: 9_000,
    upBytes: 900,
    terminateCause: 'User-Request',
    version: 7,
    ...over,
  };
}

function anAction(subscriberId: string, id: string, over: Partial<LedgerAction> = {}): LedgerAction {
  return {
    intent: anIntent({ id: `${subscriberId}-${id}`, subscriberId, offset: 77, partition: 3 }),
    state: 'pending',
    detail: '',
    attempts: 0,
    createdAtMs: START_MS + 100,
    updatedAtMs: START_MS + 100,
    ...over,
  };
}

function aFeed(nasId: string, over: Partial<FeedQualityRow> = {}): FeedQualityRow {
  return {
    partition: 0,
    nasId,
    hourMs: START_MS,
    outcomes: { ...noOutcomes(), metered: 100, 'zero-delta': 5, 'dead-lettered': 1 },
    flags: { ...NO_FLAGS, estimated: 4, 'missing-stop': 1 },
    skewMedianMs: 300,
    skewMaxMs: 9_000,
    interimSeconds: 300,
    openSessions: 12,
    notBillable: false,
    version: 5,
    ...over,
  };
}

function reading({ partition: _partition, version: _version, ...row }: FeedQualityRow): FeedQualityReading {
  return row;
}

/** What every `Analytics` reads back: feed quality and whole tables. Ids are fresh, so a shared database may be used. */
export function analyticsReadsContract(name: string, open: () => Promise<Analytics>): void {
  describe(`analytics read back: ${name}`, () => {
    let analytics: Analytics;
    beforeAll(async () => {
      analytics = await open();
      await analytics.migrate();
    });
    afterAll(() => analytics.close());

    const put = (rows: Partial<AnalyticsBatch>) =>
      analytics.insert({ windows: [], late: [], sessions: [], feeds: [], ...rows });

    feedQuality(() => analytics, put);
    wholeTables(() => analytics, put);
  });
}

type Put = (rows: Partial<AnalyticsBatch>) => Promise<void>;

function feedQuality(analytics: () => Analytics, put: Put): void {
  const quality = (nasId: string, fromMs = START_MS, toMs = START_MS + HOUR_MS) =>
    analytics().feedQuality(fromMs, toMs, nasId);

  it('gives an hour of a NAS as it was, the highest version of it, however often it came', async () => {
    const nasId = `nas-${randomUUID()} it's \\ "x"`;
    await put({ feeds: [aFeed(nasId, { version: 9 }), aFeed(nasId, { version: 8, openSessions: 1 })] });
    await put({ feeds: [aFeed(nasId, { version: 7, openSessions: 2 }), aFeed(nasId, { version: 9 })] });
    expect(await quality(nasId)).toEqual([reading(aFeed(nasId))]);
    expect(await quality(`${nasId} other`)).toEqual([]);
  });

  it('unites partitions: sums, the farthest skew, and the median weighted by records', async () => {
    const nasId = `nas-${randomUUID()}`;
    const metered = (count: number) => ({ ...noOutcomes(), metered: count });
    await put({
      feeds: [
        aFeed(nasId, {
          outcomes: metered(10),
          skewMedianMs: -4_000,
          skewMaxMs: -9_000,
          interimSeconds: null,
        }),
        aFeed(nasId, {
          partition: 1,
          outcomes: { ...metered(3), late: 8 },
          flags: { ...NO_FLAGS, estimated: 1, absurd: 2 },
          skewMedianMs: 800,
          skewMaxMs: 9_000,
          interimSeconds: 600,
          notBillable: true,
        }),
        aFeed(nasId, {
          partition: 2,
          outcomes: noOutcomes(),
          flags: NO_FLAGS,
          skewMedianMs: 900,
          skewMaxMs: -7,
        }),
      ],
    });
    expect(await quality(nasId)).toEqual([
      {
        nasId,
        hourMs: START_MS,
        outcomes: { ...noOutcomes(), metered: 13, late: 8 },
        flags: { ...NO_FLAGS, estimated: 5, absurd: 2, 'missing-stop': 1 },
        skewMedianMs: 800,
        skewMaxMs: 9_000,
        interimSeconds: 600,
        openSessions: 36,
        notBillable: true,
      },
    ]);
  });

  it('knows no interim interval where no partition does', async () => {
    const nasId = `nas-${randomUUID()}`;
    await put({ feeds: [0, 1].map((partition) => aFeed(nasId, { partition, interimSeconds: null })) });
    expect((await quality(nasId))[0]?.interimSeconds).toBeNull();
  });

  it('reads hours from the first bound up to but without the second, ordered by hour and NAS', async () => {
    // A time that no other run of the suite on the same server shares.
    const base = Math.floor(Math.random() * 400_000) * HOUR_MS;
    const hours = [0, 1, 2, 3].map((n) => base + n * HOUR_MS);
    await put({
      feeds: hours.flatMap((hourMs) => [aFeed('zoo', { hourMs }), aFeed('Ant', { hourMs })]),
    });
    const found = await analytics().feedQuality(base + 1, base + 3 * HOUR_MS, null);
    expect(found.map((row) => [row.hourMs, row.nasId])).toEqual(
      hours.slice(1, 3).flatMap((hour) => [
        [hour, 'Ant'],
        [hour, 'zoo'],
      ]),
    );
    expect(await quality('zoo', base, base + HOUR_MS)).toHaveLength(1);
  });
}

function wholeTables(analytics: () => Analytics, put: Put): void {
  it('reads rows of one subscriber back as they were, once, with their highest version, by key', async () => {
    const id = `sub-${randomUUID()} \0 'x' ä`;
    const windows = [
      aWindow(id),
      aWindow(id, { serviceClass: 'video', estimated: true }),
      aWindow(id, { windowStartMs: START_MS + 300_000, partition: 4, planId: 'gone' }),
    ];
    const late = [aLate(id), aLate(id, { offset: 91 })];
    const sessions = [aSession(id), aSession(id, { startMs: START_MS + 7_200_000, terminateCause: '' })];
    const stale = { version: 6, downBytes: 1, upBytes: 1 };
    await put({
      windows: [...windows, ...windows.map((row) => ({ ...row, ...stale }))].reverse(),
      late: [...late, ...late].reverse(),
      sessions,
    });
    await put({ windows, late, sessions: sessions.map((row) => ({ ...row, ...stale })).reverse() });
    expect(await all(analytics().allWindows(id))).toEqual(windows);
    expect(await all(analytics().allLate(id))).toEqual(late);
    expect(await all(analytics().allSessions(id))).toEqual(sessions);
  });

  it('reads actions back with their latest state and without what is personal', async () => {
    const id = `sub-${randomUUID()}`;
    const delivered = anAction(id, 'a', {
      state: 'delivered',
      attempts: 2,
      detail: 'ACK',
      updatedAtMs: START_MS + 900,
    });
    await analytics().insertActions([delivered, anAction(id, 'b')]);
    await analytics().insertActions([anAction(id, 'a')]);
    const found = await all(analytics().allActions(id));
    expect(found.map(({ actionId, state }) => [actionId, state])).toEqual([
      [`${id}-a`, 'delivered'],
      [`${id}-b`, 'pending'],
    ]);
    const { intent } = delivered;
    expect(found[0]).toEqual({
      actionId: intent.id,
      subscriberId: id,
      kind: intent.kind,
      policyId: intent.policyId,
      policyVersion: intent.policyVersion,
      rule: intent.rule,
      cycleStartMs: intent.cycleStartMs,
      ordinal: intent.ordinal,
      downBps: intent.desired.downBps,
      upBps: intent.desired.upBps,
      state: 'delivered',
      detail: 'ACK',
      attempts: 2,
      decidedAtMs: intent.decidedAtMs,
      appendTimeMs: intent.appendTimeMs,
      partition: 3,
      offset: 77,
      createdAtMs: START_MS + 100,
      updatedAtMs: START_MS + 900,
    });
  });

  it('gives nothing of a subscriber that is not there, and no empty page', async () => {
    const id = randomUUID();
    const reads = [
      analytics().allWindows(id),
      analytics().allLate(id),
      analytics().allSessions(id),
      analytics().allActions(id),
    ];
    for (const pages of reads)
      for await (const page of pages) throw new Error(`a page of ${page.length} rows`);
  });

  it('reads a whole table in pages of whole subscribers in byte order, every row once', async () => {
    const prefix = `all-${randomUUID()}-`;
    // More rows than a page in two versions, one subscriber of them larger than a page.
    const ids = [...Array.from({ length: 400 }, (_, n) => `${prefix}${n}`), `${prefix}Z`, `${prefix}ä`];
    const rows = ids.flatMap((id, n) =>
      Array.from({ length: n === 7 ? 40_000 : 100 }, (_, at) =>
        aWindow(id, { windowStartMs: START_MS + at * 300_000, downBytes: at }),
      ),
    );
    await put({ windows: rows.map((row) => ({ ...row, version: 1, upBytes: 0 })) });
    await put({ windows: rows });
    const found: string[] = [];
    let octets = 0;
    let pages = 0;
    for await (const page of analytics().allWindows()) {
      expect(page.length).toBeGreaterThan(0);
      const own = page.filter((row) => row.subscriberId.startsWith(prefix));
      for (const row of own) {
        if (found.at(-1) !== row.subscriberId) found.push(row.subscriberId);
        octets += row.downBytes;
        expect(row.upBytes).toBe(10);
      }
      pages += own.length > 0 ? 1 : 0;
    }
    expect(found).toEqual([...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect(octets).toBe(rows.reduce((sum, row) => sum + row.downBytes, 0));
    expect(pages).toBeGreaterThan(1);
  });
}

async function all<Row>(pages: AsyncIterable<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of pages) rows.push(...page);
  return rows;
}
