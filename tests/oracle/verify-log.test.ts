import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoredSlots } from '../../pipeline/verify/stored-slots.ts';
import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import type { LogEntry } from '../../storage/ports.ts';
import type { Origin, Readers, StoredLine, StoredWindow } from '../../verify/readers.ts';
import { verifyLog } from '../../verify/verify-log.ts';
import type { Verification } from '../../verify/verify-log.ts';
import { DAY, HOUR, LogBuilder, MINUTE, NOON, plan, profile } from '../factories.ts';
import { randomLogWithControls, randomTariffLog } from '../random-log.ts';
import { SLOT, WorkerRig } from '../worker-rig.ts';
import { CASES } from './cases.ts';

/** A log that was folded by a real worker on memory stores, and everything that it left. */
class Folded {
  readonly log: LogBuilder;
  readonly rig: WorkerRig;
  readonly analytics = new MemoryAnalytics();
  readonly slots: StoredSlots;
  /** the log has lost what lies before */
  low = 0;
  origin: Origin | null = null;

  private constructor(log: LogBuilder) {
    this.log = log;
    this.rig = new WorkerRig(log.inputs);
    this.slots = new StoredSlots(this.rig.store, SLOT);
  }

  static async of(log: LogBuilder): Promise<Folded> {
    const folded = new Folded(log);
    const worker = folded.rig.worker();
    await folded.rig.open(worker);
    await folded.fold(worker, log.inputs.length);
    return folded;
  }

  /** Folds half of it, remembers the slot as it is then, and folds the rest. */
  static async withOrigin(log: LogBuilder): Promise<Folded> {
    const folded = new Folded(log);
    const worker = folded.rig.worker();
    await folded.rig.open(worker);
    await folded.fold(worker, Math.floor(log.inputs.length / 2));
    folded.origin = await folded.#slot();
    await folded.fold(worker, log.inputs.length);
    return folded;
  }

  async fold(worker: ReturnType<WorkerRig['worker']>, to: number): Promise<void> {
    const { rig } = this;
    for (let from = (await this.slots.head(0))?.position ?? 0; from < to;)
      from = await rig.deliver(worker, from, Math.min(7, to - from));
    for (const batch of rig.submitted.splice(0)) await this.analytics.insert(batch);
    await worker.quiet(1000);
    await this.analytics.insertActions(await rig.ledger.recent(100_000));
  }

  readers(): Readers {
    const { inputs } = this.log;
    const { ledger } = this.rig;
    const entry = (offset: number): LogEntry => {
      const appendTimeMs = inputs[offset]?.appendTimeMs ?? 0;
      return { offset, appendTimeMs, key: null, value: null, control: null };
    };
    return {
      log: {
        marks: () => Promise.resolve(new Map([[0, { low: this.low, high: inputs.length }]])),
        read: async function* (ranges) {
          for (const [partition, { from, to }] of ranges)
            for (let at = from; at < to; at += 5)
              yield await Promise.resolve({
                partition,
                entries: Array.from({ length: Math.min(5, to - at) }, (_, i) => entry(at + i)),
              });
        },
      },
      decode: (_partition, entries) =>
        Promise.resolve(entries.flatMap(({ offset }) => inputs.slice(offset, offset + 1))),
      slots: this.slots,
      analytics: this.analytics,
      records: ledger.records,
      letters: ledger.deadLetters,
      actions: async function* () {
        yield (await ledger.recent(100_000)).map(({ intent }) => intent);
      },
      origin: () => Promise.resolve(this.origin),
    };
  }

  verify(readers = this.readers(), sinceMs = 0): Promise<Verification> {
    return verifyLog({
      readers,
      scope: { onlySubscriber: null, sinceMs },
      policyFault: () => null,
      waitMs: 0,
      now: () => 0,
      pause: () => Promise.resolve(),
      lettersKeptMs: 0,
      onProgress: () => undefined,
    });
  }

  async #slot(): Promise<Origin> {
    const head = await this.slots.head(0);
    if (head === null) throw new Error('nothing was folded');
    const lines: StoredLine[] = [];
    for await (const chunk of this.slots.lines(0, null)) lines.push(...structuredClone(chunk));
    const windows: StoredWindow[] = [];
    for await (const chunk of this.slots.windows(0)) windows.push(...chunk);
    const origin: Origin = {
      name: 'the middle',
      head,
      lines: async function* () {
        yield await Promise.resolve(lines);
      },
      windows: async function* () {
        yield await Promise.resolve(windows);
      },
    };
    return origin;
  }
}

/** NAS events are told to other partitions by a relay that the rig has none of. */
function besides(verification: Verification): string[] {
  return verification.differences
    .filter(({ kind }) => kind !== 'nas-event' && kind !== 'pool')
    .map(({ kind, key, expected, found }) => `${kind} ${key}: expected ${expected}, found ${found}`);
}

