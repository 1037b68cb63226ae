import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from './due-queue.ts';

/** The queue as one would write it without caring for speed. */
class NaiveQueue {
  readonly due = new Map<string, number>();

  set(key: string, dueMs: number | null): void {
    if (dueMs === null) this.due.delete(key);
    else this.due.set(key, dueMs);
  }

  take(nowMs: number): { key: string; dueMs: number } | null {
    const [first] = [...this.due]
      .filter(([, dueMs]) => dueMs <= nowMs)
      .sort(([a, dueA], [b, dueB]) => dueA - dueB || (a < b ? -1 : 1));
    if (first === undefined) return null;
    this.due.delete(first[0]);
    return { key: first[0], dueMs: first[1] };
  }
}

describe('DueQueue', () => {
  it('does what the naive one does', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'ab', '', '\u0000', 'é', '\u{1F600}', '__proto__');
    const due = fc.integer({ min: 0, max: 12 });
    const call = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key, due: fc.option(due, { nil: null, freq: 6 }) }),
      fc.record({ do: fc.constant('take' as const), now: due }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 400 }), (calls) => {
        const queue = new DueQueue();
        const naive = new NaiveQueue();
        for (const one of calls) {
          if (one.do === 'set') {
            queue.set(one.key, one.due);
            naive.set(one.key, one.due);
          } else {
            expect(queue.hasDue(one.now)).toBe([...naive.due.values()].some((dueMs) => dueMs <= one.now));
            expect(queue.take(one.now)).toEqual(naive.take(one.now));
          }
          expect(queue.size).toBe(naive.due.size);
        }
        for (const [name, dueMs] of naive.due) expect(queue.get(name)).toBe(dueMs);
      }),
      { numRuns: 150 },
    );
  });

  it('gives entries of one time in the order of their keys, whatever the order they came in', () => {
    const queue = new DueQueue();
    for (const key of ['c', 'a', 'd', 'b']) queue.set(key, 5);
    const taken = [...Array(5).keys()].map(() => queue.take(5)?.key ?? null);
    expect(taken).toEqual(['a', 'b', 'c', 'd', null]);
  });

  it('holds one entry of a key however often it is set, and takes its place again when it is gone', () => {
    const queue = new DueQueue();
    for (let i = 0; i < 1_000; i += 1) queue.set('a', i);
    expect(queue.size).toBe(1);
    expect(queue.take(1e9)).toEqual({ key: 'a', dueMs: 999 });
    expect(queue.take(1e9)).toBeNull();
    for (let i = 0; i < 1_000; i += 1) {
      queue.set(`b${String(i)}`, i);
      queue.set(`b${String(i)}`, null);
    }
    const { keys } = queue as unknown as { keys: unknown[] };
    expect(keys.length).toBeLessThan(10);
  });

  it('grows: ten thousand entries come in their order', () => {
    const queue = new DueQueue();
    for (let i = 0; i < 10_000; i += 1) queue.set(`k${String(i)}`, (i * 7_919) % 10_007);
    for (let i = 0; i < 10_000; i += 3) queue.set(`k${String(i)}`, (i * 104_729) % 10_007);
    const taken: number[] = [];
    for (let entry = queue.take(1e9); entry !== null; entry = queue.take(1e9)) taken.push(entry.dueMs);
    expect(taken).toHaveLength(10_000);
    expect(taken).toEqual(taken.toSorted((a, b) => a - b));
  });
});
