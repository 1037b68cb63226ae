import { describe, expect, it } from 'vitest';
import { aProfile } from './profile-factory.contract.ts';
import type { PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { ProfilePages } from './profile-pages.ts';

/** What every `ProfilePages` gives. `open` makes one that holds just these. */
export function profilePagesContract(
  name: string,
  open: (
    profiles: readonly SubscriberProfile[],
    plans: readonly PlanVersion[],
  ) => Promise<{ pages: ProfilePages; close: () => Promise<void> }>,
): void {
  describe(`profile pages: ${name}`, () => {
    const IDS = ['B', 'a', 'b', 'ä', '\u{ffee}', '\u{1f600}'];

    it('gives every subscriber once, in byte order, in pages with their zones and anchors', async () => {
      const profiles = IDS.map((subscriberId, n) =>
        aProfile(subscriberId, { zone: n < 4 ? 'Europe/Berlin' : 'UTC', anchorDay: 1 + (n % 2) }),
      );
      const { pages, close } = await open([...profiles].reverse(), []);
      try {
        const found = [];
        for await (const page of pages.pages(4)) found.push(page);
        expect(
          found.map(({ json }) => (JSON.parse(json) as SubscriberProfile[]).map((one) => one.subscriberId)),
        ).toEqual([IDS.slice(0, 4), IDS.slice(4)]);
        expect(JSON.parse(found[0]?.json ?? '')).toEqual(profiles.slice(0, 4));
        expect(found.map(({ count, lastId }) => [count, lastId])).toEqual([
          [4, 'ä'],
          [2, '\u{1f600}'],
        ]);
        const rules = found[0]?.rules.toSorted((a, b) => a.anchorDay - b.anchorDay);
        expect(rules).toEqual([1, 2].map((anchorDay) => ({ zone: 'Europe/Berlin', anchorDay })));
        expect(await pages.count()).toBe(6);
      } finally {
        await close();
      }
    });

    it('may be left in the middle, and read again', async () => {
      const { pages, close } = await open(
        IDS.map((subscriberId) => aProfile(subscriberId)),
        [],
      );
      try {
        for (let round = 0; round < 5; round += 1) {
          for await (const page of pages.pages(1)) {
            expect(page.lastId).toBe('B');
            break;
          }
        }
      } finally {
        await close();
      }
    });

    it('gives nothing where there is nothing, and the newest version of each plan', async () => {
      const plan = (planId: string, version: number): PlanVersion => ({
        planId,
        version,
        family: 'home',
        capBytes: version,
        counted: 'both',
        downBps: 1,
        upBps: 1,
        overage: null,
        classFactors: {},
        offPeakFactors: {},
      });
      const { pages, close } = await open([], [plan('b', 9), plan('b', 10), plan('a', 1)]);
      try {
        for await (const page of pages.pages(3)) throw new Error(`a page of ${page.count}`);
        expect((await pages.plans()).map(({ planId, version }) => [planId, version])).toEqual([
          ['a', 1],
          ['b', 10],
        ]);
        expect(await pages.count()).toBe(0);
      } finally {
        await close();
      }
    });
  });
}
