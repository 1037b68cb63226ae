import { expect, it } from 'vitest';
import { inTurn, TooManyChecks } from './check-queue.ts';
import type { Check } from './check-queue.ts';

const TEXTS = { policies: [], provider: null };
const CONTEXT = { settings: {} as never, plans: null, inForce: [] };
const CHECKED = { settings: null, providerFindings: [], policies: [] };

/** Checks that end when told; how many were begun. */
function rig(most: number) {
  const begun: (() => void)[] = [];
  const check: Check = () => new Promise((resolve) => begun.push(() => resolve(CHECKED)));
  const queue = inTurn(check, most);
  return { begun, ask: (signal?: AbortSignal) => queue(TEXTS, CONTEXT, signal) };
}

/** Lets what is ready run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('checks one after the other, and refuses what would wait too long', async () => {
  const { begun, ask } = rig(2);
  const [first, second] = [ask(), ask()];
  await expect(ask()).rejects.toBeInstanceOf(TooManyChecks);
  await settled();
  expect(begun).toHaveLength(1);
  begun[0]?.();
  await first;
  await settled();
  const third = ask();
  begun[1]?.();
  await second;
  await settled();
  begun[2]?.();
  expect(await third).toBe(CHECKED);
});

it('does not begin for who waits no longer, and goes on after a failure', async () => {
  const { begun, ask } = rig(3);
  const gone = new AbortController();
  const [first, second, third] = [ask(), ask(gone.signal), ask()];
  await settled();
  gone.abort();
  await expect(second).rejects.toMatchObject({ code: 'timeout' });
  begun[0]?.();
  await first;
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]?.();
  await third;
});
