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
  /** controls that wait, asked for one by one; none left = 0 */
  backlog: number[];
  pauses: number;
}

function world(imports = new MemoryImports(({ subscriberId }) => subscriberId !== 'nobody')): World {
  const one = {
    imports,
    applied: [] as ImportLine[][],
    fails: new Map<number, AppError>(),
    backlog: [] as number[],
    pauses: 0,
  };
  const log = { info: () => undefined, error: () => undefined };
  const importer = new Importer({
    imports,
    store: {
      applyImport: (_id, lines) => {
        const fault = one.fails.get(lines[0]?.line ?? 0);
        if (fault !== undefined) return Promise.reject(fault);
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
  return { kind: 'subscribers', format: 'csv', dryRun: false, by: 'ann', bytes: bytes(), ...given };
}

const linesOf = (applied: ImportLine[][]): number[][] =>
  applied.map((chunk) => chunk.map(({ line }) => line));

describe('Importer', () => {
  it('applies a file chunk by chunk', async () => {
    const { importer, imports, applied } = world();
    const job = await importer.take(file(FIVE));
    expect(job).toMatchObject({ state: 'applying', rowsTotal: 5, kind: 'subscribers', by: 'ann' });
    await importer.idle();
    expect(linesOf(applied)).toEqual([[1, 2], [3, 4], [5]]);
    expect(await imports.find(job.importId)).toMatchObject({ state: 'done', rowsApplied: 5 });
  });

  it('applies nothing of a file with a fault, and tells of it', async () => {
    const { importer, imports, applied } = world();
    const { importId, ...job } = await importer.take(file(`${FIVE}s6,Mars\n`));
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
    const { importId, state } = await importer.take(file(text, { kind: 'assignments' }));
    await importer.idle();
    expect([state, applied]).toEqual(['refused', []]);
    expect((await imports.faults(importId, 0, 9)).map(({ record }) => record)).toEqual([2]);
  });

  it('tries a file without applying it', async () => {
    const { importer, applied } = world();
    expect(await importer.take(file(FIVE, { dryRun: true }))).toMatchObject({
      state: 'done',
      rowsApplied: 0,
    });
    await importer.idle();
    expect(applied).toEqual([]);
    // The same file is applied then.
    expect(await importer.take(file(FIVE))).toMatchObject({ state: 'applying' });
  });

  it('answers the same import for the same file', async () => {
    const { importer, imports, applied } = world();
    const first = await importer.take(file(FIVE));
    await importer.idle();
    const again = await importer.take(file(FIVE));
    await importer.idle();
    expect(again).toMatchObject({ importId: first.importId, state: 'done' });
    expect(applied).toHaveLength(3);
    expect(await imports.list(9)).toHaveLength(1);
    await imports.remove(first.importId);
    await importer.take(file(FIVE));
    await importer.idle();
    expect(applied).toHaveLength(6);
  });

  it('stops at a chunk that cannot go in, and goes on from there', async () => {
    const { importer, imports, applied, fails } = world();
    fails.set(3, new AppError('conflict', 'overlaps with a plan'));
    const { importId } = await importer.take(file(FIVE));
    await importer.idle();
    expect(await imports.find(importId)).toMatchObject({ state: 'stopped', rowsApplied: 2 });
    expect(await imports.faults(importId, 0, 9)).toEqual([
      { record: 3, fault: 'records 3 to 4 did not go in: overlaps with a plan' },
    ]);
    fails.clear();
    expect(await importer.resume(importId, 'bob')).toMatchObject({ state: 'applying' });
    await importer.idle();
    expect(linesOf(applied)).toEqual([[1, 2], [3, 4], [5]]);
    expect(await imports.find(importId)).toMatchObject({ state: 'done', rowsApplied: 5 });
    expect(await imports.faults(importId, 0, 9)).toEqual([]);
    await expect(importer.resume(importId, 'bob')).rejects.toMatchObject({ code: 'conflict' });
    await expect(importer.resume('other', 'bob')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('blames no record where the store was away', async () => {
    const { importer, imports, fails } = world();
    fails.set(3, new AppError('unreachable', 'gone', { retriable: true }));
    const { importId } = await importer.take(file(FIVE));
    await importer.idle();
    expect(await imports.find(importId)).toMatchObject({ state: 'stopped', rowsApplied: 2 });
    expect(await imports.faults(importId, 0, 9)).toEqual([]);
  });

  it('goes on with what another process left under way', async () => {
    const dead = world();
    const { importId } = await dead.importer.take(file(FIVE));
    await dead.importer.stop();
    expect(await dead.imports.find(importId)).toMatchObject({ state: 'applying' });
    const next = world(dead.imports);
    await next.importer.resume(importId, 'bob');
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

  it('leaves nothing of a file that is too large, and takes none while it stops', async () => {
    const { importer, imports } = world();
    const many = `subscriber_id,zone\n${Array.from({ length: 51 }, (_, n) => `s${n},UTC\n`).join('')}`;
    await expect(importer.take(file(many))).rejects.toMatchObject({ code: 'invalid-input' });
    expect(await imports.list(9)).toEqual([]);
    await importer.stop();
    await expect(importer.take(file(FIVE))).rejects.toMatchObject({ code: 'stopped' });
  });
});
