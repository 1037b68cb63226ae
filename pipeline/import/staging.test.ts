import { expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import type { StagedRecord } from '../../storage/import-ports.ts';
import { Staging } from './staging.ts';

const CHUNK = 8_000;

const chunkAt = (first: number, rows = CHUNK): StagedRecord[] =>
  Array.from({ length: rows }, (_, i) => ({ record: first + i, content: null, fault: 'x' }));

/** A store that keeps what it was asked for; each answer waits until it is let go. */
function store() {
  const staged: number[] = [];
  const checked: [number, number][] = [];
  const waiting = new Map<string, (error?: AppError) => void>();
  const answered = (name: string): Promise<void> =>
    new Promise((resolve, reject) =>
      waiting.set(name, (error) => (error === undefined ? resolve() : reject(error))),
    );
  return {
    staged,
    checked,
    waiting,
    stage: async (_id: string, records: readonly StagedRecord[]) => {
      staged.push(records[0]?.record ?? 0);
      await answered('stage');
    },
    check: async (_id: string, _nowMs: number, after: number, last: number) => {
      checked.push([after, last]);
      await answered('check');
      return 1;
    },
  };
}

/** Until microtasks have nothing left to do. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('stages a chunk while the next is read, and no more; checks what is staged while more is', async () => {
  const one = store();
  const staging = new Staging(one, 'i', () => 0);
  const letGo = async (name: string): Promise<void> => {
    one.waiting.get(name)?.();
    await settle();
  };
  await staging.add(chunkAt(1));
  const second = staging.add(chunkAt(CHUNK + 1));
  await settle();
  expect(one.staged).toEqual([1]);
  await letGo('stage');
  await second;
  expect(one.staged).toEqual([1, CHUNK + 1]);
  await letGo('stage');
  await staging.add(chunkAt(2 * CHUNK + 1));
  expect(one.checked).toEqual([]);
  await letGo('stage');
  expect(one.checked).toEqual([[0, 3 * CHUNK]]);
  await staging.add(chunkAt(3 * CHUNK + 1, 5));
  expect(one.staged).toHaveLength(4);
  const ended = staging.end();
  await letGo('stage');
  await letGo('check');
  expect(one.checked.at(-1)).toEqual([3 * CHUNK, 3 * CHUNK + 5]);
  await letGo('check');
  expect(await ended).toBe(2);
});

it('tells of what could not be staged or checked', async () => {
  const gone = new AppError('unreachable', 'gone', { retriable: true });
  const one = store();
  const staging = new Staging(one, 'i', () => 0);
  await staging.add(chunkAt(1));
  one.waiting.get('stage')?.(gone);
  await expect(staging.add(chunkAt(CHUNK + 1))).rejects.toBe(gone);
  await staging.settled();

  const other = new Staging(one, 'i', () => 0);
  await other.add(chunkAt(1, 20_000));
  one.waiting.get('stage')?.();
  await settle();
  one.waiting.get('check')?.(gone);
  await expect(other.end()).rejects.toBe(gone);
});
