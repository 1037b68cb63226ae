import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TimelineEntry } from '../../schemas/timeline-views.ts';
import { pageOf } from './timeline-page.ts';
import type { TimelineSource } from './timeline-page.ts';

function anEntry(atMs: number, text: string): TimelineEntry {
  return { at: new Date(atMs).toISOString(), kind: 'command', command: 'adjust', by: null, text };
}

/** A source of entries at these times; of one ms always in the order of the list. */
function sourceOf(
  name: string,
  times: readonly number[],
): { source: TimelineSource; entries: TimelineEntry[]; asked: number[] } {
  const entries = times.map((atMs, i) => anEntry(atMs, `${name}${i}`));
  entries.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  const asked: number[] = [];
  const source: TimelineSource = ({ fromMs, throughMs, limit }) => {
    asked.push(limit);
    const within = entries.filter(({ at }) => Date.parse(at) >= fromMs && Date.parse(at) <= throughMs);
    return Promise.resolve(within.slice(0, limit));
  };
  return { source, entries, asked };
}

async function allPages(sources: readonly TimelineSource[], limit: number, fromMs: number, toMs: number) {
  const found: TimelineEntry[] = [];
  const sizes: number[] = [];
  let before: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof pageOf>> = await pageOf(sources, { fromMs, toMs, limit, before });
    found.push(...page.entries);
    sizes.push(page.entries.length);
    before = page.next;
  } while (before !== null && sizes.length < 1000);
  return { found, sizes };
}

describe('pages of a timeline', () => {
  const times = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 25 });

  it('hold every entry within the bounds once, in one order of time, all full but the last', async () => {
    const lists = fc.array(times, { minLength: 1, maxLength: 4 });
    const bounds = { from: fc.integer({ min: 0, max: 4 }), to: fc.integer({ min: 4, max: 9 }) };
    const limits = fc.integer({ min: 1, max: 12 });
    await fc.assert(
      fc.asyncProperty(lists, limits, bounds.from, bounds.to, async (given, limit, fromMs, toMs) => {
        const made = given.map((list, i) => sourceOf(`${i}-`, list));
        const sources = made.map(({ source }) => source);
        const { found, sizes } = await allPages(sources, limit, fromMs, toMs);
        const expected = made
          .flatMap(({ entries }) => entries)
          .filter(({ at }) => Date.parse(at) >= fromMs && Date.parse(at) <= toMs)
          .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
        expect(found).toEqual(expected);
        expect(sizes.slice(0, -1).every((size) => size === limit)).toBe(true);
      }),
    );
  });

  it('ask for a page and what of the cursor’s instant was told, whatever the history', async () => {
    const { source, asked } = sourceOf(
      'a',
      Array.from({ length: 1000 }, (_, i) => i),
    );
    const { next } = await pageOf([source], { fromMs: 0, toMs: 5000, limit: 10, before: null });
    expect(next).toBe('990.1');
    await pageOf([source], { fromMs: 0, toMs: 5000, limit: 10, before: next });
    expect(asked).toEqual([11, 12]);
  });

  it('go on behind an instant that holds more than is paged through', async () => {
    const { source } = sourceOf('a', [...Array.from({ length: 7000 }, () => 5), 4]);
    const { found, sizes } = await allPages([source], 1000, 0, 9);
    expect(sizes).toEqual([1000, 1000, 1000, 1000, 1000, 1000, 1]);
    expect(found.at(-1)?.text).toBe('a7000');
    const last = await pageOf([source], { fromMs: 5, toMs: 9, limit: 1000, before: '5.5000' });
    expect(last.next).toBeNull();
  });

  it.each(['', 'x', '5', '5.', '-1.0', '1.99999', '9'.repeat(16) + '.0', '1.0.0', '7000.5001'])(
    'refuse the cursor %s',
    async (before) => {
      const page = pageOf([], { fromMs: 0, toMs: 9, limit: 1, before });
      await expect(page).rejects.toMatchObject({ code: 'invalid-input' });
    },
  );
});
