import type { Process } from './process.ts';
import type { World } from './world.ts';

/**
 * The heartbeat of one process. Where nothing disturbs it, it proves that the slots of its idle partitions are its own, and
 * has told the slot marks where they stand: a later loss below that must be noticed.
 */
export function heartbeat(world: World, process: Process): void {
  const { network, group } = world;
  const failures = network.failuresOf(process);
  const startedAt = network.step;
  const idle = group.lanes
    .filter((lane) => lane.process === process && lane.state === 'idle')
    .map((lane) => ({ lane, batches: lane.batches, position: lane.position ?? 0 }));
  void process.worker.checkOwnership().then(() => {
    if (!process.alive || network.failuresOf(process) !== failures) return;
    for (const { lane, batches, position } of idle) {
      const isUndisturbed = lane.batches === batches && world.lastLossStep < startedAt;
      const isLoaded = process.worker.states.some(
        (state) => state.partition === lane.partition && state.position === position,
      );
      if (isUndisturbed && isLoaded) world.watch.beaten(lane.partition, position);
    }
  });
}
