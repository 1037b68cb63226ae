import { describe, expect, it } from 'vitest';
import { LogBuilder, MINUTE, NOON, SETTINGS, freshSlot, fold } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';
import { NEWEST_BLOB_VERSION, newSubscriber } from '../fold/slot-state.ts';
import { buildCommit } from './build-commit.ts';
import { decodeHot, OLDEST_BLOB_VERSION } from './subscriber-codec.ts';

const IDS = ['a', 'b', 'c'];

/** One record of each in the first half, one of `a` and `b` in the second. */
function log(): { log: LogBuilder; half: number } {
  const made = new LogBuilder();
  for (const subscriberId of IDS) made.record({ subscriberId, eventTimeMs: NOON, outputOctets: 10 });
  const half = made.inputs.length;
  const later = { eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 30 };
  made.record({ subscriberId: 'a', ...later });
  made.control({ kind: 'fold-version', version: NEWEST_BLOB_VERSION });
  return { log: made.record({ subscriberId: 'b', ...later }), half };
}

/** A store as the program before left it: the first half of the log in the older layout. */
async function olderStore(): Promise<{ rig: WorkerRig; half: number }> {
  const { log: made, half } = log();
  const rig = new WorkerRig(made.inputs);
  const state = freshSlot();
  state.blobVersion = OLDEST_BLOB_VERSION;
  const effects = fold(state, made.inputs.slice(0, half));
  const { lease } = await rig.store.acquire(SLOT);
  const retention = { flushedThrough: 0, committedFlushed: 0, oneShots: [] };
  expect(await rig.store.commit(buildCommit(SLOT, lease, 'c', state, effects, retention, []))).toBe(
    'applied',
  );
  return { rig, half };
}

async function versions({ store }: WorkerRig): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for await (const values of store.loadValues(SLOT))
    for (const { field, value } of values) if (field.startsWith('h')) found[field.slice(1)] = value[0] ?? -1;
  const { meta } = await store.readHead(SLOT);
  found['core'] = meta.get('core')?.[0] ?? -1;
  return found;
}

describe('the layout of a slot', () => {
  it('stays the older one until a control raises it; values are rewritten as they are touched', async () => {
    const { rig, half } = await olderStore();
    const [old, newest] = [OLDEST_BLOB_VERSION, NEWEST_BLOB_VERSION];
    const worker = rig.worker();
    expect(await rig.open(worker)).toBe(half);
    await rig.deliver(worker, half, 1);
    expect(await versions(rig)).toEqual({ a: old, b: old, c: old, core: old });
    await rig.deliver(worker, half + 1, 1);
    expect(await versions(rig)).toEqual({ a: old, b: old, c: old, core: newest });
    await rig.deliver(worker, half + 2, 1);
    expect(await versions(rig)).toEqual({ a: old, b: newest, c: old, core: newest });
    await worker.close(0);
  });

  it('is read in both: figures go on as if it had always been the newest', async () => {
    const { rig } = await olderStore();
    rig.cachedSubscribers = 0;
    await rig.run(() => 1);
    const straight = new WorkerRig(log().log.inputs);
    await straight.run(() => 100);
    const downs = async ({ store }: WorkerRig): Promise<Record<string, number | undefined>> => {
      const found: Record<string, number | undefined> = {};
      for await (const values of store.loadValues(SLOT)) {
        for (const { field, value } of values) {
          if (!field.startsWith('h')) continue;
          const subscriber = newSubscriber(field.slice(1), SETTINGS);
          decodeHot(value, subscriber);
          found[subscriber.id] = subscriber.cycles[0]?.down;
        }
      }
      return found;
    };
    expect(await downs(rig)).toEqual({ a: 30, b: 30, c: 10 });
    expect(await downs(straight)).toEqual({ a: 30, b: 30, c: 10 });
  });

  it.each([OLDEST_BLOB_VERSION, NEWEST_BLOB_VERSION + 1, 1])(
    'is never lowered, nor raised to one that this program does not write (%i)',
    (version) => {
      const state = freshSlot();
      fold(state, new LogBuilder().control({ kind: 'fold-version', version }).inputs);
      expect(state.blobVersion).toBe(NEWEST_BLOB_VERSION);
    },
  );
});
