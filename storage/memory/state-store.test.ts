import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { aCommit, aSlot, after, headText, utf8, viewOf } from '../slot-factory.contract.ts';
import { slotMarksContract } from '../slot-marks.contract.ts';
import { stateStoreContract } from '../state-store.contract.ts';
import { MemorySlotMarks } from './slot-marks.ts';
import { MemoryStateStore } from './state-store.ts';
import type { FaultPoint, MemoryStateStoreOptions } from './state-store.ts';

stateStoreContract('memory', async () => {
  let broken = false;
  let buckets = 0;
  const store = new MemoryStateStore({
    fault(point) {
      if (point === 'commit') buckets = 0;
      if (point !== 'values') return;
      buckets += 1;
      if (broken && buckets === 2) throw new AppError('store-corrupt', 'broken on purpose');
    },
  });
  return {
    store,
    async copySlot(slot) {
      const copy = store.copySlot(slot);
      return async () => {
        store.restoreSlot(slot, copy);
      };
    },
    async breakHalfway() {
      broken = true;
      return async () => {
        broken = false;
      };
    },
    close: () => store.close(),
  };
});

const memoryMarks = new MemorySlotMarks();
slotMarksContract('memory', () => memoryMarks);

describe('MemoryStateStore', () => {
  const slot = aSlot();
  const everything = {
    outbox: [{ n: 1, bytes: utf8('o') }],
    rows: [{ group: 'w', field: 'a', value: utf8('r') }],
    due: [{ key: 'k', dueMs: 1 }],
    values: [{ bucket: 1, field: 'a', value: utf8('v') }],
    meta: [{ field: 'core', value: utf8('m') }],
    deletedGroups: ['w'],
  };

  it.each<[FaultPoint, string[]]>([
    ['outbox', []],
    ['rows', ['outbox']],
    ['values', ['outbox', 'rows']],
    ['due', ['outbox', 'rows', 'values']],
    ['meta', ['outbox', 'rows', 'due', 'values']],
    ['deletes', ['outbox', 'rows', 'due', 'values', 'position']],
    ['acknowledge', ['outbox', 'due', 'values', 'position']],
  ])('tears a commit at %s', async (strikeAt, written) => {
    const store = new MemoryStateStore({
      fault(point) {
        if (point === strikeAt) throw new AppError('store-unknown-outcome', 'on purpose');
      },
    });
    const { lease } = await store.acquire(slot);
    await expect(store.commit(aCommit(slot, lease, everything))).rejects.toMatchObject({
      code: 'store-unknown-outcome',
    });
    const view = await viewOf(store, slot);
    const found = {
      outbox: (await store.acquire(slot)).outbox.length > 0,
      rows: view.rows.length > 0,
      due: view.due.length > 0,
      values: view.values.length > 0,
      position: view.position !== null,
    };
    expect(Object.entries(found).flatMap(([name, is]) => (is ? [name] : []))).toEqual(written);
  });

  it('answers already after a lost acknowledgement', async () => {
    let lost = false;
    const store = new MemoryStateStore({
      fault(point) {
        if (point !== 'acknowledge' || lost) return;
        lost = true;
        throw new AppError('store-unknown-outcome', 'on purpose');
      },
    });
    const { lease } = await store.acquire(slot);
    const commit = aCommit(slot, lease, everything);
    await expect(store.commit(commit)).rejects.toThrow();
    expect(await store.commit(commit)).toBe('already');
    expect(await store.commit(aCommit(slot, after(lease)))).toBe('applied');
  });

  it('leaves a torn clear with its head, and takes it up again', async () => {
    let parts = 0;
    const store = new MemoryStateStore({
      fault(point) {
        if (point === 'clear' && ++parts === 5) throw new AppError('unreachable', 'on purpose');
      },
    });
    const { lease } = await store.acquire(slot);
    await store.commit(aCommit(slot, lease, everything));
    await expect(store.clear(slot, after(lease))).rejects.toThrow();
    expect(await viewOf(store, slot)).toMatchObject({
      position: 100,
      meta: { core: 'm' },
      values: [],
      due: [],
    });
    expect(await store.clear(slot, after(lease))).toBe(true);
    expect(store.dumpText(slot)).toEqual(['["position"] = 6e756c6c']);
  });

  it('leaves out the checks that a simulation tells it to', async () => {
    const make = (ignore: MemoryStateStoreOptions['ignore']): MemoryStateStore =>
      new MemoryStateStore(ignore === undefined ? {} : { ignore });
    const zombieCommit = async (store: MemoryStateStore): Promise<unknown> => {
      const { lease } = await store.acquire(slot);
      await store.acquire(slot);
      return [await store.holds(slot, lease), await store.commit(aCommit(slot, lease))];
    };
    expect(await zombieCommit(make(undefined))).toEqual([false, 'rejected']);
    expect(await zombieCommit(make({ seq: true, commitId: true }))).toEqual([false, 'rejected']);
    expect(await zombieCommit(make({ token: true }))).toEqual([true, 'applied']);

    const lateCommit = async (store: MemoryStateStore): Promise<unknown> => {
      const { lease } = await store.acquire(slot);
      await store.commit(aCommit(slot, lease));
      return [await store.holds(slot, lease), await store.commit(aCommit(slot, lease))];
    };
    expect(await lateCommit(make({ token: true, commitId: true }))).toEqual([false, 'rejected']);
    expect(await lateCommit(make({ seq: true }))).toEqual([true, 'applied']);

    const repeated = async (store: MemoryStateStore): Promise<unknown> => {
      const commit = aCommit(slot, (await store.acquire(slot)).lease);
      await store.commit(commit);
      return store.commit(commit);
    };
    expect(await repeated(make({ token: true, seq: true }))).toBe('already');
    expect(await repeated(make({ commitId: true }))).toBe('rejected');
  });

  it('dumps the same bytes for the same content, however it came about', async () => {
    const values = ['a', 'b', 'c'].map((field) => ({ bucket: 1, field, value: utf8(field) }));
    const one = new MemoryStateStore();
    await one.commit(aCommit(slot, (await one.acquire(slot)).lease, { values, position: 3 }));
    const other = new MemoryStateStore();
    let { lease } = await other.acquire(slot);
    for (const [i, value] of values.toReversed().entries()) {
      const outbox = [{ n: i, bytes: utf8('x') }];
      await other.commit(aCommit(slot, lease, { values: [value], position: i + 1, outbox }));
      lease = after(lease);
    }
    expect(Buffer.from(other.dump(slot))).toEqual(Buffer.from(one.dump(slot)));
    expect(other.dumpText(slot)).toEqual(one.dumpText(slot));
    expect(other.dumpText(slot, ['outbox'])).not.toEqual(one.dumpText(slot, ['outbox']));
    await other.commit(
      aCommit(slot, lease, { values: [{ bucket: 1, field: 'a', value: utf8('z') }], position: 3 }),
    );
    expect(Buffer.from(other.dump(slot))).not.toEqual(Buffer.from(one.dump(slot)));
  });

  it('takes its tokens from the simulation', async () => {
    const tokens = ['t1', 't2'];
    const store = new MemoryStateStore({ newToken: () => tokens.shift() ?? 'none left' });
    expect((await store.acquire(slot)).lease.token).toBe('t1');
    const head = await store.acquire(slot);
    expect(head.lease.token).toBe('t2');
    expect(headText(head)).toMatchObject({ epoch: 2 });
  });
});
