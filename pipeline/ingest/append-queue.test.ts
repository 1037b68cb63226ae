import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { AppendQueue } from './append-queue.ts';

/** Longer than anything takes on a busy machine: a wait of a second, the default, is a measurement. */
const until = (condition: () => boolean): Promise<unknown> =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 5 });

function entries(...names: string[]): LogAppend[] {
  return names.map((name) => ({ partition: 0, key: null, value: Buffer.from(name) }));
}

/** A log whose appends end when the test says so. */
class SlowLog {
  readonly appends: { names: string[]; done: () => void; fail: (error: unknown) => void }[] = [];

  append(given: readonly LogAppend[]): Promise<void> {
    return new Promise((done, fail) => {
      this.appends.push({ names: given.map(({ value }) => Buffer.from(value).toString()), done, fail });
    });
  }

  get names(): string[][] {
    return this.appends.map(({ names }) => names);
  }
}

function rig(limits: { maxRecords?: number; maxBytes?: number; maxWaitMs?: number } = {}) {
  const log = new SlowLog();
  const queue = new AppendQueue({
    writer: log,
    maxRecords: 100,
    maxBytes: 1_000,
    maxWaitMs: 60_000,
    ...limits,
  });
  const append = (...names: string[]): Promise<void> =>
    queue.append(entries(...names), queue.hold(names.length, 10 * names.length));
  return { log, queue, append };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('puts what arrives during an append into the next one', async () => {
  const { log, append } = rig();
  const first = append('a');
  const others = [append('b', 'c'), append('d')];
  expect(log.names).toEqual([['a']]);
  log.appends[0]?.done();
  await first;
  expect(log.names).toEqual([['a'], ['b', 'c', 'd']]);
  log.appends[1]?.done();
  await Promise.all(others);
});

it('does not put more than 5,000 records into one append', async () => {
  const { log, append } = rig();
  const many = (n: number): string[] => Array.from({ length: n }, String);
  const all = [
    append('a'),
    append(...many(3_000)),
    append(...many(2_000)),
    append('z'),
    append(...many(6_000)),
  ];
  for (let i = 0; i < 4; i++) {
    await until(() => log.appends.length > i);
    log.appends[i]?.done();
  }
  await Promise.all(all);
  expect(log.names.map(({ length }) => length)).toEqual([1, 5_000, 1, 6_000]);
});

it('tells every request of a group of its failure and goes on', async () => {
  const { log, queue, append } = rig();
  const first = append('a');
  const group = [append('b'), append('c')];
  log.appends[0]?.done();
  await first;
  const failure = new AppError('log-append-failed', 'no', { retriable: true });
  log.appends[1]?.fail(failure);
  for (const one of group) await expect(one).rejects.toBe(failure);
  expect(queue.heldRecords).toBe(0);
  const next = append('d');
  log.appends[2]?.done();
  await next;
});

describe('room', () => {
  it('is taken by records and bytes until the log has them', async () => {
    const { log, queue, append } = rig({ maxRecords: 3 });
    const one = append('a', 'b');
    expect(queue.isFull).toBe(false);
    const two = append('c');
    expect(queue.isFull).toBe(true);
    log.appends[0]?.done();
    await one;
    expect(queue.isFull).toBe(false);
    log.appends[1]?.done();
    await two;
    expect(queue.heldRecords).toBe(0);
    const held = queue.hold(1, 5_000);
    expect(queue.isFull).toBe(true);
    held.release();
    held.release();
    expect(queue.heldRecords).toBe(0);
    expect(queue.isFull).toBe(false);
  });

  it('is still taken by what was given up while the log has it in hand, not by what waits', async () => {
    const { log, queue, append } = rig({ maxWaitMs: 20 });
    const inHand = append('a');
    const waiting = append('b', 'c');
    for (const one of [inHand, waiting])
      await expect(one).rejects.toMatchObject({ code: 'timeout', retriable: true });
    expect(queue.heldRecords).toBe(1);
    log.appends[0]?.done();
    await turn();
    expect(queue.heldRecords).toBe(0);
    expect(log.names).toEqual([['a']]);
  });
});
