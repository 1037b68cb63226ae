import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { murmur2 } from '../schemas/partitioning.ts';
import type { Analytics, UsageReplay, UsageSteps, UsageStepsRequest } from './analytics-ports.ts';

const HOUR_MS = 3_600_000;
const WINDOW_MS = 300_000;
const START_MS = Date.UTC(2026, 4, 14, 10);

type Row = [id: string, atMs: number, serviceClass: string, down: number, up: number];

/** What every `UsageReplay` gives. Ids are fresh, so a shared database may be used. */
export function usageReplayContract(name: string, open: () => Promise<Analytics & UsageReplay>): void {
  describe(`usage for a replay: ${name}`, () => {
    let analytics: Analytics & UsageReplay;
    beforeAll(async () => {
      analytics = await open();
      await analytics.migrate();
    });
    afterAll(() => analytics.close());

    const put = (...rows: (Partial<Written> & { id: string })[]) => analytics.insert(batchOf(rows));
    const ask = async (prefix: string, over: Partial<UsageStepsRequest> = {}): Promise<Row[]> => {
      const extent = await analytics.usageExtent(START_MS, START_MS + 24 * HOUR_MS);
      const page = await analytics.usageSteps({
        extent,
        afterId: prefix,
        throughId: `${prefix}\u{10ffff}`,
        fromMs: START_MS,
        toMs: START_MS + 24 * HOUR_MS,
        stepMs: HOUR_MS,
        hashBelow: null,
        ...over,
      });
      return rowsOf(page);
    };

    it('sums the newest versions of windows by step, over NAS, and late rows where they began', async () => {
      const p = `replay-${randomUUID()}-`;
      await put(
        { id: `${p}a`, down: 999, version: 1 },
        { id: `${p}a`, atMs: START_MS + 3 * WINDOW_MS, nasId: 'nas-2', down: 5 },
      );
      await put(
        { id: `${p}a`, down: 10, up: 1, version: 2 },
        { id: `${p}a`, atMs: START_MS + HOUR_MS, down: 100 },
        { id: `${p}a`, atMs: START_MS + 61_234, down: 1_000, late: true },
        { id: `${p}b`, atMs: START_MS + 2 * HOUR_MS + 1, down: 7, late: true },
      );
      expect(await ask(p)).toEqual([
        [`${p}a`, START_MS, '', 1_015, 1],
        [`${p}a`, START_MS + HOUR_MS, '', 100, 0],
        [`${p}b`, START_MS + 2 * HOUR_MS, '', 7, 0],
      ]);
      expect((await ask(p, { stepMs: WINDOW_MS })).map(([, atMs, , down]) => [atMs, down])).toEqual([
        [START_MS, 1_010],
        [START_MS + 3 * WINDOW_MS, 5],
        [START_MS + HOUR_MS, 100],
        [START_MS + 2 * HOUR_MS, 7],
      ]);
    });

    it('tells service classes apart', async () => {
      const p = `replay-${randomUUID()}-`;
      await put(
        { id: `${p}a`, serviceClass: 'video', down: 3 },
        { id: `${p}a`, down: 4 },
        { id: `${p}a`, atMs: START_MS + WINDOW_MS, serviceClass: 'video', down: 20 },
        { id: `${p}a`, atMs: START_MS + WINDOW_MS, serviceClass: "it's \\ 'x'", down: 1, late: true },
      );
      expect(await ask(p)).toEqual([
        [`${p}a`, START_MS, '', 4, 0],
        [`${p}a`, START_MS, "it's \\ 'x'", 1, 0],
        [`${p}a`, START_MS, 'video', 23, 0],
      ]);
    });

    it('reads windows from the first bound up to but without the second', async () => {
      const p = `replay-${randomUUID()}-`;
      await put(...[0, 1, 2, 3].map((n) => ({ id: `${p}a`, atMs: START_MS + n * HOUR_MS, down: n + 1 })));
      const within = await ask(p, { fromMs: START_MS + HOUR_MS, toMs: START_MS + 3 * HOUR_MS });
      expect(within.map(([, , , down]) => down)).toEqual([2, 3]);
    });

    it('gives subscribers in byte order, behind one and up to another', async () => {
      const p = `replay-${randomUUID()}-`;
      const ids = ['B', 'a', 'b', 'ä', '\u{ffee}', '\u{1f600}'].map((end) => `${p}${end}`);
      await put(...[...ids].reverse().map((id) => ({ id, down: 1 })));
      expect((await ask(p)).map(([id]) => id)).toEqual(ids);
      const some = await ask(p, { afterId: ids[1] ?? '', throughId: ids[3] ?? '' });
      expect(some.map(([id]) => id)).toEqual(ids.slice(2, 4));
    });

    it('takes the subscribers whose hash is below a bound', async () => {
      const p = `replay-${randomUUID()}-`;
      const ids = Array.from({ length: 200 }, (_, n) => `${p}${String(n).padStart(3, '0')}`);
      await put(...ids.map((id) => ({ id, down: 1 })));
      const hashBelow = 0x2000_0000;
      const expected = ids.filter((id) => (murmur2(Buffer.from(id)) & 0x7fffffff) < hashBelow);
      expect((await ask(p, { hashBelow })).map(([id]) => id)).toEqual(expected);
      expect(expected.length).toBeGreaterThan(0);
      expect(expected.length).toBeLessThan(ids.length);
    });

    it('says what is stored', async () => {
      // A time that no other run of the suite on the same server shares.
      const base = Math.floor(Math.random() * 400_000) * HOUR_MS;
      expect(await analytics.usageExtent(base, base + HOUR_MS)).toEqual({
        firstMs: null,
        lastMs: null,
        classes: [],
        hasLate: false,
      });
      const p = `replay-${randomUUID()}-`;
      await put(
        { id: p, atMs: base + WINDOW_MS, down: 1, serviceClass: 'video' },
        { id: p, atMs: base + 2 * WINDOW_MS + 5, down: 1, late: true },
        { id: p, atMs: base + HOUR_MS, down: 1 },
      );
      expect(await analytics.usageExtent(base, base + HOUR_MS)).toEqual({
        firstMs: base + WINDOW_MS,
        lastMs: base + 2 * WINDOW_MS,
        classes: ['', 'video'],
        hasLate: true,
      });
      const after = await analytics.usageExtent(base + HOUR_MS, base + 2 * HOUR_MS);
      expect(after).toEqual({
        firstMs: base + HOUR_MS,
        lastMs: base + HOUR_MS,
        classes: [''],
        hasLate: false,
      });
      expect(await ask(p, { fromMs: base + 2 * HOUR_MS, toMs: base + 3 * HOUR_MS })).toEqual([]);
    });
  });
}

