import { expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { LogBuilder, NOON } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';
import { ProgressHealth, STUCK_AFTER_MS } from './health.ts';
import { partitionViews, readOverview } from './overview.ts';
import { RateMeter } from './rate-meter.ts';

const source = { highWatermarks: async () => new Map([[0, 2]]) };

function rigThatFails(error: Error): WorkerRig {
  const log = new LogBuilder().record({ eventTimeMs: NOON }).record({ eventTimeMs: NOON + 1000 });
  return new WorkerRig(log.inputs, {
    fault: (point) => {
      if (point === 'commit') throw error;
    },
  });
}

it('keeps a partition in sight whose slot was dropped: it is not well when it stays so', async () => {
  const rig = rigThatFails(new AppError('unreachable', 'the store is away', { retriable: true }));
  const worker = rig.worker();
  await rig.open(worker);
  await rig.deliver(worker, 0, 2);
  const health = new ProgressHealth();
  const [view, ...others] = await partitionViews({ worker, source });
  expect(view).toMatchObject({ partition: 0, position: 0, lag: 2, status: 'loading', reason: null });
  expect(others).toEqual([]);
  expect(health.check(await partitionViews({ worker, source }), 0).ok).toBe(true);
  const later = health.check(await partitionViews({ worker, source }), STUCK_AFTER_MS + 1);
  expect(later.problems).toEqual([expect.stringContaining('has not moved from offset 0')]);
});

it('is not well at once when a defect halts a partition', async () => {
  const rig = rigThatFails(new TypeError('a defect'));
  const worker = rig.worker();
  await rig.open(worker);
  await expect(rig.deliver(worker, 0, 2)).rejects.toThrow('a defect');
  const views = await partitionViews({ worker, source });
  expect(views).toMatchObject([{ partition: 0, lag: 2, status: 'halted', reason: 'defect: a defect' }]);
  expect(new ProgressHealth().check(views, 0).ok).toBe(false);
});

it('tells of a partition whose state it cannot read, and of the others as ever', async () => {
  const rig = new WorkerRig(new LogBuilder().record({ eventTimeMs: NOON }).inputs);
  const before = rig.worker();
  await rig.open(before);
  await rig.deliver(before, 0, 1);
  const { lease, position, meta } = await rig.store.acquire(SLOT);
  const core = Uint8Array.from(meta.get('core') ?? []);
  core[0] = 255;
  const nothing = { outbox: [], rows: [], deletedGroups: [], deletedRows: [], due: [], values: [] };
  const commit = { slot: SLOT, token: lease.token, seq: lease.seq + 1, commitId: 'of a newer program' };
  const changed = { position: position ?? 0, meta: [{ field: 'core', value: core }] };
  await rig.store.commit({ ...commit, ...nothing, ...changed });
  const worker = rig.worker();
  await expect(rig.open(worker)).rejects.toMatchObject({ code: 'state-version-unknown' });
  const view = await readOverview({
    version: '1',
    startedAtMs: 0,
    store: rig.store,
    ledger: rig.ledger,
    source: { ...source, partitionCount: async () => 2, topic: SLOT.topic },
    group: SLOT.group,
    worker,
    flusher: { backlogRows: 0, lagSeconds: 0 },
    rate: new RateMeter(),
    nowMs: () => 0,
  });
  expect(view.partitions).toMatchObject([
    { partition: 0, status: 'halted', reason: expect.stringContaining('state-version-unknown') },
  ]);
  expect(view.subscribers).toBe(0);
});
