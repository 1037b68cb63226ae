import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import type { FaultPoint } from '../storage/memory/state-store.ts';
import type { DumpSection } from '../storage/memory/slot-content.ts';
import { buildCommit } from '../pipeline/commit/build-commit.ts';
import {
  decodeCold,
  decodeHot,
  encodeCold,
  encodeHot,
  OLDEST_BLOB_VERSION,
} from '../pipeline/commit/subscriber-codec.ts';
import { noEffects } from '../pipeline/fold/effects.ts';
import { NEWEST_BLOB_VERSION, newSubscriber } from '../pipeline/fold/slot-state.ts';
import { DAY, HOUR, LogBuilder, NOON, SETTINGS, capPolicy, freshSlot, plan, profile } from './factories.ts';
import { randomLog, randomLogWithControls, randomTariffLog } from './random-log.ts';
import { SLOT, WorkerRig } from './worker-rig.ts';

const AUGUST = Date.UTC(2026, 7, 1);

/**
 * What a torn write may not change: outcome counters, of the slot in the core and of each NAS's feed, count a record that is
 * ahead as a duplicate.
 */
const SUBSCRIBERS_AND_WINDOWS: readonly DumpSection[] = ['position', 'values', 'rows', 'due'];

/** Row of a feed's hour that is over. */
const FEED_HOUR = /^\["rows","o","\d+\.[fg]\./;

/** Many subscribers that cross their cap, with a cycle roll and NUL, quotes and non-ASCII in names. */
function busyLog(lines = 12): LogBuilder {
  const ids = [...Array(lines).keys()].map((i) => `sub-${i}`);
  ids.push('a\u0000b', 'a', 'ü"\\', 'x '.repeat(100));
  const log = new LogBuilder()
    .control({ kind: 'plan-version', plan: plan() })
    .control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 600 }) });
  for (const subscriberId of ids) {
    log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId }) });
  }
  for (let round = 1; round <= 8; round += 1) {
    ids.forEach((subscriberId, i) => {
      const eventTimeMs = AUGUST - 4 * HOUR + round * HOUR + i * 20_000;
      const sessionTimeSeconds = round * 3600 - 2400;
      const outputOctets = round * 97 * (i + 1);
      log.record({
        subscriberId,
        eventTimeMs,
        sessionTimeSeconds,
        outputOctets,
        serviceClass: i % 3 === 0 ? '\u0000b' : null,
        statusType: round === 7 ? 'STOP' : 'INTERIM_UPDATE',
      });
    });
    if (round === 3) {
      // After this its profile stays: both end by the clock, after the roll.
      const fromMs = AUGUST - 3 * HOUR;
      const holds = [{ kind: 'customer' as const, fromMs, toMs: AUGUST + HOUR }];
      const speed = { downBps: 2e8, upBps: 1e8 };
      const boosts = [{ id: 'b', ...speed, fromMs: fromMs + HOUR, expiresMs: AUGUST + 3 * HOUR }];
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId: 'sub-1', holds, boosts }) });
    }
    for (const subscriberId of ids.slice(round, round + 6)) {
      const carryOverBytes = round % 2 === 0 ? 0 : 700 * round;
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId, carryOverBytes }) });
    }
    if (round === 2) {
      const topUps = [{ id: 't', bytes: 50_000, fromMs: 0, expiresMs: NOON + 90 * DAY }];
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId: 'sub-11', topUps }) });
    }
  }
  return log.tick(AUGUST + 10 * HOUR);
}

/** Lines of two dumps that differ; readable where a diff of the whole is not. */
function difference(got: Result, expected: Result): string[] {
  const lines = (result: Result): string[] => [...result.dump, ...result.left];
  const had = new Set(lines(got));
  const wanted = new Set(lines(expected));
  return [
    ...[...wanted].filter((line) => !had.has(line)).map((line) => `- ${line}`),
    ...[...had].filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
  ];
}

interface Result {
  dump: string[];
  /** what left, by name */
  left: string[];
}

async function resultOf(rig: WorkerRig, sections?: readonly DumpSection[]): Promise<Result> {
  const dump = rig.store
    .dumpText(SLOT, sections)
    .filter((line) => sections === undefined || !FEED_HOUR.test(line));
  return { dump, left: await rig.names() };
}

