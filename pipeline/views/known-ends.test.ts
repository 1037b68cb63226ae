import { expect, it } from 'vitest';
import { KnownEnds } from './known-ends.ts';

it('keeps what was known last while the log fails or does not answer, and says so', async () => {
  let answer = (): Promise<Map<number, number>> => Promise.resolve(new Map([[0, 7]]));
  const ends = new KnownEnds({ highWatermarks: () => answer() }, 5);
  expect([...(await ends.highWatermarks())]).toEqual([[0, 7]]);
  expect(await ends.answers()).toBe(true);

  answer = () => Promise.reject(new Error('the broker is away'));
  expect([...(await ends.highWatermarks())]).toEqual([[0, 7]]);
  expect(await ends.answers()).toBe(false);

  let release = (): void => undefined;
  answer = () => new Promise((resolve) => (release = () => resolve(new Map([[0, 9]]))));
  expect([...(await ends.highWatermarks())]).toEqual([[0, 7]]);
  expect(await ends.answers()).toBe(false);
  release();
  await expect.poll(async () => [...(await ends.highWatermarks())]).toEqual([[0, 9]]);
});
