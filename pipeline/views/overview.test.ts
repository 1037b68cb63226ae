import { expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { LogBuilder, NOON } from '../../tests/factories.ts';
import { WorkerRig } from '../../tests/worker-rig.ts';
import { ProgressHealth, STUCK_AFTER_MS } from './health.ts';
import { partitionViews } from './overview.ts';

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