async function reference(log: LogBuilder, sections?: readonly DumpSection[]): Promise<Result> {
  const rig = new WorkerRig(log.inputs);
  await rig.run(() => 1000);
  return resultOf(rig, sections);
}

/** Raises the layout at some places of a log, as far as it goes. */
function raise(log: LogBuilder, layout: number, places: readonly number[]): void {
  const versions = [...places.keys()].map((i) => Math.min(layout + 1 + i, NEWEST_BLOB_VERSION));
  const inputs = log.inputs
    .splice(0)
    .filter((input) => input.kind !== 'control' || input.control.kind !== 'fold-version');
  const at = places.map((place) => place % (inputs.length + 1)).sort((a, b) => a - b);
  inputs.forEach((input, i) => {
    at.forEach((place, k) => {
      if (place === i) log.control({ kind: 'fold-version', version: versions[k] ?? NEWEST_BLOB_VERSION });
    });
    log.inputs.push({ ...input, offset: log.inputs.length });
  });
}

/** The same in one layout: a value keeps that of the commit which wrote it, wherever that ends. */
function inNewest({ dump, left }: Result): Result {
  return { left, dump: dump.map(lineInNewest) };
}

function lineInNewest(line: string): string {
  const [place = '', hex = ''] = line.split(' = ');
  const [section, , field = ''] = JSON.parse(place) as [DumpSection, unknown, string?];
  const bytes = Buffer.from(hex, 'hex');
  if (section === 'rows') return `${place} = ${hex.slice(2)}`;
  if (section === 'meta' && place.includes('"plan:')) {
    const stored = JSON.parse(bytes.toString('utf8')) as object;
    return `${place} = ${JSON.stringify(Array.isArray(stored) ? stored : [stored])}`;
  }
  if (section !== 'values') return line;
  const subscriber = newSubscriber(field.slice(1), SETTINGS);
  const isHot = field.startsWith('h');
  (isHot ? decodeHot : decodeCold)(bytes, subscriber);
  const encoded = (isHot ? encodeHot : encodeCold)(subscriber, NEWEST_BLOB_VERSION);
  return `${place} = ${Buffer.from(encoded).toString('hex')}`;
}

/** A store with an empty slot in an older layout. */
async function olderRig(log: LogBuilder, layout: number): Promise<WorkerRig> {
  const rig = new WorkerRig(log.inputs);
  const state = freshSlot();
  state.blobVersion = layout;
  const { lease } = await rig.store.acquire(SLOT);
  const retention = { flushedThrough: 0, committedFlushed: 0, oneShots: [] };
  await rig.store.commit(buildCommit(SLOT, lease, 'first', state, noEffects(), retention, []));
  return rig;
}