interface Written {
  atMs: number;
  serviceClass: string;
  nasId: string;
  down: number;
  up: number;
  version: number;
  late: boolean;
}

function batchOf(rows: (Partial<Written> & { id: string })[]) {
  const common = (row: (typeof rows)[number]) => ({
    partition: 3,
    subscriberId: row.id,
    serviceClass: row.serviceClass ?? '',
    nasId: row.nasId ?? 'nas-1',
    planId: 'home',
    downBytes: row.down ?? 0,
    upBytes: row.up ?? 0,
  });
  const windows = rows
    .filter(({ late }) => late !== true)
    .map((row) => ({
      ...common(row),
      windowStartMs: row.atMs ?? START_MS,
      estimated: false,
      version: row.version ?? 7,
    }));
  const late = rows
    .filter((row) => row.late === true)
    .map((row, offset) => {
      const fromMs = row.atMs ?? START_MS;
      return { ...common(row), offset, fromMs, toMs: fromMs + 1 };
    });
  return { windows, late, sessions: [], feeds: [] };
}

function rowsOf(page: UsageSteps): Row[] {
  return page.subscriberIds.flatMap((id, i) => {
    const [from = 0, to = 0] = [page.starts[i], page.starts[i + 1]];
    return Array.from({ length: to - from }, (_, n): Row => {
      const at = from + n;
      const serviceClass = page.classes[page.classIndexes[at] ?? 0] ?? '';
      return [id, (page.seconds[at] ?? 0) * 1000, serviceClass, page.down[at] ?? 0, page.up[at] ?? 0];
    });
  });
}
