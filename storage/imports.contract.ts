import { beforeEach, describe, expect, it } from 'vitest';
import type { Imports, StagedRecord } from './import-ports.ts';

const content = (subscriberId: string) => ({ subscriberId, planId: 'home', fromMs: 1000, toMs: null });
const staged = (record: number, fault: string | null = null): StagedRecord => {
  return { record, content: fault === null ? content(`s${record}`) : null, fault };
};
/** The log's clock. */
const NOW = Date.UTC(2026, 0, 10);
const JOB = { importId: 'one', kind: 'assignments', dryRun: false, chunkRows: 2000, by: 'ann' } as const;

/**
 * What every store of imports does. Of subscribers `s1` to `s9` and plans `home` is known.
 *
 * @param open an empty one
 */
export function importsContract(name: string, open: () => Promise<Imports>): void {
  describe(`imports in ${name}`, () => {
    let imports: Imports;
    beforeEach(async () => {
      imports = await open();
      await imports.begin(JOB);
    });

    it('begins with a file to check', async () => {
      expect(await imports.find('one')).toEqual({
        ...JOB,
        contentHash: '',
        state: 'checking',
        rowsTotal: null,
        rowsApplied: 0,
        reason: null,
        createdMs: expect.any(Number) as number,
        movedMs: expect.any(Number) as number,
        endedMs: null,
      });
      expect(await imports.find('two')).toBeNull();
    });

    it('gives staged records back in order, part by part', async () => {
      await imports.stage('one', [staged(1), staged(2)]);
      await imports.stage('one', []);
      await imports.stage('one', [staged(3), staged(4)]);
      expect(await imports.records('one', 0, 3)).toEqual(
        [1, 2, 3].map((line) => ({ line, content: content(`s${line}`) })),
      );
      expect((await imports.records('one', 3, 3)).map(({ line }) => line)).toEqual([4]);
      expect(await imports.records('two', 0, 3)).toEqual([]);
    });

    it('tells faults apart from what is right', async () => {
      await imports.stage('one', [staged(1), staged(2, 'no id'), staged(3), staged(4, 'no zone')]);
      expect(await imports.faults('one', 0, 9)).toEqual([
        { record: 2, fault: 'no id' },
        { record: 4, fault: 'no zone' },
      ]);
      expect(await imports.faults('one', 2, 9)).toEqual([{ record: 4, fault: 'no zone' }]);
      expect((await imports.records('one', 0, 9)).map(({ line }) => line)).toEqual([1, 3]);
    });

    it('marks what names a subscriber or plan that is not there', async () => {
      await imports.stage('one', [
        staged(1),
        { record: 2, content: content('nobody'), fault: null },
        { record: 3, content: { ...content('s3'), planId: 'none' }, fault: null },
        staged(4, 'no id'),
      ]);
      expect(await imports.check('one', NOW, 0, 2)).toBe(1);
      expect(await imports.check('one', NOW, 2, 4)).toBe(1);
      const faults = await imports.faults('one', 0, 9);
      expect(faults.map(({ record }) => record)).toEqual([2, 3, 4]);
      expect(faults[0]?.fault).toContain('nobody');
      expect(faults[1]?.fault).toContain('none');
      // They stand as long as it is so.
      expect(await imports.check('one', NOW, 0, 4)).toBe(2);
      await imports.absolve('one');
      expect((await imports.faults('one', 0, 9)).map(({ record }) => record)).toEqual([4]);
    });

    it('goes from state to state, from those alone that are asked for', async () => {
      expect(await imports.become('one', ['stopped'], 'applying')).toBe(false);
      expect(await imports.become('one', ['checking', 'stopped'], 'applying')).toBe(true);
      expect(await imports.find('one')).toMatchObject({ state: 'applying', endedMs: null });
      expect(await imports.become('one', ['applying'], 'done')).toBe(true);
      expect(await imports.find('one')).toMatchObject({
        state: 'done',
        endedMs: expect.any(Number) as number,
      });
      expect(await imports.become('two', ['checking'], 'done')).toBe(false);
    });

    it('never goes back in what was applied', async () => {
      await imports.applied('one', 2000);
      await imports.applied('one', 1000);
      expect(await imports.find('one')).toMatchObject({ rowsApplied: 2000 });
    });

    it('knows a content that was applied, or is on its way, and not one that was tried or refused', async () => {
      const hash = 'ab'.repeat(32);
      await imports.read('one', hash, 3);
      expect(await imports.find('one')).toMatchObject({ contentHash: hash, rowsTotal: 3 });
      expect(await imports.ofContent('assignments', hash)).toBeNull();
      await imports.begin({ ...JOB, importId: 'tried', dryRun: true });
      await imports.read('tried', hash, 3);
      await imports.become('tried', ['checking'], 'done');
      expect(await imports.ofContent('assignments', hash)).toBeNull();
      await imports.become('one', ['checking'], 'applying');
      expect(await imports.ofContent('assignments', hash)).toMatchObject({ importId: 'one' });
      expect(await imports.ofContent('subscribers', hash)).toBeNull();
    });

    it('says why it stands as it does, until it goes on', async () => {
      await imports.become('one', ['checking'], 'stopped', { reason: 'the database was away' });
      expect(await imports.find('one')).toMatchObject({ reason: 'the database was away' });
      await imports.become('one', ['stopped'], 'applying');
      expect(await imports.find('one')).toMatchObject({ reason: null });
    });

    it('knows what nobody goes on with', async () => {
      expect(await imports.stale(0)).toEqual([]);
      await imports.become('one', ['checking'], 'applying');
      expect((await imports.stale(0)).map(({ importId }) => importId)).toEqual(['one']);
      expect(await imports.stale(60_000)).toEqual([]);
    });

    it('knows a content no longer once another came after it, or its records are gone', async () => {
      const [hash, other] = ['ab'.repeat(32), 'cd'.repeat(32)];
      await imports.read('one', hash, 3);
      await imports.become('one', ['checking'], 'applying');
      await imports.become('one', ['applying'], 'done');
      await imports.begin({ ...JOB, importId: 'two' });
      expect(await imports.ofContent('assignments', hash)).toMatchObject({ importId: 'one' });
      await imports.read('two', other, 3);
      await imports.become('two', ['checking'], 'applying');
      expect(await imports.ofContent('assignments', hash)).toBeNull();
      expect(await imports.ofContent('assignments', other)).toMatchObject({ importId: 'two' });
      await imports.become('two', ['applying'], 'expired');
      expect(await imports.ofContent('assignments', other)).toBeNull();
    });

    it('has one of a kind apply at a time, and none that stopped before it', async () => {
      const hash = 'ab'.repeat(32);
      for (const importId of ['two', 'other'] as const)
        await imports.begin({ ...JOB, importId, kind: importId === 'two' ? 'assignments' : 'subscribers' });
      await imports.read('one', hash, 3);
      expect(await imports.become('one', ['checking'], 'applying')).toBe(true);
      expect(await imports.become('other', ['checking'], 'applying')).toBe(true);
      expect(await imports.become('two', ['checking'], 'applying')).toBe(false);
      expect(await imports.become('one', ['applying'], 'applying')).toBe(true);
      await imports.become('one', ['applying'], 'stopped');
      expect(await imports.become('two', ['checking'], 'applying')).toBe(true);
      expect(await imports.find('one')).toMatchObject({
        state: 'expired',
        reason: expect.stringContaining('another file') as string,
        contentHash: hash,
      });
      await imports.become('two', ['applying'], 'done');
      // Forgotten or not: it came after.
      await imports.remove('two', 'ann');
      expect(await imports.ofContent('assignments', hash)).toBeNull();
    });

    it('knows whether what is left gives plans', async () => {
      const plan = { planId: 'home', fromMs: 0, toMs: null };
      await imports.stage('one', [
        { record: 1, content: { subscriberId: 's1', zone: 'UTC', plan }, fault: null },
        { record: 2, content: { subscriberId: 's2', zone: 'UTC' }, fault: null },
      ]);
      expect(await imports.givesPlans('one')).toBe(true);
      await imports.applied('one', 1);
      expect(await imports.givesPlans('one')).toBe(false);
    });

    it('forgets one that is not under way, with its records', async () => {
      await imports.stage('one', [staged(1)]);
      expect(await imports.remove('one', 'ann')).toBe(false);
      await imports.become('one', ['checking'], 'applying');
      expect(await imports.remove('one', 'ann')).toBe(false);
      await imports.become('one', ['applying'], 'stopped');
      expect(await imports.remove('one', 'ann')).toBe(true);
      expect(await imports.remove('one', 'ann')).toBe(false);
      expect(await imports.records('one', 0, 9)).toEqual([]);
    });

    it('forgets one that is checked still for whoever checks it', async () => {
      await imports.stage('one', [staged(1)]);
      await imports.discard('one');
      expect(await imports.find('one')).toBeNull();
      expect(await imports.records('one', 0, 9)).toEqual([]);
    });

    it('lists the last first', async () => {
      await imports.begin({ ...JOB, importId: 'two' });
      const idsOf = async (limit: number, after: string | null): Promise<string[]> =>
        (await imports.list(limit, after)).map(({ importId }) => importId);
      expect(await idsOf(9, null)).toEqual(['two', 'one']);
      expect(await idsOf(1, null)).toEqual(['two']);
      expect(await idsOf(9, 'two')).toEqual(['one']);
      expect(await idsOf(9, 'nobody')).toEqual([]);
    });
  });
}
