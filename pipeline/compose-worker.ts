import type { Assembly } from './compose-parts.ts';
import { jobStore } from './compose-jobs.ts';
import { snapshotsPart } from './compose-snapshots.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { Ticker } from './relay/ticks.ts';
import { every } from './schedule/every.ts';
import { askedOf } from './schedule/snapshot-job.ts';
import { writeSnapshot } from './snapshot/write-snapshot.ts';

/** Runs looked through for one by hand; the others come every hour. */
const NOTES_LOOKED_AT = 24;

/** Reads, meters, commits. Its stop: no more fetches, what is in hand committed, flushed, then the group is left. */
export function workerPart(
  { config, log, pipeline, pressure }: Assembly,
  complain: (error: unknown) => void,
): LifecyclePart {
  const { worker, flusher } = pipeline;
  const { source } = log;
  const ticker = new Ticker(log.writer, () => worker.tickedSlots, Date.now);
  const ends: (() => Promise<void>)[] = [];
  return {
    name: 'worker',
    start: async () => {
      await source.start(worker);
      ends.push(every(1000, () => worker.checkOwnership(), complain));
      ends.push(every(100, () => pressure.beat(), complain));
      if (!config.simulatedTime) ends.push(every(1000, () => ticker.beat(), complain));
    },
    stop: async (graceMs) => {
      // Not awaited before the rest: a heartbeat or tick in hand may be waiting for a server that is away.
      const ended = Promise.all(ends.map((end) => end()));
      for (const { partition } of [...worker.states, ...worker.unloaded]) source.pause(partition);
      await worker.quiet(graceMs / 3);
      await flusher.drain(graceMs / 3);
      await source.stop();
      await ended;
    },
  };
}

/** Snapshots of the slots that this process owns, in turn. */
export function workerSnapshotsPart({
  config,
  around,
  stores,
  pipeline,
  simulation,
}: Assembly): LifecyclePart {
  const { worker } = pipeline;
  const { store } = stores;
  const nowMs = (): number => simulation?.provider.nowMs ?? Date.now();
  const jobs = jobStore(config, stores);
  return snapshotsPart({
    config,
    log: around.telemetry.log,
    owned: () => worker.states.map(({ partition }) => partition),
    snapshot: (partition, snapshots) =>
      worker.snapshot(partition, (slot, lease, { blobVersion }) =>
        writeSnapshot({ store, snapshots, stateVersion: blobVersion, nowMs }, slot, lease),
      ),
    asked: async () => askedOf(await jobs.runs('snapshots', NOTES_LOOKED_AT)),
    nowMs,
  });
}
