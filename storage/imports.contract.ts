import { beforeEach, describe, expect, it } from 'vitest';
import type { Imports, StagedRecord } from './import-ports.ts';

const content = (subscriberId: string) => ({ subscriberId, planId: 'home', fromMs: 1000, toMs: null });
const staged = (record: number, fault: string | null = null): StagedRecord => {
  return { record, content: fault === null ? content(`s${record}`) : null, fault };
};
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
        createdMs: expect.any(Number) as number,
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
      expect(await imports.markUnknown('one')).toBe(2);
      const faults = await imports.faults('one', 0, 9);
      expect(faults.map(({ record }) => record)).toEqual([2, 3, 4]);
      expect(faults[0]?.fault).toContain('nobody');
      expect(faults[1]?.fault).toContain('none');
      expect(await imports.markUnknown('one')).toBe(0);
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

    it('says at a record why its chunk did not go in, and takes that back', async () => {
      await imports.stage('one', [staged(1), staged(2)]);
      await imports.blame('one', 1, 'overlaps');
      expect(await imports.faults('one', 0, 9)).toEqual([{ record: 1, fault: 'overlaps' }]);
      expect(await imports.records('one', 0, 9)).toHaveLength(2);
      await imports.blame('one', 1, null);
      expect(await imports.faults('one', 0, 9)).toEqual([]);
    });

    it('forgets one that is not under way, with its records', async () => {
      await imports.stage('one', [staged(1)]);
      await imports.become('one', ['checking'], 'applying');
      expect(await imports.remove('one')).toBe(false);
      await imports.become('one', ['applying'], 'stopped');
      expect(await imports.remove('one')).toBe(true);
      expect(await imports.remove('one')).toBe(false);
      expect(await imports.records('one', 0, 9)).toEqual([]);
    });

    it('lists the last first', async () => {
      await imports.begin({ ...JOB, importId: 'two' });
      expect((await imports.list(9)).map(({ importId }) => importId)).toEqual(['two', 'one']);
      expect(await imports.list(1)).toHaveLength(1);
    });
  });
}
