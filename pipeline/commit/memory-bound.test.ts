import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { LogBuilder, MINUTE, NOON, SETTINGS } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { Subscriber } from '../fold/slot-state.ts';
import { decodeCold, decodeHot } from './subscriber-codec.ts';

/** Rounds of one record for each of so many. */
function rounds(count: number, subscribers: number): LogBuilder {
  const log = new LogBuilder();
  for (let round = 1; round <= count; round += 1) {
    for (let i = 0; i < subscribers; i += 1) {
      log.record({
        subscriberId: `sub-${i}`,
        eventTimeMs: NOON + round * MINUTE,
        sessionTimeSeconds: 60 * round,
        outputOctets: 100 * round,
      });
    }
  }
  return log;
}

/** How often the rig's store is asked for single values and rows. */
function countReads(rig: WorkerRig): { values: number; rows: number; fields: number } {
  const reads = { values: 0, rows: 0, fields: 0 };
  const { store } = rig;
  const { readValues, readRows } = store;
  store.readValues = (slot, fields) => {
    reads.values += 1;
    reads.fields += fields.length;
    return readValues.call(store, slot, fields);
  };
  store.readRows = (slot, keys) => {
    reads.rows += 1;
    return readRows.call(store, slot, keys);
  };
  return reads;
}

describe('subscribers in memory', () => {
  it('are no more than the limit after each commit, over a long log of many', async () => {
    const log = rounds(6, 500);
    const rig = new WorkerRig(log.inputs);
    rig.cachedSubscribers = 40;
    const worker = rig.worker();
    for (let position = await rig.open(worker); position < log.inputs.length;) {
      position = await rig.deliver(worker, position, 25);
      const [state] = worker.states;
      expect(state?.subscribers.size).toBeLessThanOrEqual(40);
      expect(state?.absent.size).toBe(0);
    }
    const [state] = worker.states;
    expect(state?.population).toMatchObject({ subscribers: 500, openSessions: 500 });
    await worker.close(0);
  });

  it('take the room that other slots leave', async () => {
    const log = rounds(1, 30);
    const rig = new WorkerRig(log.inputs);
    rig.settings = { ...SETTINGS, partitionCount: 2 };
    const here = [...Array(30).keys()].filter((i) => partitionOfText(`sub-${i}`, 2) === 0);
    rig.cachedSubscribers = here.length;
    const worker = rig.worker();
    await rig.open(worker);
    await worker.open(1, { low: 0, high: 0, groupOffset: null });
    await rig.deliver(worker, 0, 30);
    expect(worker.states.map(({ subscribers }) => subscribers.size)).toEqual([here.length, 0]);
    await Promise.all([worker.close(0), worker.close(1)]);
  });

  it('stay until their commit is acknowledged: all of a batch are there while it is written', async () => {
    const log = rounds(3, 30);
    const sizes: number[] = [];
    const rig = new WorkerRig(log.inputs, {
      fault: (point) => {
        if (point === 'acknowledge') sizes.push(worker.states[0]?.subscribers.size ?? 0);
      },
    });
    rig.cachedSubscribers = 0;
    const worker = rig.worker();
    for (let position = await rig.open(worker); position < log.inputs.length;)
      position = await rig.deliver(worker, position, 30);
    expect(sizes).toEqual([30, 30, 30]);
    expect(worker.states[0]?.subscribers.size).toBe(0);
    await worker.close(0);
  });

  it('that left are what is stored, to the last field', async () => {
    const log = rounds(4, 20);
    const rig = new WorkerRig(log.inputs);
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, log.inputs.length);
    const kept: ReadonlyMap<string, Subscriber> = worker.states[0]?.subscribers ?? new Map();
    const copies = newSubscriber('', SETTINGS);
    expect(kept.size).toBe(20);
    for await (const values of rig.store.loadValues(SLOT)) {
      for (const { field, value } of values) {
        const subscriber = kept.get(field.slice(1));
        const copy = { ...copies };
        if (field.startsWith('h')) decodeHot(value, copy);
        else decodeCold(value, copy);
        for (const part of field.startsWith('h')
          ? (['sessions', 'cycles', 'mark', 'dueMs'] as const)
          : (['tombstones', 'pastCycles', 'days'] as const))
          expect(copy[part]).toEqual(subscriber?.[part]);
      }
    }
    await worker.close(0);
  });

  it('are dropped with the slot when their commit fails; what is stored is read again', async () => {
    const log = rounds(2, 10);
    let broken = false;
    const rig = new WorkerRig(log.inputs, {
      fault: (point) => {
        if (broken && point === 'commit') throw new AppError('unreachable', 'away', { retriable: true });
      },
    });
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, 10);
    broken = true;
    expect(await rig.deliver(worker, 10, 10)).toBe(10);
    expect(worker.states).toEqual([]);
    broken = false;
    const reads = countReads(rig);
    expect(await rig.deliver(worker, 10, 10)).toBe(20);
    expect(reads.values).toBe(1);
    expect(worker.states[0]?.subscribers.get('sub-3')?.cycles[0]?.down).toBe(200);
    await worker.close(0);
  });
});

describe('reading on demand', () => {
  it('is one look for the subscribers of a batch and one for their rows; none for those in memory', async () => {
    const log = rounds(3, 200);
    const rig = new WorkerRig(log.inputs);
    rig.cachedSubscribers = 0;
    const worker = rig.worker();
    await rig.open(worker);
    const reads = countReads(rig);
    await rig.deliver(worker, 0, 200);
    // Nobody is stored yet: no rows to look for.
    expect(reads).toEqual({ values: 1, rows: 0, fields: 400 });
    rig.cachedSubscribers = 1000;
    await rig.deliver(worker, 200, 200);
    expect(reads).toEqual({ values: 2, rows: 1, fields: 800 });
    await worker.close(0);
  });

  it('of a subscriber that is in memory does not happen', async () => {
    const log = rounds(5, 50);
    const rig = new WorkerRig(log.inputs);
    const worker = rig.worker();
    await rig.open(worker);
    await rig.deliver(worker, 0, 50);
    const reads = countReads(rig);
    await rig.deliver(worker, 50, 200);
    expect(reads).toEqual({ values: 0, rows: 0, fields: 0 });
    await worker.close(0);
  });

  it('asks for a name once a batch, however often it comes, and for controls too', async () => {
    const log = new LogBuilder();
    for (let i = 0; i < 9; i += 1) log.record({ subscriberId: `sub-${i % 3}`, eventTimeMs: NOON + i });
    log.control({ kind: 'operator', command: { type: 're-evaluate', subscriberId: 'sub-9', by: 'ann' } });
    const rig = new WorkerRig(log.inputs);
    const worker = rig.worker();
    await rig.open(worker);
    const reads = countReads(rig);
    await rig.deliver(worker, 0, 10);
    expect(reads).toEqual({ values: 1, rows: 0, fields: 8 });
    await worker.close(0);
  });
});
