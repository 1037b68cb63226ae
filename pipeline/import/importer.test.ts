import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { MemoryImports } from '../../storage/memory/imports.ts';
import type { ImportLine } from '../../storage/tariff-ports.ts';
import type { GivenFile } from './importer.ts';
import { Importer } from './importer.ts';

interface World {
  importer: Importer;
  imports: MemoryImports;
  applied: ImportLine[][];
  /** what the store throws for a chunk that begins at a record */
  fails: Map<number, AppError>;
  /** a server in trouble is well again the next time */
  recovers: boolean;
  /** controls that wait, asked for one by one; none left = 0 */
  backlog: number[];
  pauses: number;
}

function world(imports = new MemoryImports(({ subscriberId }) => subscriberId !== 'nobody')): World {
  const one = {
    imports,
    applied: [] as ImportLine[][],
    fails: new Map<number, AppError>(),
    recovers: false,
    backlog: [] as number[],
    pauses: 0,
  };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const importer = new Importer({
    imports,
    store: {
      applyImport: (_id, lines) => {
        const fault = one.fails.get(lines[0]?.line ?? 0);
        if (fault !== undefined) {
          if (fault.retriable && one.recovers) one.fails.clear();
          return Promise.reject(fault);
        }
        one.applied.push([...lines]);
        return Promise.resolve();
      },
    },
    reads: { outboxBacklog: () => Promise.resolve(one.backlog.shift() ?? 0) },
    log,
    nowMs: () => 1000,
    pause: () => {
      one.pauses += 1;
      return Promise.resolve();
    },
    limits: { maxBytes: 10_000, maxRecords: 50 },
    chunkRows: 2,
    backlog: 10,
  });
  // The same object: what the tests plant later is seen.
  return Object.assign(one, { importer });
}

const FIVE = `subscriber_id,zone\n${[1, 2, 3, 4, 5].map((n) => `s${n},UTC\n`).join('')}`;

function file(text: string, given: Partial<GivenFile> = {}): GivenFile {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(text));
  }
  return {
    kind: 'subscribers',
    format: 'csv',
    dryRun: false,
    by: 'ann',
    mayGivePlans: true,
    bytes: bytes(),
    ...given,
  };
}

const linesOf = (applied: ImportLine[][]): number[][] =>
  applied.map((chunk) => chunk.map(({ line }) => line));

