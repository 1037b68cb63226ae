import { expect, it } from 'vitest';
import { LogBuilder, MINUTE, NOON, capPolicy } from '../../tests/factories.ts';
import { WorkerRig } from '../../tests/worker-rig.ts';

it('reads ahead what is left of a batch that is committed in parts, not what is done', async () => {
  const log = new LogBuilder();
  const record = (i: number, eventTimeMs: number): unknown =>
    log.record({ subscriberId: `sub-${i}`, eventTimeMs, outputOctets: 10 });
  for (let i = 0; i < 4500; i += 1) record(i, NOON);
  const before = log.inputs.length;
  record(7, NOON + MINUTE);
  log.control({ kind: 'policy-version', policy: capPolicy() });
  for (let i = 10; i < 20; i += 1) record(i, NOON + MINUTE);
  const rig = new WorkerRig(log.inputs);
  // Everybody leaves memory with each commit.
  rig.cachedSubscribers = 0;
  const worker = rig.worker();
  await rig.open(worker);
  await rig.deliver(worker, 0, before);
  let reads = 0;
  let commits = 0;
  const { store } = rig;
  const { readValues, commit } = store;
  store.readValues = (slot, fields) => {
    if (fields.some(({ field }) => field === 'hsub-7')) reads += 1;
    return readValues.call(store, slot, fields);
  };
  store.commit = (given) => {
    commits += 1;
    return commit.call(store, given);
  };
  expect(await rig.deliver(worker, before, 100)).toBe(log.inputs.length);
  expect(commits).toBeGreaterThan(1);
  expect(reads).toBe(1);
  await worker.close(0);
});