/** Repeatable numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

describe('one log gives one state, byte for byte', () => {
  it.each([
    [1, 12],
    [7, 12],
    [100, 60],
  ])('in batches of %i, of %i lines', async (size, lines) => {
    const log = busyLog(lines);
    const rig = new WorkerRig(log.inputs);
    await rig.run(() => size);
    const got = await resultOf(rig);
    expect(difference(got, await reference(log))).toEqual([]);
    expect(got.left.length).toBeGreaterThan(12);
  });

  it('in batches of random size, with restarts at random points', async () => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const log = busyLog();
      const random = numbers(seed);
      const rig = new WorkerRig(log.inputs);
      rig.cachedSubscribers = 5;
      await rig.run(
        () => 1 + Math.floor(random() * 30),
        () => random() < 0.3,
      );
      expect(difference(await resultOf(rig), await reference(log))).toEqual([]);
    }
  });

  it.each([
    ['of records', randomLog()],
    ['with controls of all kinds', randomLogWithControls()],
    ['of tariffs that change all the time', randomTariffLog()],
  ])('for random logs %s, with nearly nobody in memory', async (_name, logs) => {
    await fc.assert(
      fc.asyncProperty(logs, fc.nat(), async (log, seed) => {
        const random = numbers(seed);
        const rig = new WorkerRig(log.inputs);
        rig.cachedSubscribers = Math.floor(random() * 4);
        await rig.run(
          () => 1 + Math.floor(random() * 8),
          () => random() < 0.3,
        );
        expect(difference(await resultOf(rig), await reference(log))).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it.each([OLDEST_BLOB_VERSION, NEWEST_BLOB_VERSION - 1])(
    'for random logs that begin in layout %i and are raised on the way',
    async (layout) => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(randomTariffLog(), randomLogWithControls()),
          fc.array(fc.nat(), { minLength: 1, maxLength: 2 }),
          fc.nat(),
          async (log, places, seed) => {
            raise(log, layout, places);
            const random = numbers(seed);
            const rig = await olderRig(log, layout);
            rig.cachedSubscribers = Math.floor(random() * 4);
            await rig.run(
              () => 1 + Math.floor(random() * 8),
              () => random() < 0.3,
            );
            const straight = await olderRig(log, layout);
            await straight.run(() => 1000);
            expect(difference(inNewest(await resultOf(rig)), inNewest(await resultOf(straight)))).toEqual([]);
          },
        ),
        { numRuns: 25 },
      );
    },
  );

  it('when batches come again, whole or in part', async () => {
    const log = busyLog();
    const rig = new WorkerRig(log.inputs);
    const worker = rig.worker();
    let position = await rig.open(worker);
    while (position < log.inputs.length) {
      const next = await rig.deliver(worker, position, 10);
      expect(await rig.deliver(worker, position, 10)).toBe(next);
      position = await rig.deliver(worker, Math.max(0, next - 5), 8);
    }
    await worker.close(0);
    expect(difference(await resultOf(rig), await reference(log))).toEqual([]);
  });
});

describe('faults of the store', () => {
  it('a lost acknowledgement is resolved by sending the commit again', async () => {
    const log = busyLog();
    let acknowledged = 0;
    const rig = new WorkerRig(log.inputs, {
      fault: (point) => {
        if (point !== 'acknowledge') return;
        acknowledged += 1;
        if (acknowledged % 2 === 1) throw new AppError('store-unknown-outcome', 'lost', { retriable: true });
      },
    });
    await rig.run(() => 10);
    expect(rig.dropped).toEqual([]);
    expect(difference(await resultOf(rig), await reference(log))).toEqual([]);
  });

  it.each(['outbox', 'rows', 'due', 'values', 'meta', 'deletes'] satisfies FaultPoint[])(
    'commits torn at %s and loaded again end in the same subscribers and windows',
    async (torn) => {
      const log = busyLog();
      const expected = await reference(log, SUBSCRIBERS_AND_WINDOWS);
      for (let seed = 1; seed <= 2; seed += 1) {
        const random = numbers(seed);
        const rig = new WorkerRig(log.inputs, {
          fault: (point) => {
            // Rows and values come once a group: rarer, so that commits get through.
            const share = torn === 'rows' || torn === 'values' ? 0.03 : 0.15;
            if (point === torn && random() < share) {
              throw new AppError('unreachable', `torn at ${torn}`, { retriable: true });
            }
          },
        });
        await rig.run(() => 1 + Math.floor(random() * 12));
        expect(rig.dropped.length).toBeGreaterThan(0);
        expect(difference(await resultOf(rig, SUBSCRIBERS_AND_WINDOWS), expected)).toEqual([]);
      }
    },
  );

  it.each(['rows', 'due', 'values', 'meta'] satisfies FaultPoint[])(
    'so do commits of hundreds of entries, torn at %s',
    async (torn) => {
      const log = busyLog(100);
      const random = numbers(7);
      let [commits, written, tornAt] = [0, 0, 0];
      const rig = new WorkerRig(log.inputs, {
        fault: (point) => {
          if (point === 'commit') {
            commits += 1;
            // Every second one, after some of its groups where it writes several.
            tornAt = commits % 2 === 1 ? 1 + Math.floor(random() * 3) : 0;
            written = 0;
          }
          if (point !== torn) return;
          written += 1;
          const isTorn = torn === 'due' || torn === 'meta' ? tornAt > 0 : written === tornAt;
          if (isTorn) throw new AppError('unreachable', `torn at ${torn}`, { retriable: true });
        },
      });
      await rig.run(() => 300 + Math.floor(random() * 400));
      expect(rig.dropped.length).toBeGreaterThan(0);
      const expected = await reference(log, SUBSCRIBERS_AND_WINDOWS);
      expect(difference(await resultOf(rig, SUBSCRIBERS_AND_WINDOWS), expected)).toEqual([]);
    },
  );

  it('a roll that was torn is done again when the slot is loaded, and no action is lost', async () => {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'policy-version', policy: capPolicy() });
    for (let i = 0; i < 12; i += 1) {
      const subscriberId = `sub-${i}`;
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId }) });
      log.record({ subscriberId, eventTimeMs: AUGUST - HOUR, outputOctets: 2000 });
    }
    const beforeRoll = log.inputs.length;
    log.tick(AUGUST);
    let armed = 0;
    const rig = new WorkerRig(log.inputs, {
      fault: (point) => {
        if (point !== 'values' || armed === 0) return;
        armed -= 1;
        if (armed === 0) throw new AppError('unreachable', 'torn', { retriable: true });
      },
    });
    // Nothing leaves the outbox: an entry that a later one replaced would be lost for good.
    rig.ledger.isDown = true;
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, beforeRoll);
    armed = 4;
    expect(await rig.deliver(worker, beforeRoll, 1)).toBe(beforeRoll);
    expect(await rig.deliver(worker, beforeRoll, 1)).toBe(beforeRoll + 1);
    await worker.close(0);
    const expected = await reference(log, SUBSCRIBERS_AND_WINDOWS);
    expect(difference(await resultOf(rig, SUBSCRIBERS_AND_WINDOWS), expected)).toEqual([]);
  });

  it('a sweep that was torn before its due times are written arms them when the slot is loaded', async () => {
    const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
    for (let i = 0; i < 12; i += 1) {
      const subscriberId = `sub-${i}`;
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId }) });
      log.record({ subscriberId, eventTimeMs: NOON - HOUR, outputOctets: 2000 });
    }
    const beforeSweep = log.inputs.length;
    log.control({ kind: 'policy-version', policy: capPolicy({ until: { seconds: 600 } }) });
    for (let i = 0; i < 4; i += 1) log.tick(NOON + i);
    let armed = false;
    const rig = new WorkerRig(log.inputs, {
      fault: (point) => {
        if (point !== 'due' || !armed) return;
        armed = false;
        throw new AppError('unreachable', 'torn', { retriable: true });
      },
    });
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, beforeSweep);
    armed = true;
    expect(await rig.deliver(worker, beforeSweep, 100)).toBe(beforeSweep);
    expect(await rig.deliver(worker, beforeSweep, 100)).toBe(log.inputs.length);
    await worker.close(0);
    const expected = await reference(log, SUBSCRIBERS_AND_WINDOWS);
    expect(difference(await resultOf(rig, SUBSCRIBERS_AND_WINDOWS), expected)).toEqual([]);
  });

  it('the commits of a worker whose slot was taken are rejected, and nothing counts twice', async () => {
    const log = busyLog();
    const rig = new WorkerRig(log.inputs);
    const zombie = rig.worker();
    const owner = rig.worker();
    let stale = await rig.open(zombie);
    stale = await rig.deliver(zombie, stale, 10);
    let position = await rig.open(owner);
    expect(position).toBe(stale);
    // The stale one has the right sequence number still: only its token tells.
    expect(await rig.deliver(zombie, stale, 3)).toBe(stale);
    expect(rig.dropped).toMatchObject([{ code: 'store-rejected' }]);
    position = await rig.open(owner);
    const random = numbers(3);
    for (let step = 0; position < log.inputs.length && step < 1000; step += 1) {
      // Takes the slot back with its next batch: either may be the stale one.
      if (random() < 0.3) stale = await rig.deliver(zombie, stale, 3);
      position = await rig.deliver(owner, position, 5);
    }
    expect(rig.dropped.length).toBeGreaterThan(5);
    await zombie.close(0);
    await owner.close(0);
    expect(difference(await resultOf(rig), await reference(log))).toEqual([]);
  });
});
