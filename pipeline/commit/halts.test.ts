import { describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import { LogBuilder, NOON, SETTINGS } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';
import type { PartitionMarks } from '../../storage/ports.ts';
import { emptySlot } from '../fold/slot-state.ts';
import { CORE_FIELD } from './load-slot.ts';
import { encodeCore } from './slot-codec.ts';
import type { Worker } from './worker.ts';

/** A rig whose slot stands at offset 4 of 6; `lost` = and is emptied then. */
async function rigAtFour(lost: boolean): Promise<WorkerRig> {
  const log = new LogBuilder();
  for (let i = 0; i < 6; i += 1) log.record({ eventTimeMs: NOON + i * 1000, outputOctets: i });
  const rig = new WorkerRig(log.inputs);
  const empty = rig.store.copySlot(SLOT);
  const worker = rig.worker();
  await rig.open(worker);
  expect(await rig.deliver(worker, 0, 4)).toBe(4);
  await worker.checkOwnership();
  if (lost) rig.store.restoreSlot(SLOT, empty);
  return rig;
}

async function opened(worker: Worker, marks: PartitionMarks): Promise<string> {
  try {
    return `at ${String(await worker.open(0, marks))}`;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('what a partition halts on, and what it says should be done', () => {
  it.each([
    [
      'state is gone, and so is the log’s beginning',
      true,
      { low: 1, high: 6, groupOffset: null },
      'tail-lost',
      'weir state rebuild',
    ],
    [
      'records were deleted before they were read',
      false,
      { low: 5, high: 6, groupOffset: 4 },
      'position-out-of-range',
      'weir state rebuild --partition 0 --from-log --force',
    ],
    [
      'state lost its tail, and the log does not continue it',
      false,
      { low: 5, high: 9, groupOffset: 8 },
      'tail-lost',
      'weir state rebuild --partition 0 --force',
    ],
    [
      'the log lost its end',
      false,
      { low: 0, high: 3, groupOffset: null },
      'position-out-of-range',
      'weir state rebuild --partition 0 --force',
    ],
  ])('%s', async (_what, lost, marks, code, advice) => {
    const worker = (await rigAtFour(lost)).worker();
    let said = await opened(worker, marks);
    // What looks like the log's end is looked at once more: it may have been asked for too early.
    if (worker.halted.size === 0) said = await opened(worker, marks);
    expect(said).toContain(`${code}: `);
    expect(said).toContain(advice);
    expect([...worker.halted.keys()]).toEqual([0]);
  });

  it.each([
    ['an empty slot of a log that was never read begins where that begins', true, false, 3],
    ['one whose state is gone begins anew where the log is whole', true, true, 0],
    ['one that stands within the log goes on', false, true, 4],
  ])('%s', async (_what, lost, marked, position) => {
    const rig = await rigAtFour(lost);
    const other = marked ? rig : new WorkerRig([]);
    const low = marked ? 0 : 3;
    const worker = other.worker();
    expect(await opened(worker, { low, high: 6, groupOffset: null })).toBe(`at ${String(position)}`);
    expect(worker.held).toEqual(lost && marked ? [0] : []);
  });

  it('another number of partitions', async () => {
    const rig = await rigAtFour(true);
    const { lease } = await rig.store.acquire(SLOT);
    const core = encodeCore(emptySlot(0, { ...SETTINGS, partitionCount: SETTINGS.partitionCount + 1 }, 4));
    const nothing = { outbox: [], rows: [], deletedGroups: [], deletedRows: [], due: [], values: [] };
    const { token, seq } = lease;
    const commit = { slot: SLOT, token, seq: seq + 1, commitId: 'made', position: 4, ...nothing };
    await rig.store.commit({ ...commit, meta: [{ field: CORE_FIELD, value: core }] });
    const worker = rig.worker();
    const said = await opened(worker, { low: 0, high: 6, groupOffset: null });
    expect(said).toContain('partition-count-changed: ');
    expect(said).toContain('move to a new topic instead');
    expect([...worker.halted.keys()]).toEqual([0]);
  });
});