/** A subscriber that is throttled, uses a lot, and comes late. */
function busy(): LogBuilder {
  const log = new LogBuilder().enforced();
  for (let i = 1; i <= 60; i += 1) {
    log.record({
      eventTimeMs: NOON + i * 20 * MINUTE,
      sessionTimeSeconds: i * 20 * 60,
      outputOctets: i * 100,
    });
    if (i % 10 === 0)
      log.record(
        { eventTimeMs: NOON + i * 20 * MINUTE - 3 * HOUR, sessionId: `late-${i}`, outputOctets: 7 },
        NOON + i * 20 * MINUTE,
      );
  }
  return log.tick(NOON + 40 * DAY).tick(NOON + 40 * DAY + MINUTE);
}

describe('verifyLog', { timeout: 600_000 }, () => {
  it('finds nothing where everything is as the log says', async () => {
    for (const { log, name } of CASES)
      if (log.inputs.length > 0) expect(besides(await (await Folded.of(log)).verify()), name).toEqual([]);
    const { entries, compared, notes } = await (await Folded.of(busy())).verify();
    expect(entries).toBe(71);
    expect(compared).toBeGreaterThan(60);
    expect(notes).toEqual([]);
  });

  it('finds nothing on random logs, from their beginning or from a slot in the middle', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(randomLogWithControls(), randomTariffLog()), async (log) => {
        const folded = await Folded.withOrigin(log);
        expect(besides(await folded.verify())).toEqual([]);
        folded.low = 1;
        const later = await folded.verify();
        expect(besides(later)).toEqual([]);
        expect(later.notes).toHaveLength(1);
      }),
      { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 60) },
    );
  });

  it('without its beginning and without a snapshot compares what is known, and says so', async () => {
    const folded = await Folded.of(busy());
    folded.low = 30;
    const { differences, notes } = await folded.verify();
    expect(differences).toEqual([]);
    expect(notes[0]).toContain('the log begins at offset 30');
  });

  it.each(['window', 'late-row', 'session-row', 'action-row'] as const)(
    'finds a missing %s',
    async (kind) => {
      const folded = await Folded.of(busy());
      const readers = folded.readers();
      const without = <T>(rows: AsyncIterable<T[]>): AsyncIterable<T[]> => withoutFirst(rows);
      const { analytics } = readers;
      readers.analytics = {
        allWindows: () => (kind === 'window' ? without(analytics.allWindows()) : analytics.allWindows()),
        allLate: () => (kind === 'late-row' ? without(analytics.allLate()) : analytics.allLate()),
        allSessions: () =>
          kind === 'session-row' ? without(analytics.allSessions()) : analytics.allSessions(),
        allActions: () => (kind === 'action-row' ? without(analytics.allActions()) : analytics.allActions()),
      };
      const { differences } = await folded.verify(readers);
      expect(differences.map((one) => [one.kind, one.found])).toEqual([[kind, 'nothing']]);
    },
  );

  it('finds a window with other octets, and one that the log does not give', async () => {
    const folded = await Folded.of(busy());
    for await (const [row] of folded.analytics.allWindows()) {
      if (row === undefined) continue;
      await folded.analytics.insert({
        windows: [
          { ...row, downBytes: row.downBytes + 1 },
          { ...row, subscriberId: 'nobody', version: 3 },
        ],
        late: [],
        sessions: [],
        feeds: [],
      });
      break;
    }
    const { differences } = await folded.verify();
    expect(differences.map(({ kind }) => kind)).toEqual(['window', 'window']);
  });

  it('finds an action, a closed cycle and an adjustment that are not in the ledger', async () => {
    const folded = await Folded.of(
      new LogBuilder()
        .enforced()
        .record({ outputOctets: 2000 })
        .control({
          kind: 'operator',
          command: {
            type: 'adjust',
            subscriberId: 'sub-1',
            atMs: NOON,
            downBytes: 5,
            upBytes: 0,
            reason: 'r',
            by: 'a',
          },
        })
        .tick(NOON + 40 * DAY)
        .tick(NOON + 40 * DAY + MINUTE),
    );
    const readers = folded.readers();
    const none = async function* (): AsyncGenerator<never[]> {
      yield await Promise.resolve([]);
    };
    readers.actions = none;
    readers.records = { allAdjustments: none, allClosedCycles: none };
    const { differences } = await folded.verify(readers);
    const kinds = new Set(differences.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(['action', 'action-row', 'adjustment', 'closed-cycle']);
  });

  it('finds a cycle, use, a session and a counter of the slot that are not the log’s', async () => {
    const folded = await Folded.of(busy());
    const readers = folded.readers();
    const { slots } = folded;
    readers.slots = {
      head: async (partition) => {
        const head = await slots.head(partition);
        return head && { ...head, counts: { ...head.counts, metered: head.counts.metered + 1 } };
      },
      lines: async function* (partition, only) {
        for await (const lines of slots.lines(partition, only)) {
          for (const { cycles, pastCycles, tombstones, hours } of lines) {
            hours.pop();
            for (const cycle of [...cycles, ...pastCycles]) cycle.down += 1;
            tombstones.pop();
          }
          yield lines;
        }
      },
      windows: (partition) => slots.windows(partition),
      outbox: (partition) => slots.outbox(partition),
    };
    const { differences } = await folded.verify(readers);
    const kinds = new Set(differences.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(['cycle', 'recent-use', 'session', 'slot']);
  });
});

