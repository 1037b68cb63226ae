import { expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { SubscriberNames } from './subscriber-names.ts';

function rig(maxKept?: number) {
  const asked: string[][] = [];
  const directory = new Map([['ann', 'sub-1']]);
  const clock = { now: 0, failing: false };
  const lookup = {
    subscriberIdsOf: (names: readonly string[]) => {
      asked.push([...names]);
      if (clock.failing) return Promise.reject(new AppError('unreachable', 'away', { retriable: true }));
      return Promise.resolve(new Map([...directory].filter(([name]) => names.includes(name))));
    },
  };
  return { asked, directory, clock, names: new SubscriberNames(lookup, () => clock.now, maxKept) };
}

it('asks once for all names that are not known, and again after 30 s', async () => {
  const { names, asked, directory, clock } = rig();
  expect(await names.resolve(['ann', 'bob', 'ann'])).toEqual(
    new Map([
      ['ann', 'sub-1'],
      ['bob', null],
    ]),
  );
  directory.set('bob', 'sub-2');
  clock.now = 29_999;
  expect((await names.resolve(['bob', 'cid'])).get('bob')).toBeNull();
  expect(asked).toEqual([['ann', 'bob'], ['cid']]);
  clock.now = 30_000;
  expect((await names.resolve(['bob'])).get('bob')).toBe('sub-2');
});

it('asks nobody for nothing', async () => {
  const { names, asked } = rig();
  expect((await names.resolve([])).size).toBe(0);
  expect(asked).toEqual([]);
});

it('keeps no failure', async () => {
  const { names, clock } = rig();
  clock.failing = true;
  await expect(names.resolve(['ann'])).rejects.toMatchObject({ code: 'unreachable' });
  clock.failing = false;
  expect((await names.resolve(['ann'])).get('ann')).toBe('sub-1');
});

it('forgets the oldest beyond its bound', async () => {
  const { names, asked } = rig(2);
  for (const name of ['a', 'b', 'c']) await names.resolve([name]);
  await names.resolve(['b', 'c']);
  expect(asked).toHaveLength(3);
  await names.resolve(['a']);
  expect(asked).toHaveLength(4);
});
