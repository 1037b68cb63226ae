import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobLeadership, JobRun, JobState, JobStore } from './job-ports.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;
const JOBS = [
  { name: 'close', cron: '*/5 * * * *' },
  { name: 'trim', cron: '0 * * * *' },
];

/** What a test can do to a store besides. */
export interface JobStoreFixture {
  /** two that stand for two processes */
  stores: [JobStore, JobStore];
  /** the leader of now loses it without knowing */
  cutOff(): Promise<void>;
}

/** What every JobStore does. @param open gives it empty before each test */
export function jobStoreContract(name: string, open: () => Promise<JobStoreFixture>): void {
  describe(`JobStore: ${name}`, () => {
    let fixture: JobStoreFixture;
    let store: JobStore;
    const leaders: JobLeadership[] = [];

    async function lead(from = store): Promise<JobLeadership> {
      const leader = await from.lead('test');
      if (leader === null) throw new Error('somebody else leads');
      leaders.push(leader);
      await leader.register(JOBS, NOON);
      return leader;
    }

    async function begin(leader: JobLeadership, dueMs: number | null, who: string | null): Promise<JobRun> {
      const run = await leader.begin('trim', dueMs, who);
      if (run === null) throw new Error('it runs already');
      return run;
    }

    async function stateOf(leader: JobLeadership, nowMs = NOON): Promise<JobState | undefined> {
      return (await leader.look(nowMs)).find((state) => state.name === 'trim');
    }

    afterEach(async () => {
      for (const leader of leaders.splice(0)) await leader.release();
    });
    beforeEach(async () => {
      fixture = await open();
      [store] = fixture.stores;
    });

    it('lets one lead, and the next when that one has released', async () => {
      const [first, second] = fixture.stores;
      const leader = await lead();
      expect(await first.lead('again')).toBeNull();
      expect(await second.lead('another')).toBeNull();
      await leader.release();
      await leader.release();
      expect(leader.signal.aborted).toBe(true);
      await expect(leader.look(NOON)).rejects.toMatchObject({ code: 'conflict' });
      expect((await lead(second)).token).not.toBe(leader.token);
    });

    it('knows the jobs that the leader names, and forgets the others', async () => {
      const leader = await lead();
      const state = { seenMs: NOON, requestedBy: null, running: false, paused: false };
      expect(await leader.look(NOON)).toEqual(JOBS.map((job) => ({ ...job, ...state })));
      const later = [{ name: 'trim', cron: '30 * * * *' }];
      await leader.register(later, NOON + HOUR);
      expect(await leader.look(NOON)).toEqual([{ ...later[0], ...state }]);
      const status = { lastRun: null, running: null, requestedBy: null, seenMs: NOON, paused: false };
      expect(await store.list()).toEqual([{ ...later[0], ...status }]);
    });

    it('runs a job once at a time', async () => {
      const leader = await lead();
      const run = await begin(leader, NOON, null);
      expect(run).toMatchObject({ name: 'trim', dueMs: NOON, byHand: false, who: null, outcome: null });
      expect(await leader.begin('trim', NOON + HOUR, 'ann')).toBeNull();
      expect(await leader.begin('close', NOON, null)).not.toBeNull();
      expect((await stateOf(leader))?.running).toBe(true);
      expect(await store.request('trim', 'ann')).toBe('running');
      await leader.end(run, 'done', null);
      expect(await leader.begin('trim', NOON + HOUR, null)).not.toBeNull();
    });

    it('has seen to the time of a run that ended, however it did', async () => {
      const leader = await lead();
      for (const [outcome, error, dueMs] of [
        ['done', null, NOON + HOUR],
        ['failed', 'no room', NOON + 2 * HOUR],
      ] as const) {
        const run = await begin(leader, dueMs, null);
        await leader.progress(run, { rows: 7, text: 'a"b' });
        await leader.end(run, outcome, error);
        expect((await stateOf(leader, dueMs))?.seenMs).toBe(dueMs);
      }
      const [last, first, none] = await store.runs('trim', 10);
      expect(last).toMatchObject({ outcome: 'failed', error: 'no room', progress: { rows: 7, text: 'a"b' } });
      expect(first).toMatchObject({ outcome: 'done', error: null, dueMs: NOON + HOUR });
      expect(first?.endedMs).toBeGreaterThanOrEqual(first?.startedMs ?? Infinity);
      expect(none).toBeUndefined();
      expect((await store.list()).find((job) => job.name === 'trim')?.lastRun).toEqual(last);
      expect(await store.runs('trim', 1)).toEqual([last]);
    });

    it('takes requests of known jobs and runs each once', async () => {
      const leader = await lead();
      expect(await store.request('nothing', 'ann')).toBe('unknown');
      expect(await store.request('trim', 'ann')).toBe('requested');
      expect(await store.request('trim', 'bob')).toBe('requested');
      expect((await stateOf(leader))?.requestedBy).toBe('ann');
      const run = await begin(leader, null, 'ann');
      expect(run).toMatchObject({ byHand: true, who: 'ann', dueMs: null });
      expect((await store.list()).find((job) => job.name === 'trim')?.running).toEqual(run);
      await leader.end(run, 'done', null);
      expect(await stateOf(leader)).toMatchObject({ requestedBy: null, running: false, seenMs: NOON });
    });

    it('keeps a request that came while a due run was beginning', async () => {
      const leader = await lead();
      await store.request('trim', 'ann');
      await leader.end(await begin(leader, NOON, null), 'done', null);
      expect((await stateOf(leader))?.requestedBy).toBe('ann');
    });

    it('shows what is paused, until it is not', async () => {
      const leader = await lead();
      expect(await store.setPaused('trim', true, 'ann')).toBe(true);
      expect(await store.setPaused('trim', true, 'ann')).toBe(true);
      expect(await store.setPaused('nothing', true, 'ann')).toBe(false);
      expect((await stateOf(leader))?.paused).toBe(true);
      expect((await store.list()).map(({ paused }) => paused)).toEqual([false, true]);
      expect(await store.setPaused('trim', false, 'ann')).toBe(true);
      expect((await stateOf(leader))?.paused).toBe(false);
    });

    it('does not wait for a time that a wrong clock saw to', async () => {
      const leader = await lead();
      await leader.end(await begin(leader, Date.UTC(2099, 0), null), 'done', null);
      expect((await stateOf(leader, NOON))?.seenMs).toBe(NOON);
      await leader.end(await begin(leader, NOON + 30_000, null), 'done', null);
      expect((await stateOf(leader, NOON))?.seenMs).toBe(NOON + 30_000);
    });

    it('loses the runs of a leader that went away, and has them due again', async () => {
      const leader = await lead();
      await store.request('trim', 'ann');
      const run = await begin(leader, NOON + HOUR, 'ann');
      await leader.release();
      const next = await lead(fixture.stores[1]);
      expect(await store.runs('trim', 2)).toMatchObject([
        { id: run.id, outcome: 'lost', error: expect.any(String) as unknown },
      ]);
      const state = { seenMs: NOON, requestedBy: 'ann', running: false };
      expect(await stateOf(next)).toMatchObject(state);
    });

    it('lets what was lost three times wait for its next time', async () => {
      for (const seenMs of [NOON, NOON, NOON + HOUR]) {
        const leader = await lead();
        await store.request('trim', 'ann');
        await begin(leader, NOON + HOUR, 'ann');
        await leader.release();
        const next = await lead(fixture.stores[1]);
        const requestedBy = seenMs === NOON ? 'ann' : null;
        expect(await stateOf(next, NOON + HOUR)).toMatchObject({ seenMs, requestedBy });
        await next.release();
      }
    });

    it('takes nothing from a leader that was cut off', async () => {
      const zombie = await lead();
      const run = await begin(zombie, NOON + HOUR, null);
      await fixture.cutOff();
      const next = await lead(fixture.stores[1]);
      await expect(zombie.progress(run, 1)).rejects.toMatchObject({ name: 'AppError' });
      await expect(zombie.end(run, 'done', null)).rejects.toMatchObject({ name: 'AppError' });
      await expect(zombie.begin('close', NOON, null)).rejects.toMatchObject({ name: 'AppError' });
      await expect(zombie.look(NOON)).rejects.toMatchObject({ name: 'AppError' });
      expect(zombie.signal.aborted).toBe(true);
      await zombie.release();
      expect(await stateOf(next)).toMatchObject({ seenMs: NOON, running: false });
      const again = await begin(next, NOON + HOUR, null);
      await next.end(again, 'done', null);
      expect((await store.runs('trim', 3)).map(({ outcome }) => outcome)).toEqual(['done', 'lost']);
    });
  });
}
