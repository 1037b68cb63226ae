import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { bounded } from './policy-bounds.ts';

const reply = () => ({ raw: new EventEmitter() as never });

/** Work that ends when it is told to give up. */
const patient = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve('gave up')));

it('gives up after its time', async () => {
  expect(await bounded(reply(), 1, patient)).toBe('gave up');
});

it('gives up when the connection is closed, and leaves nothing behind', async () => {
  const raw = new EventEmitter();
  const work = bounded({ raw: raw as never }, 60_000, patient);
  raw.emit('close');
  expect(await work).toBe('gave up');
  expect(await bounded({ raw: raw as never }, 60_000, (signal) => Promise.resolve(signal.aborted))).toBe(
    false,
  );
  expect(raw.listenerCount('close')).toBe(0);
});
