import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import { HOUR, LogBuilder, NOON, capPolicy, plan, profile } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';

function usage(records: number): LogBuilder {
  const log = new LogBuilder();
  for (let i = 0; i < records; i += 1) log.record({ eventTimeMs: NOON + i * 1000, outputOctets: i * 10 });
  return log;
}

function retriable(): AppError {
  return new AppError('unreachable', 'the store is away', { retriable: true });
}

describe('Worker', () => {
  it('shows a partition that a defect halted', async () => {
    let broken = false;
    const rig = new WorkerRig(usage(4).inputs, {
      fault: (point) => {
        if (broken && point === 'commit') throw new TypeError('a defect');
      },
    });
    const worker = rig.worker();
    const position = await rig.open(worker);
    broken = true;
    await expect(rig.deliver(worker, position, 4)).rejects.toThrow('a defect');
    expect([...worker.halted.keys()]).toEqual([0]);
    broken = false;
    expect(await rig.open(worker)).toBe(0);
    expect(worker.halted.size).toBe(0);
  });

  it('lets go of what halted a partition when it goes to somebody else', async () => {
    const rig = new WorkerRig(usage(1).inputs, {
      fault: (point) => {
        if (point === 'commit') throw new TypeError('a defect');
      },
    });
    const worker = rig.worker();
    await rig.open(worker);
    await expect(rig.deliver(worker, 0, 1)).rejects.toThrow('a defect');
    await worker.close(0);
    expect(worker.halted.size).toBe(0);
  });

  it('ticks a silent partition whose state lost its tail, so that it is loaded again and catches up', async () => {
    const rig = new WorkerRig(usage(4).inputs);
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, 2);
    const older = rig.store.copySlot(SLOT);
    await rig.deliver(worker, 2, 2);
    rig.store.restoreSlot(SLOT, older);
    await worker.checkOwnership();
    expect(worker.states).toEqual([]);
    expect(worker.tickedSlots).toMatchObject([{ partition: 0, position: 4 }]);
    expect(worker.unloaded).toEqual([{ partition: 0, position: 4, watermarkMs: expect.any(Number) }]);
    await worker.close(0);
    expect(worker.tickedSlots).toEqual([]);
  });

  it('tells the committed position while a batch is in hand, not the one that it will have reached', async () => {
    const seen: unknown[] = [];
    const rig = new WorkerRig(usage(4).inputs, {
      fault: (point) => {
        if (point === 'commit') seen.push(worker.loaded[0]?.position, worker.tickedSlots[0]?.position);
      },
    });
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, 2);
    await rig.deliver(worker, 2, 2);
    expect(seen).toEqual([0, 0, 2, 2]);
    expect(worker.loaded).toMatchObject([{ partition: 0, position: 4 }]);
    await worker.close(0);
  });

  it('tells the committed position of a slot that cannot be loaded, not the one that its lost batch would have reached', async () => {
    let broken = false;
    const rig = new WorkerRig(usage(4).inputs, {
      fault: (point) => {
        if (broken && point === 'commit') throw retriable();
      },
    });
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, 2);
    broken = true;
    expect(await rig.deliver(worker, 2, 2)).toBe(2);
    expect(worker.unloaded).toMatchObject([{ partition: 0, position: 2 }]);
    broken = false;
    expect(await rig.deliver(worker, 2, 2)).toBe(4);
    expect(worker.unloaded).toEqual([]);
  });

  it('commits a flood of catalogue controls in several steps: a store takes a bounded number at once', async () => {
    const log = new LogBuilder();
    for (let i = 0; i < 6000; i += 1)
      log.control({ kind: 'nas-profile', nas: defaultNasProfile(`nas-${i}`) });
    log.record({ eventTimeMs: NOON + HOUR });
    const rig = new WorkerRig(log.inputs);
    const sizes: number[] = [];
    const { store } = rig;
    const commit = store.commit.bind(store);
    store.commit = (given) => {
      sizes.push(given.meta.length);
      return commit(given);
    };
    await rig.run(() => 10_000);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3000);
  });

  it('commits a flood of NAS in several steps: what is learned of them is written with the position', async () => {
    const log = new LogBuilder();
    for (let i = 0; i < 5000; i += 1) log.record({ nasId: `nas-${i}`, subscriberId: `sub-${i % 9}` });
    const rig = new WorkerRig(log.inputs);
    const sizes: number[] = [];
    const { store } = rig;
    const commit = store.commit.bind(store);
    store.commit = (given) => {
      sizes.push(given.meta.length);
      return commit(given);
    };
    await rig.run(() => 10_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3000);
    expect(sizes.length).toBeLessThan(10);
  });

  it('reads on while actions are held: it is by reading that they become free', async () => {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'policy-version', policy: capPolicy() });
    const ids = Array.from({ length: 1100 }, (_, i) => `sub-${i}`);
    for (const subscriberId of ids)
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId }) });
    log.record({ eventTimeMs: NOON });
    for (const subscriberId of ids)
      log.record({ subscriberId, eventTimeMs: NOON + HOUR, outputOctets: 5000, sessionTimeSeconds: 60 });
    const { length } = log.inputs;
    const rig = new WorkerRig(log.inputs);
    await rig.marks.raise(SLOT, length);
    const worker = rig.worker();
    await rig.open(worker);
    expect(await rig.deliver(worker, 0, length - 1)).toBe(length - 1);
    expect(worker.held).toEqual([0]);
    expect(worker.pressedPartitions).toEqual([]);
    rig.ledger.isDown = true;
    await rig.deliver(worker, length - 1, 1);
    expect(worker.held).toEqual([]);
    expect(worker.pressedPartitions).toEqual([0]);
    rig.ledger.isDown = false;
    await worker.quiet(1);
    await worker.close(0);
  });

  it('writes with the next commit what reached analytics while one was under way', async () => {
    let through = 0;
    const rig = new WorkerRig(usage(3).inputs, {
      fault: (point) => {
        if (point === 'acknowledge') worker.flushed(0, through);
      },
    });
    const worker = rig.worker();
    await rig.open(worker);
    through = 1;
    await rig.deliver(worker, 0, 2);
    await rig.deliver(worker, 2, 1);
    const { meta } = await rig.store.readHead(SLOT);
    expect(Buffer.from(meta.get('flushed') ?? []).toString()).toBe('1');
    await worker.close(0);
  });
});