describe('what tariffs made of it', () => {
  it.each([
    ['a part of a cycle', (line: StoredLine) => line.cycles[0]?.parts.forEach((part) => (part.up += 1))],
    ['what is carried over', (line: StoredLine) => line.carry && (line.carry.bytes += 1)],
    ['what is used of top-ups', (line: StoredLine) => line.topUpUses.forEach((use) => (use.usedBytes += 1))],
  ] as const)('finds %s that is not the log’s', async (_name, damage) => {
    const planned = { kind: 'plan-version' as const, plan: plan({ carryOver: { limitBytes: 5 } }) };
    const topUp = { id: 't', bytes: 500, fromMs: 0, expiresMs: NOON + 90 * DAY };
    const unlimited = [{ id: 'free', fromMs: NOON + 30 * DAY, toMs: NOON + 31 * DAY }];
    const log = new LogBuilder()
      .control(planned)
      .control({ kind: 'subscriber-profile', profile: profile({ topUps: [topUp], unlimited }) })
      .record({ eventTimeMs: NOON, outputOctets: 10 })
      .record({ eventTimeMs: NOON + 25 * DAY, sessionId: 's2', outputOctets: 1100 });
    const folded = await Folded.of(log);
    const { slots } = folded;
    const readers = folded.readers();
    readers.slots = {
      head: (partition) => slots.head(partition),
      lines: async function* (partition, only) {
        for await (const lines of slots.lines(partition, only)) {
          for (const line of lines) damage(line);
          yield lines;
        }
      },
      windows: (partition) => slots.windows(partition),
      outbox: (partition) => slots.outbox(partition),
    };
    expect((await folded.verify()).differences).toEqual([]);
    const { differences } = await folded.verify(readers);
    expect(differences.map((one) => one.kind)).toEqual(['tariff']);
  });

  it('finds a closed cycle that is billed by another cap', async () => {
    const folded = await Folded.of(busy());
    const readers = folded.readers();
    const { records } = readers;
    readers.records = {
      allAdjustments: () => records.allAdjustments(),
      allClosedCycles: async function* () {
        for await (const cycles of records.allClosedCycles())
          yield cycles.map((cycle) => ({
            ...cycle,
            ...(cycle.allowance && { allowance: { ...cycle.allowance, baseBytes: 7 } }),
          }));
      },
    };
    const { differences } = await folded.verify(readers);
    expect(differences.map((one) => one.kind)).toEqual(['closed-cycle']);
  });
});

describe('what policies ask about', () => {
  it.each([
    ['an hour', 'recent-use', (line: StoredLine) => line.hour && (line.hour.down += 1)],
    [
      'the newest window',
      'recent-use',
      (line: StoredLine) => line.newestWindow && (line.newestWindow.up += 1),
    ],
    ['the peak', 'recent-use', (line: StoredLine) => line.peak && (line.peak.bytes += 1)],
    [
      'off-peak use',
      'cycle',
      (line: StoredLine) => line.cycles[0]?.offPeak.push({ serviceClass: 'tv', down: 1, up: 0 }),
    ],
    ['an effect', 'throttle', (line: StoredLine) => (line.effect = { state: 'block' })],
  ] as const)('finds %s that is not the log’s', async (_name, kind, damage) => {
    const log = new LogBuilder().enforced();
    for (let i = 0; i < 5; i += 1)
      log.record({ eventTimeMs: NOON + i * HOUR, sessionTimeSeconds: i * 3600, outputOctets: i * 10 });
    const folded = await Folded.of(log);
    const readers = folded.readers();
    const { slots } = folded;
    readers.slots = {
      head: (partition) => slots.head(partition),
      lines: async function* (partition, only) {
        for await (const lines of slots.lines(partition, only)) {
          for (const line of lines) damage(line);
          yield lines;
        }
      },
      windows: (partition) => slots.windows(partition),
      outbox: (partition) => slots.outbox(partition),
    };
    const { differences } = await folded.verify(readers);
    expect(differences.map((one) => one.kind)).toEqual([kind]);
  });
});

async function* withoutFirst<T>(pages: AsyncIterable<T[]>): AsyncGenerator<T[]> {
  let isFirst = true;
  for await (const page of pages) {
    yield isFirst ? page.slice(1) : page;
    isFirst = false;
  }
}
