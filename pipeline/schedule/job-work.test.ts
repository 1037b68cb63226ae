import { describe, expect, it } from 'vitest';
import type { CycleRow } from '../../storage/tariff-ports.ts';
import type { JobContext } from '../../storage/job-ports.ts';
import type { Kept } from '../../storage/retention-ports.ts';
import {
  absorbJob,
  closeLateJob,
  expiryJob,
  keptFor,
  openCyclesJob,
  refreshDatedJob,
  retentionJob,
  trimLogJob,
} from './job-work.ts';

const DAY = 86_400_000;
const NOW = 400 * DAY;

function context(changes: Partial<JobContext> = {}) {
  const told: unknown[] = [];
  const progress = (one: unknown): Promise<void> => {
    told.push(structuredClone(one));
    return Promise.resolve();
  };
  const signal = new AbortController().signal;
  return { told, given: { nowMs: NOW, signal, token: 't', last: null, byHand: false, progress, ...changes } };
}

/** A store that has so much left, and gives it piece by piece. */
function left(amount: number) {
  let rest = amount;
  const limits: number[] = [];
  const take = (limit: number): Promise<number> => {
    limits.push(limit);
    const piece = Math.min(limit, rest);
    rest -= piece;
    return Promise.resolve(piece);
  };
  return { take, limits, rest: () => rest };
}

describe('retention', () => {
  it('drops each kind until nothing is left, as its leader', async () => {
    const asked: unknown[][] = [];
    const trim = (...call: [Kept, number, string, string | null]) => {
      asked.push(call);
      const [kept, , , after] = call;
      const next = kept === 'job-runs' && after === null ? 'more' : null;
      return Promise.resolve({ dropped: 2, next });
    };
    const { told, given } = context();
    const result = await retentionJob({ trim }, () => Promise.resolve(9), keptFor(30))(given);
    const dropped = { 'dead-letters': 9, 'shadow-decisions': 2 };
    expect(result).toEqual({ dropped: { ...dropped, 'job-runs': 4, reconciliations: 2 } });
    expect(asked).toEqual([
      ['shadow-decisions', 30 * DAY, 't', null],
      ['job-runs', 90 * DAY, 't', null],
      ['job-runs', 90 * DAY, 't', 'more'],
      ['reconciliations', 400 * DAY, 't', null],
    ]);
    expect(told).toHaveLength(3);
  });

  it('leaves to another job what expires', async () => {
    const asked: unknown[] = [];
    const trim = (kept: Kept, olderThanMs: number) => {
      asked.push([kept, olderThanMs / DAY]);
      return Promise.resolve({ dropped: 1, next: null });
    };
    const result = await expiryJob({ trim }, keptFor(30))(context().given);
    expect(result).toEqual({ dropped: { 'idempotency-keys': 1, 'import-lines': 1, 'api-keys': 1 } });
    expect(asked).toEqual([
      ['idempotency-keys', 2],
      ['import-lines', 7],
      ['api-keys', 90],
    ]);
  });

  it('ends between two pieces when it is told to', async () => {
    const stop = new AbortController();
    let pieces = 0;
    const trim = () => {
      pieces += 1;
      stop.abort();
      return Promise.resolve({ dropped: 1, next: 'more' });
    };
    await retentionJob(
      { trim },
      () => Promise.resolve(0),
      keptFor(30),
    )(context({ signal: stop.signal }).given);
    expect(pieces).toBe(1);
  });
});

describe('trim-log', () => {
  it('goes by the log’s clock', async () => {
    const asked: number[] = [];
    const trim = (beforeMs: number) => Promise.resolve(asked.push(beforeMs));
    expect(await trimLogJob(trim, 8 * DAY)(context().given)).toEqual({ dropped: 1 });
    expect(asked).toEqual([NOW - 8 * DAY]);
  });
});

