import { expect, it } from 'vitest';
import { LogBuilder, MINUTE, NOON } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';

it('adds to a window that began after the last event of every session, in memory or read again', async () => {
  const log = new LogBuilder()
    .enforced()
    .record({ eventTimeMs: NOON, sessionTimeSeconds: 2400, outputOctets: 3000, inputOctets: 600 })
    // Less time and fewer octets one way: an old record under a new stamp. What it has more of counts, eight minutes later.
    .record({
      eventTimeMs: NOON + 8 * MINUTE,
      sessionTimeSeconds: 2100,
      outputOctets: 1600,
      inputOctets: 4600,
    })
    .record({ eventTimeMs: NOON + 8 * MINUTE, sessionId: 's2', sessionTimeSeconds: 60, outputOctets: 70 });
  const rows = async (batch: number, cachedSubscribers: number): Promise<string[]> => {
    const rig = new WorkerRig(log.inputs);
    rig.cachedSubscribers = cachedSubscribers;
    await rig.run(() => batch);
    return rig.store.dumpText(SLOT, ['rows', 'values']);
  };
  expect(await rows(1, 0)).toEqual(await rows(100, 100));
});
