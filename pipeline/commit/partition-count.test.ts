import { describe, expect, it } from 'vitest';
import { requirePinnedCount } from './partition-count.ts';

/** Slots by partition; the count that each was made with stands in its only field. */
function storeOf(counts: Readonly<Record<number, number>>) {
  let looks = 0;
  return {
    looks: () => looks,
    readHead: ({ partition }: { partition: number }) => {
      looks += 1;
      const count = counts[partition];
      const meta = new Map(count === undefined ? [] : [['count', Uint8Array.of(count)]]);
      return Promise.resolve({ position: count === undefined ? null : 1, meta });
    },
  };
}

function check(
  store: ReturnType<typeof storeOf>,
  partition: number,
  count: number,
  stored: number | null,
): Promise<void> {
  const slot = { group: 'g', topic: 't', partition };
  return requirePinnedCount(store, slot, count, stored, (meta) => meta.get('count')?.[0] ?? null);
}

describe('the partition count of a topic', () => {
  it.each([
    ['the first slot of all', {}, 0, 6, null],
    ['an empty slot beside others of the same count', { 0: 6 }, 5, 6, null],
    ['a slot made with it', {}, 2, 6, 6],
  ])('is right for %s', async (_what, counts, partition, count, stored) => {
    await expect(check(storeOf(counts), partition, count, stored)).resolves.toBeUndefined();
  });

  it.each([
    ['a slot made with another', {}, 2, 7, 6],
    ['the new partition of a topic that has grown', { 0: 6, 1: 6 }, 6, 7, null],
    ['the same where partition 0 never had anything', { 1: 6 }, 6, 7, null],
    ['a partition beyond what this process counted at its start', { 0: 6 }, 6, 6, null],
  ])('is wrong for %s', async (_what, counts, partition, count, stored) => {
    const wrong = { code: 'partition-count-changed', message: expect.stringContaining('has 7 partitions') };
    await expect(check(storeOf(counts), partition, count, stored)).rejects.toMatchObject(wrong);
  });

  it('is looked for in a few slots only', async () => {
    const store = storeOf({});
    await check(store, 200, 256, null);
    expect(store.looks()).toBeLessThanOrEqual(8);
  });
});