describe('open-cycles', () => {
  it('opens in pieces until all are', async () => {
    const { take, limits } = left(4_500);
    const { told, given } = context();
    const tokens: string[] = [];
    const begun = (nowMs: number, limit: number) => (expect(nowMs).toBe(NOW), take(limit));
    const run = openCyclesJob((token) => (tokens.push(token), { begun }));
    expect(await run(given)).toEqual({ opened: 4_500 });
    expect(tokens).toEqual(['t']);
    expect(limits).toHaveLength(4);
    expect(told).toEqual([{ done: 2_000 }, { done: 4_000 }, { done: 4_500 }]);
  });

  it('ends between two pieces when it is told to', async () => {
    const stop = new AbortController();
    const { take, rest } = left(100_000);
    const begun = (_: number, limit: number) => (stop.abort(), take(limit));
    await openCyclesJob(() => ({ begun }))(context({ signal: stop.signal }).given);
    expect(rest()).toBe(98_000);
  });
});

describe('close-late', () => {
  const row: CycleRow = {
    ...{
      subscriberId: 's1',
      startMs: 0,
      endMs: 30 * DAY,
      status: 'open',
      closedMs: null,
      termsDiffer: false,
    },
  };

  it('tries failed closes again, and is content where none is late', async () => {
    const [failed, told, untold] = [left(3), left(2_100), left(1)];
    const asked = new Set<string>();
    const cycles = {
      retryFailed: failed.take,
      closeTold: (beforeMs: number, limit: number) => (asked.add(`told ${beforeMs}`), told.take(limit)),
      closeUntold: (beforeMs: number, limit: number) => (asked.add(`untold ${beforeMs}`), untold.take(limit)),
      notClosed: (beforeMs: number) => (asked.add(`late ${beforeMs}`), Promise.resolve([])),
    };
    const job = closeLateJob(() => cycles, DAY, { error: () => undefined });
    expect(await job(context().given)).toEqual({ closed: 2_104, late: 0 });
    expect([failed.rest(), told.rest(), untold.rest()]).toEqual([0, 0, 0]);
    const lateMs = NOW - DAY - 7_200_000;
    expect([...asked]).toEqual([`told ${lateMs}`, `untold ${NOW - 8 * DAY}`, `late ${lateMs}`]);
  });

  it('fails where a cycle is late, and says how many', async () => {
    const lines: unknown[] = [];
    const nothing = () => Promise.resolve(0);
    const cycles = {
      ...{ retryFailed: nothing, closeTold: nothing, closeUntold: nothing },
      notClosed: () => Promise.resolve([row, row]),
    };
    const { told, given } = context();
    const job = closeLateJob(() => cycles, DAY, { error: (line: unknown) => lines.push(line) });
    await expect(job(given)).rejects.toThrow('2 billing cycles are not closed');
    expect(told).toContainEqual({ closed: 0, late: 2 });
    expect(lines).toHaveLength(1);
  });
});

describe('absorb-profiles', () => {
  it('goes on until nobody is left', async () => {
    const { take, rest } = left(4_001);
    expect(
      await absorbJob((token, limit) => (expect(token).toBe('t'), take(limit)))(context().given),
    ).toEqual({ absorbed: 4_001 });
    expect(rest()).toBe(0);
  });
});

describe('refresh-dated', () => {
  it.each<[string, unknown, number]>([
    ['the day before at first', null, NOW - DAY],
    ['what came since the last run, and an hour more', { throughMs: NOW - 300_000 }, NOW - 3_600_000],
    ['all of a longer time', { throughMs: NOW - 9 * DAY }, NOW - 9 * DAY],
    ['the last hour where time began anew', { throughMs: NOW + 9 * DAY }, NOW - 3_600_000],
  ])('looks at %s', async (_, last, fromMs) => {
    const asked: number[][] = [];
    const refresh = (_: string, ...span: [number, number]) => Promise.resolve(asked.push(span));
    expect(await refreshDatedJob(refresh)(context({ last }).given)).toEqual({ throughMs: NOW, refreshed: 1 });
    expect(asked).toEqual([[fromMs, NOW]]);
  });
});
