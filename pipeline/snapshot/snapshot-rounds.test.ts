import { describe, expect, it } from 'vitest';
import { MemorySnapshotStore } from '../../storage/memory/snapshot-store.ts';
import type { StoredSnapshot } from '../../storage/snapshot-ports.ts';
import { fromArray } from './snapshot-factory.contract.ts';
import { SnapshotRounds } from './snapshot-rounds.ts';

const HOUR = 3_600_000;
const [group, topic] = ['weir', 'accounting'];

/** Rounds of every 6 h over a store, a clock that is set by hand, and a worker that fails or has nothing to write. */
function rig(owned: number[]) {
  const snapshots = new MemorySnapshotStore();
  const state = {
    nowMs: 1_000 * HOUR,
    owned,
    failing: [] as number[],
    empty: [] as number[],
    asked: [] as number[],
    note: null as number | null | Error,
  };
  const write = (partition: number, takenAtMs = state.nowMs): Promise<StoredSnapshot> => {
    return snapshots.put({ slot: { group, topic, partition }, position: 1, takenAtMs }, fromArray([]));
  };
  const rounds = new SnapshotRounds({
    snapshots,
    group,
    topic,
    owned: () => state.owned,
    intervalMs: 6 * HOUR,
    nowMs: () => state.nowMs,
    asked: () => (state.note instanceof Error ? Promise.reject(state.note) : Promise.resolve(state.note)),
    log: { info: () => undefined, warn: () => undefined },
    snapshot: async (partition) => {
      state.asked.push(partition);
      if (state.failing.includes(partition)) throw new Error('the disk is full');
      return state.empty.includes(partition) ? null : write(partition);
    },
  });
  const turns = async (count: number): Promise<(number | null)[]> => {
    const taken: (number | null)[] = [];
    for (let i = 0; i < count; i += 1, state.nowMs += 1_000) taken.push(await rounds.turn());
    return taken;
  };
  return { state, snapshots, rounds, write, turns };
}

describe('SnapshotRounds', () => {
  it('takes partitions in turn, then waits for the interval', async () => {
    const { state, turns } = rig([2, 0, 1]);
    expect(await turns(4)).toEqual([0, 1, 2, null]);
    state.nowMs = 1_006 * HOUR - 1;
    expect(await turns(1)).toEqual([null]);
    expect(await turns(4)).toEqual([0, 1, 2, null]);
  });

  it('goes by what the store lists: the oldest first, whoever wrote it', async () => {
    const { state, write, turns } = rig([0, 1, 2]);
    await write(0, state.nowMs - 7 * HOUR);
    await write(0, state.nowMs - 30 * HOUR);
    await write(1, state.nowMs - 8 * HOUR);
    await write(2, state.nowMs - 1 * HOUR);
    expect(await turns(3)).toEqual([1, 0, null]);
  });

  it('writes one of each that is asked for, once, and goes on in turn from there', async () => {
    const { state, turns } = rig([0, 1]);
    expect(await turns(3)).toEqual([0, 1, null]);
    state.note = state.nowMs;
    expect(await turns(4)).toEqual([0, 1, null, null]);
    state.note = state.nowMs + HOUR;
    expect(await turns(1)).toEqual([null]);
    state.note = new Error('the database is away');
    state.nowMs += 6 * HOUR;
    expect(await turns(3)).toEqual([0, 1, null]);
  });

  it('leaves out partitions of others', async () => {
    const { state, turns } = rig([0]);
    expect(await turns(2)).toEqual([0, null]);
    state.owned = [1];
    expect(await turns(2)).toEqual([1, null]);
  });

  it('lets one that fails or is empty not keep the others from their turn', async () => {
    const { state, turns } = rig([0, 1, 2]);
    state.failing = [0];
    state.empty = [1];
    expect(await turns(5)).toEqual([0, 1, 2, null, null]);
    state.nowMs += HOUR;
    expect(await turns(3)).toEqual([0, 1, null]);
    state.failing = [];
    state.nowMs += HOUR;
    expect(await turns(3)).toEqual([0, 1, null]);
    state.nowMs += HOUR;
    expect(await turns(2)).toEqual([1, null]);
  });

  it('does not wait for a time that another clock ran ahead to', async () => {
    const { state, write, turns } = rig([0]);
    await write(0, state.nowMs + 10_000 * HOUR);
    expect(await turns(2)).toEqual([0, null]);
    await write(0, state.nowMs + 10_001 * HOUR);
    state.nowMs += HOUR;
    expect(await turns(1)).toEqual([null]);
    state.nowMs += 5 * HOUR;
    expect(await turns(2)).toEqual([0, null]);
  });

  it('throws where the snapshots cannot be listed: nothing is written then', async () => {
    const { state, snapshots, rounds } = rig([0]);
    snapshots.list = () => Promise.reject(new Error('away'));
    await expect(rounds.turn()).rejects.toThrow('away');
    expect(state.asked).toEqual([]);
  });
});