describe('Importer', () => {
  it('applies a file chunk by chunk', async () => {
    const { importer, imports, applied } = world();
    const { job } = await importer.take(file(FIVE));
    expect(job).toMatchObject({ state: 'applying', rowsTotal: 5, kind: 'subscribers', by: 'ann' });
    await importer.idle();
    expect(linesOf(applied)).toEqual([[1, 2], [3, 4], [5]]);
    expect(await imports.find(job.importId)).toMatchObject({ state: 'done', rowsApplied: 5 });
  });

  it('applies nothing of a file with a fault, and tells of it', async () => {
    const { importer, imports, applied } = world();
    const {
      job: { importId, ...job },
    } = await importer.take(file(`${FIVE}s6,Mars\n`));
    await importer.idle();
    expect(job).toMatchObject({ state: 'refused', rowsTotal: 6, rowsApplied: 0 });
    expect(applied).toEqual([]);
    expect(await imports.faults(importId, 0, 9)).toEqual([
      { record: 6, fault: 'line 7: zone is not a known time zone' },
    ]);
  });

  it('applies nothing of a file that names who is not there', async () => {
    const { importer, imports, applied } = world();
    const text = 'subscriber_id,plan_id,from\ns1,home,2026-01-01T00:00Z\nnobody,home,2026-01-01T00:00Z\n';
    const {
      job: { importId, state },
    } = await importer.take(file(text, { kind: 'assignments' }));
    await importer.idle();
    expect([state, applied]).toEqual(['refused', []]);
    expect((await imports.faults(importId, 0, 9)).map(({ record }) => record)).toEqual([2]);
  });

  it('tries a file without applying it', async () => {
    const { importer, applied } = world();
    expect((await importer.take(file(FIVE, { dryRun: true }))).job).toMatchObject({
      state: 'done',
      rowsApplied: 0,
    });
    await importer.idle();
    expect(applied).toEqual([]);
    // The same file is applied then.
    expect((await importer.take(file(FIVE))).job).toMatchObject({ state: 'applying' });
  });

  it('answers the same import for the same file, and says so', async () => {
    const { importer, imports, applied } = world();
    const first = await importer.take(file(FIVE));
    expect(first.isKnown).toBe(false);
    await importer.idle();
    const again = await importer.take(file(FIVE));
    await importer.idle();
    expect(again).toMatchObject({ isKnown: true, job: { importId: first.job.importId, state: 'done' } });
    expect(applied).toHaveLength(3);
    expect(await imports.list(9, null)).toHaveLength(1);
    await imports.remove(first.job.importId, 'ann');
    await importer.take(file(FIVE));
    await importer.idle();
    expect(applied).toHaveLength(6);
  });

  it('applies a file again after another one of its kind', async () => {
    const { importer, applied } = world();
    const other = file('subscriber_id,zone\ns1,Europe/Berlin\n');
    for (const one of [file(FIVE), other, file(FIVE)]) {
      expect((await importer.take(one)).isKnown).toBe(false);
      await importer.idle();
    }
    expect(linesOf(applied)).toEqual([[1, 2], [3, 4], [5], [1], [1, 2], [3, 4], [5]]);
  });

  it('stops at a chunk that cannot go in, says why, and goes on from there', async () => {
    const known = new Set(['s1', 's2', 's3', 's4', 's5']);
    const { importer, imports, applied, fails } = world(
      new MemoryImports(({ subscriberId }) => known.has(subscriberId)),
    );
    fails.set(3, new AppError('conflict', 'overlaps with a plan'));
    const {
      job: { importId },
    } = await importer.take(file(FIVE));
    known.delete('s4');
    await importer.idle();
    expect(await imports.find(importId)).toMatchObject({
      state: 'stopped',
      rowsApplied: 2,
      reason: 'records 3 to 4 did not go in: overlaps with a plan',
    });
    // The record is named where something can be told to stand against it.
    expect(await imports.faults(importId, 0, 9)).toEqual([
      { record: 4, fault: 'subscriber s4 is not there' },
    ]);
    fails.clear();
    known.add('s4');
    expect(await importer.resume(importId, 'bob')).toMatchObject({ state: 'applying', reason: null });
    await importer.idle();
    expect(linesOf(applied)).toEqual([[1, 2], [3, 4], [5]]);
    expect(await imports.find(importId)).toMatchObject({ state: 'done', rowsApplied: 5 });
    expect(await imports.faults(importId, 0, 9)).toEqual([]);
    await expect(importer.resume(importId, 'bob')).rejects.toMatchObject({ code: 'conflict' });
    await expect(importer.resume('other', 'bob')).rejects.toMatchObject({ code: 'not-found' });
    expect(imports.audited).toEqual([
      { who: 'ann', act: 'import', importId },
      { who: 'bob', act: 'import-resume', importId },
    ]);
  });

  it('tries a chunk again where the store was away for a moment', async () => {
    const one = world();
    one.recovers = true;
    one.fails.set(3, new AppError('timeout', 'locked', { retriable: true }));
    await one.importer.take(file(FIVE));
    await one.importer.idle();
    expect(linesOf(one.applied)).toEqual([[1, 2], [3, 4], [5]]);
    expect(one.pauses).toBe(1);
  });

  it('stops where the store stays away, blames no record and says why', async () => {
    const { importer, imports, fails } = world();
    fails.set(3, new AppError('unreachable', 'gone', { retriable: true }));
    const {
      job: { importId },
    } = await importer.take(file(FIVE));
    await importer.idle();
    expect(await imports.find(importId)).toMatchObject({ state: 'stopped', rowsApplied: 2, reason: 'gone' });
    expect(await imports.faults(importId, 0, 9)).toEqual([]);
  });

  it('does not end as done what lost its records', async () => {
    const { importer, imports, fails, applied } = world();
    fails.set(3, new AppError('conflict', 'overlaps'));
    const {
      job: { importId },
    } = await importer.take(file(FIVE));
    await importer.idle();
    await imports.become(importId, ['stopped'], 'expired');
    await expect(importer.resume(importId, 'bob')).rejects.toMatchObject({ code: 'conflict' });
    await importer.idle();
    expect(await imports.find(importId)).toMatchObject({ state: 'expired', rowsApplied: 2 });
    // It is not taken for the same file either.
    fails.clear();
    expect((await importer.take(file(FIVE))).isKnown).toBe(false);
    await importer.idle();
    expect(linesOf(applied)).toEqual([[1, 2], [1, 2], [3, 4], [5]]);
  });

  it('reads one file at a time, and has one import go in at a time', async () => {
    const { importer, applied } = world();
    const [first, second] = await Promise.allSettled([
      importer.take(file(FIVE)),
      importer.take(file('subscriber_id,zone\nt1,UTC\nt2,UTC\nt3,UTC\n')),
    ]);
    expect([first.status, second]).toMatchObject(['fulfilled', { reason: { code: 'conflict' } }]);
    const plan = 'subscriber_id,plan_id,from\nt1,home,2026-01-01T00:00Z\n';
    await importer.take(file(plan, { kind: 'assignments' }));
    await importer.idle();
    expect(applied.flat().map(({ content }) => content.subscriberId)).toEqual([
      ...['s1', 's2', 's3', 's4', 's5', 't1'],
    ]);
  });

  it('takes no file while one of its kind is under way in any process, so that the last one holds', async () => {
    const dead = world();
    const { job } = await dead.importer.take(file(FIVE));
    await dead.importer.stop();
    const next = world(dead.imports);
    const other = () => file('subscriber_id,zone\ns5,Europe/Vienna\n');
    await expect(next.importer.take(other())).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^busy: another import of this kind/) as string,
    });
    expect(await dead.imports.list(9, null)).toHaveLength(1);
    expect(await next.importer.take(file(FIVE))).toMatchObject({ isKnown: true });
    await next.importer.resume(job.importId, 'bob');
    await next.importer.idle();
    await next.importer.take(other());
    await next.importer.idle();
    expect(next.applied.at(-1)).toMatchObject([{ content: { zone: 'Europe/Vienna' } }]);
  });

  it('says so where an import is gone once its file was checked', async () => {
    let nowMs = 0;
    const { importer, imports } = world(
      new MemoryImports(
        () => true,
        () => nowMs,
      ),
    );
    imports.check = async () => {
      nowMs += 3_600_001;
      for (const { importId } of await imports.list(9, null)) await imports.remove(importId, 'bob');
      return 0;
    };
    await expect(importer.take(file(FIVE))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^the import was forgotten/) as string,
    });
  });

  it('leaves to the next process what the store did not take while this one ends', async () => {
    const { importer, imports } = world();
    imports.records = () => {
      void importer.stop();
      return Promise.reject(new AppError('unreachable', 'gone', { retriable: true }));
    };
    const {
      job: { importId },
    } = await importer.take(file(FIVE));
    await importer.idle();
    expect(await imports.find(importId)).toMatchObject({ state: 'applying', reason: null });
  });

  it('goes on with what another process left under way', async () => {
    let nowMs = 0;
    const dead = world(
      new MemoryImports(
        () => true,
        () => nowMs,
      ),
    );
    const {
      job: { importId },
    } = await dead.importer.take(file(FIVE));
    await dead.importer.stop();
    expect(await dead.imports.find(importId)).toMatchObject({ state: 'applying' });
    const next = world(dead.imports);
    // It may be under way still in another process.
    await next.importer.adopt();
    expect(next.applied).toEqual([]);
    nowMs += 60_000;
    await next.importer.adopt();
    await next.importer.idle();
    expect([...linesOf(dead.applied), ...linesOf(next.applied)].flat()).toEqual([1, 2, 3, 4, 5]);
    expect(await next.imports.find(importId)).toMatchObject({ state: 'done' });
  });

  it('waits while too much waits for the log', async () => {
    const one = world();
    one.backlog.push(11, 5000, 10, 11);
    await one.importer.take(file(FIVE));
    await one.importer.idle();
    expect(one.pauses).toBe(3);
    expect(one.applied).toHaveLength(3);
  });

  it('says what it waits for', async () => {
    const one = world();
    one.backlog.push(...Array<number>(200).fill(5001));
    const waited = new Promise<string | null>((resolve) => {
      const become = one.imports.become.bind(one.imports);
      one.imports.become = (id, from, state, more) => {
        if (state === 'applying' && more?.reason !== undefined) resolve(more.reason);
        return become(id, from, state, more);
      };
    });
    const { job } = await one.importer.take(file(FIVE));
    expect(await waited).toContain('5001 changes or more wait for the log');
    await one.importer.idle();
    expect(await one.imports.find(job.importId)).toMatchObject({ state: 'done', reason: null });
  });

  it('leaves nothing of a file that is too large, and takes none while it stops', async () => {
    const { importer, imports } = world();
    const many = `subscriber_id,zone\n${Array.from({ length: 51 }, (_, n) => `s${n},UTC\n`).join('')}`;
    await expect(importer.take(file(many))).rejects.toMatchObject({ code: 'invalid-input' });
    expect(await imports.list(9, null)).toEqual([]);
    await importer.stop();
    await expect(importer.take(file(FIVE))).rejects.toMatchObject({ code: 'stopped' });
  });
});
