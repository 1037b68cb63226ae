import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FeedTable, FORGET_AFTER_MS } from './feed-table.ts';
import { emptyFeed } from './nas-feed.ts';
import type { NasFeed } from './nas-feed.ts';

const NOW = Date.UTC(2026, 6, 10);

function heard(nasId: string, heardMs: number): NasFeed {
  return { ...emptyFeed(nasId), heardMs };
}

/** The table as one would write it without caring for speed. */
class NaiveTable {
  readonly feeds = new Map<string, number>();

  of(nasId: string, watermarkMs: number, max: number): string {
    if (this.feeds.has(nasId)) return nasId;
    const others = [...this.feeds].filter(([id]) => id !== '');
    if (nasId !== '' && others.length >= max) {
      const [oldest] = others.sort(([a, atA], [b, atB]) => atA - atB || (a < b ? -1 : 1));
      if (oldest === undefined || oldest[1] > watermarkMs - FORGET_AFTER_MS)
        return this.of('', watermarkMs, max);
      this.feeds.delete(oldest[0]);
    }
    this.feeds.set(nasId, 0);
    return nasId;
  }
}

describe('FeedTable', () => {
  it('gives a NAS the same feed every time', () => {
    const table = new FeedTable();
    const feed = table.of('a', NOW);
    expect(table.of('a', NOW)).toBe(feed);
    expect(table.size).toBe(1);
  });

  it('forgets the NAS that was silent longest, if that is a week', () => {
    const table = new FeedTable(2);
    table.put(heard('a', NOW - FORGET_AFTER_MS - 5));
    table.put(heard('b', NOW - FORGET_AFTER_MS - 9));
    table.of('c', NOW).heardMs = NOW;
    expect(table.takeForgotten().map(({ nasId }) => nasId)).toEqual(['b']);
    expect(table.takeForgotten()).toEqual([]);
    expect([...table.all()].map(({ nasId }) => nasId)).toEqual(['a', 'c']);
  });

  it('throws newcomers together while all others are heard', () => {
    const table = new FeedTable(2);
    table.put(heard('a', NOW));
    table.put(heard('b', NOW - FORGET_AFTER_MS + 1));
    const other = table.of('c', NOW);
    expect(other.nasId).toBe('');
    expect(table.of('d', NOW)).toBe(other);
    expect(table.known('c')).toBeUndefined();
    expect(table.of('b', NOW).nasId).toBe('b');
    expect(table.takeForgotten()).toEqual([]);
    expect(table.of('d', NOW + 1).nasId).toBe('d');
  });

  it('does what the naive one does, whatever was heard when, and after being loaded', () => {
    const names = fc.constantFrom('', 'a', 'b', 'c', 'd', 'e', '__proto__');
    const call = fc.record({
      nasId: names,
      step: fc.nat({ max: FORGET_AFTER_MS }),
      behind: fc.nat({ max: 2 * FORGET_AFTER_MS }),
      load: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 100 }), (calls) => {
        let table = new FeedTable(3);
        const naive = new NaiveTable();
        let now = NOW;
        for (const { nasId, step, behind, load } of calls) {
          now += step;
          const feed = table.of(nasId, now);
          const expected = naive.of(nasId, now, 3);
          expect(feed.nasId).toBe(expected);
          feed.heardMs = Math.max(feed.heardMs, now - behind);
          naive.feeds.set(expected, feed.heardMs);
          if (load) {
            const loaded = new FeedTable(3);
            for (const one of table.all()) loaded.put(one);
            table = loaded;
          }
          expect(new Set([...table.all()].map((one) => one.nasId))).toEqual(new Set(naive.feeds.keys()));
        }
      }),
    );
  });
});
