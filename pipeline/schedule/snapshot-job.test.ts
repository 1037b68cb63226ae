import { expect, it } from 'vitest';
import type { JobContext } from '../../storage/job-ports.ts';
import { MemorySnapshotStore } from '../../storage/memory/snapshot-store.ts';
import { fromArray } from '../snapshot/snapshot-factory.contract.ts';
import { askedOf, snapshotsJob } from './snapshot-job.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 1, 12);
const [group, topic] = ['weir', 'accounting'];

/** The job over a store; workers write what `work` says while it waits, second by second. */
function rig(work: (second: number) => Promise<unknown> = () => Promise.resolve()) {
  const store = new MemorySnapshotStore();
  const told: unknown[] = [];
  const stop = new AbortController();
  let seconds = 0;
  const job = snapshotsJob({
    list: () => store.list(group, topic),
    intervalMs: 6 * HOUR,
    pause: async () => void (await work((seconds += 1))),
  });
  const write = (partition: number, takenAtMs: number) =>
    store.put({ slot: { group, topic, partition }, position: 1, takenAtMs }, fromArray([]));
  const run = (more: Partial<JobContext> = {}) =>
    job({
      ...{ nowMs: NOW, signal: stop.signal, token: 't', last: null, byHand: false },
      progress: (one) => Promise.resolve(void told.push(structuredClone(one))),
      ...more,
    });
  return { write, run, told, stop, seconds: () => seconds };
}

it('tells how old they are and when the next one is due', async () => {
  const { write, run, seconds } = rig();
  await write(0, NOW - 5 * HOUR);
  await write(0, NOW - 11 * HOUR);
  await write(1, NOW - HOUR);
  await write(1, NOW + 900 * HOUR);
  expect(await run()).toEqual({
    ...{ askedMs: null, partitions: 2, oldest: '2026-01-01T07:00:00.000Z' },
    ...{ newest: '2026-01-01T11:00:00.000Z', nextDue: '2026-01-01T13:00:00.000Z' },
  });
  expect(seconds()).toBe(0);
});

it('is content where there is nothing yet', async () => {
  const nothing = { askedMs: null, partitions: 0, oldest: null, newest: null, nextDue: null };
  expect(await rig().run()).toEqual(nothing);
});

it('fails where a partition has had none for longer than the log goes back', async () => {
  const { write, run, told } = rig();
  await write(0, NOW - HOUR);
  await write(3, NOW - 18 * HOUR - 1);
  await expect(run()).rejects.toThrow('no snapshot was written for too long of partition 3');
  expect(told).toHaveLength(1);
});

it('by hand asks the workers, and waits for all of them', async () => {
  const made = rig(async (second) => {
    if (second === 4) await made.write(0, NOW + 4_000);
    if (second === 30) await made.write(1, NOW + 30_000);
  });
  await made.write(0, NOW - HOUR);
  await made.write(1, NOW - HOUR);
  expect(await made.run({ byHand: true })).toMatchObject({ askedMs: NOW, partitions: 2 });
  expect(made.told[0]).toEqual({ askedMs: NOW });
  expect(made.seconds()).toBe(30);
});

it('by hand fails where a worker does not write, and ends when it is told to', async () => {
  const made = rig();
  await made.write(7, NOW - HOUR);
  await expect(made.run({ byHand: true })).rejects.toThrow('no worker has written one of partition 7');
  expect(made.seconds()).toBe(50);
  made.stop.abort();
  await made.run({ byHand: true });
  expect(made.seconds()).toBe(50);
});

it('by hand waits for the first ones for a while', async () => {
  const made = rig(async (second) => {
    if (second === 15) await made.write(0, NOW + 15_000);
  });
  expect(await made.run({ byHand: true })).toMatchObject({ partitions: 1 });
  const none = rig();
  expect(await none.run({ byHand: true })).toMatchObject({ partitions: 0 });
  expect(none.seconds()).toBe(20);
});

it('is a note of the last run by hand', () => {
  const run = (byHand: boolean, progress: unknown) => ({ byHand, progress });
  expect(askedOf([])).toBe(null);
  expect(askedOf([run(false, { askedMs: null, partitions: 3 }), run(true, { askedMs: 5 })])).toBe(5);
  expect(askedOf([run(true, null), run(true, { askedMs: 5 })])).toBe(null);
});
