import { afterEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import type { Job, JobContext } from '../../storage/job-ports.ts';
import { MemoryJobStore } from '../../storage/memory/job-store.ts';
import type { JobObserver } from './job-runner.ts';
import { JobRunner } from './job-runner.ts';

/** Longer than anything takes on a busy machine: a wait of a second, the default, is a measurement. */
const until = (condition: () => boolean): Promise<unknown> =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 5 });

const NOON = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

class Clock {
  ms = NOON;
}

/** A job whose runs last until they are told to end. */
class HeldJob implements Job {
  readonly cron = '0 * * * *';
  readonly name: string;
  readonly runs: JobContext[] = [];
  #ends: ((result: unknown) => void)[] = [];

  constructor(name = 'held') {
    this.name = name;
  }

  run(context: JobContext): Promise<unknown> {
    this.runs.push(context);
    return new Promise((resolve, reject) => {
      this.#ends.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
    });
  }

  end(result: unknown = null): void {
    for (const end of this.#ends.splice(0)) end(result);
  }
}

const clock = new Clock();
const runners: JobRunner[] = [];

function rig(jobs: readonly Job[], store = new MemoryJobStore(() => clock.ms)) {
  const told: unknown[][] = [];
  const observer: JobObserver = {
    leading: (leads) => told.push(['leading', leads]),
    planned: (name, nextMs) => told.push(['planned', name, nextMs]),
    succeeded: (name, endedMs) => told.push(['succeeded', name, endedMs]),
    ended: (name, outcome) => told.push(['ended', name, outcome]),
  };
  const lines: string[] = [];
  const line = (_: object, text: string): void => void lines.push(text);
  const log = { info: line, warn: line, error: line };
  const nowMs = (): number => 1_000_000;
  const runner = new JobRunner({
    ...{ store, jobs, process: 'p1', clockMs: () => clock.ms, nowMs, log, observer },
    lookEveryMs: 1,
  });
  runners.push(runner);
  return { runner, store, told, lines };
}

async function outcomes(store: MemoryJobStore, name = 'held'): Promise<unknown[]> {
  return (await store.runs(name, 10)).map(({ outcome }) => outcome);
}

afterEach(async () => {
  clock.ms = NOON;
  for (const runner of runners.splice(0)) await runner.stop();
});

describe('JobRunner', () => {
  it('runs a job at its time, and writes down what it did', async () => {
    const job = new HeldJob();
    const { runner, store, told } = rig([job]);
    await runner.turn();
    expect(job.runs).toHaveLength(0);
    expect(told).toEqual([
      ['leading', true],
      ['planned', 'held', NOON + HOUR],
    ]);
    clock.ms = NOON + HOUR;
    await runner.turn();
    await until(() => job.runs.length === 1);
    expect(job.runs[0]).toMatchObject({ nowMs: 1_000_000, last: null });
    await job.runs[0]?.progress({ rows: 3 });
    expect((await store.list())[0]?.running).toMatchObject({ progress: { rows: 3 }, dueMs: NOON + HOUR });
    job.end({ rows: 5 });
    await runner.settled();
    expect(await store.runs('held', 2)).toMatchObject([
      { outcome: 'done', progress: { rows: 5 }, error: null },
    ]);
    expect(told).toContainEqual(['ended', 'held', 'done']);
    expect(told).toContainEqual(['succeeded', 'held', NOON + HOUR]);
  });

  it('gives a run what the last one that was done returned', async () => {
    const job = new HeldJob();
    const { runner } = rig([job]);
    await runner.turn();
    const results = [{ throughMs: 1 }, new AppError('unreachable', 'away'), { throughMs: 2 }];
    for (const [i, result] of results.entries()) {
      clock.ms += HOUR;
      await runner.turn();
      await until(() => job.runs.length === i + 1);
      job.end(result);
      await runner.settled();
    }
    expect(job.runs.map(({ last }) => last)).toEqual([null, { throughMs: 1 }, { throughMs: 1 }]);
  });

  it('catches up with any number of missed times by one run', async () => {
    const job = new HeldJob();
    const { runner, store } = rig([job]);
    await runner.turn();
    clock.ms = NOON + 40 * DAY + 17 * 60_000;
    for (let i = 0; i < 3; i++) {
      await runner.turn();
      job.end();
      await runner.settled();
    }
    expect(await store.runs('held', 10)).toMatchObject([{ dueMs: NOON + 40 * DAY }]);
  });

  it('goes on at the next time after the clock was wrong', async () => {
    const job = new HeldJob();
    const { runner, store } = rig([job]);
    await runner.turn();
    const seen: number[] = [];
    for (const ms of [Date.UTC(2099, 0, 1, 5), NOON + HOUR / 2, NOON + HOUR, NOON + HOUR, NOON + 2 * HOUR]) {
      clock.ms = ms;
      await runner.turn();
      job.end();
      await runner.settled();
      seen.push((await store.runs('held', 10)).length);
    }
    expect(seen).toEqual([1, 1, 2, 2, 3]);
  });

  it('runs what was asked for at once, and never twice at once', async () => {
    const job = new HeldJob();
    const { runner, store } = rig([job]);
    await runner.turn();
    expect(await store.request('held', 'ann')).toBe('requested');
    await runner.turn();
    clock.ms += 3 * HOUR;
    await runner.turn();
    await until(() => job.runs.length > 0);
    expect(job.runs).toHaveLength(1);
    expect(await store.request('held', 'ann')).toBe('running');
    job.end();
    await runner.settled();
    expect(await store.runs('held', 5)).toMatchObject([{ byHand: true, who: 'ann', dueMs: null }]);
    await runner.turn();
    await until(() => job.runs.length === 2);
    job.end();
    await runner.settled();
    expect(await store.runs('held', 5)).toMatchObject([{ byHand: false, dueMs: NOON + 3 * HOUR }, {}]);
  });

  it('says why a job failed, and runs it again at its next time', async () => {
    const job = new HeldJob();
    const { runner, store, told, lines } = rig([job]);
    await runner.turn();
    clock.ms += HOUR;
    await runner.turn();
    await until(() => job.runs.length === 1);
    job.end(new Error('no room'));
    await runner.settled();
    expect(await store.runs('held', 5)).toMatchObject([{ outcome: 'failed', error: 'no room' }]);
    expect(told).toContainEqual(['ended', 'held', 'failed']);
    expect(lines).toContain('a job failed; it comes again at its time');
    await runner.turn();
    expect(job.runs).toHaveLength(1);
    clock.ms += HOUR;
    await runner.turn();
    await until(() => job.runs.length === 2);
    job.end();
  });

  it('runs three at once at most, but for those that wait for nobody', async () => {
    const jobs = ['a', 'b', 'c', 'd'].map((name) => new HeldJob(name));
    const prompt = Object.assign(new HeldJob('money'), { isPrompt: true });
    const { runner } = rig([...jobs, prompt]);
    await runner.turn();
    clock.ms += HOUR;
    await runner.turn();
    await runner.turn();
    await until(() => jobs.filter(({ runs }) => runs.length === 1).length === 3);
    expect(jobs[3]?.runs).toHaveLength(0);
    await until(() => prompt.runs.length === 1);
    for (const job of [...jobs, prompt]) job.end();
    await runner.settled();
    await runner.turn();
    await until(() => jobs[3]?.runs.length === 1);
    for (const job of jobs) job.end();
  });

  it('leaves what it was cut off in to the next leader', async () => {
    const job = new HeldJob();
    const { runner, store, told } = rig([job]);
    await runner.turn();
    clock.ms += HOUR;
    await runner.turn();
    await until(() => job.runs.length === 1);
    store.usurp();
    const next = new HeldJob();
    const other = rig([next], store);
    await other.runner.turn();
    await expect(runner.turn()).rejects.toMatchObject({ code: 'conflict' });
    expect(job.runs[0]?.signal.aborted).toBe(true);
    expect(told).toContainEqual(['leading', false]);
    job.end('as if nothing had happened');
    await runner.settled();
    expect(told).toContainEqual(['ended', 'held', 'lost']);
    expect(told).not.toContainEqual(['succeeded', 'held', clock.ms]);
    expect(await outcomes(store)).toEqual([null, 'lost']);
    next.end();
  });

  it('waits in stopping for what runs, and has it due again elsewhere', async () => {
    const job = new HeldJob();
    const { runner, store } = rig([job]);
    await runner.turn();
    clock.ms += HOUR;
    await runner.turn();
    await until(() => job.runs.length === 1);
    const stopped = runner.stop();
    await until(() => job.runs[0]?.signal.aborted === true);
    expect(await outcomes(store)).toEqual([null]);
    job.end();
    await stopped;
    expect(await outcomes(store)).toEqual(['lost']);
    const next = new HeldJob();
    await rig([next], store).runner.turn();
    await until(() => next.runs.length === 1);
    next.end();
  });

  it('does not wait longer than half of the grace for what does not end', async () => {
    const job = new HeldJob();
    const { runner, store } = rig([job]);
    await runner.turn();
    clock.ms += HOUR;
    await runner.turn();
    await until(() => job.runs.length === 1);
    await runner.stop(20);
    expect((await store.runs('held', 1))[0]).toMatchObject({
      outcome: 'lost',
      error: 'its process stopped',
    });
    job.end();
    await runner.settled();
  });

  it('looks again and again by itself, and says once that it cannot', async () => {
    const job = new HeldJob();
    const { runner, store, lines } = rig([job]);
    const lead = vi.spyOn(store, 'lead').mockRejectedValue(new AppError('unreachable', 'away'));
    runner.start();
    await until(() => lead.mock.calls.length > 3);
    expect(lines).toEqual(['jobs do not run at the moment; it is tried again']);
    lead.mockRestore();
    clock.ms += HOUR;
    await until(() => lines.includes('this process runs the jobs'));
    clock.ms += HOUR;
    await until(() => job.runs.length === 1);
    job.end();
  });

  it('says when a job last succeeded, though another process led then', async () => {
    const job = new HeldJob();
    const { runner, store } = rig([job]);
    await runner.turn();
    await store.request('held', 'ann');
    await runner.turn();
    await until(() => job.runs.length === 1);
    job.end();
    await runner.settled();
    await runner.stop();
    const later = rig([new HeldJob()], store);
    await later.runner.turn();
    expect(later.told).toContainEqual(['succeeded', 'held', NOON]);
  });
});
