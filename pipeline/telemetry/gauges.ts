import type { OverviewView } from '../../schemas/views.ts';
import type { Metrics } from './metrics.ts';

/** What a process knows of its partitions and rows without asking anybody. */
export interface OwnProgress {
  worker: {
    states: readonly { uncompiled: ReadonlyMap<string, string> }[];
    unloaded: readonly unknown[];
    halted: { size: number };
    held: readonly number[];
  };
  flusher: { backlogRows: number; lagSeconds: number };
}

/** The gauges that alarms stand on: right also while the servers that an overview asks are away. */
export function setOwnGauges(metrics: Metrics, { worker, flusher }: OwnProgress): void {
  metrics.partitionsOwned.set(worker.states.length + worker.unloaded.length);
  metrics.partitionsHalted.set(worker.halted.size);
  metrics.partitionsHeld.set(worker.held.length);
  metrics.policiesUncompiled.set(
    new Set(worker.states.flatMap(({ uncompiled }) => [...uncompiled.keys()])).size,
  );
  metrics.flushBacklog.set(flusher.backlogRows);
  metrics.flushLag.set(flusher.lagSeconds);
}

/** Puts an overview of this process into the gauges; called before a scrape. */
export function setGauges(metrics: Metrics, overview: OverviewView, watermarkClockMs: number): void {
  metrics.subscribers.set(overview.subscribers);
  metrics.openSessions.set(overview.openSessions);
  metrics.throttledSubscribers.set(overview.throttledSubscribers);
  for (const [state, count] of Object.entries(overview.actions)) metrics.actions.set({ state }, count);
  setPartitions(metrics, overview, watermarkClockMs);
}

function setPartitions(metrics: Metrics, { partitions }: OverviewView, watermarkClockMs: number): void {
  // Partitions that went to another process must not stay at their last value.
  for (const gauge of [metrics.partitionPosition, metrics.partitionLag, metrics.watermarkAge]) gauge.reset();
  for (const view of partitions) {
    const labels = { partition: String(view.partition) };
    metrics.partitionPosition.set(labels, view.position);
    metrics.partitionLag.set(labels, view.lag);
    if (view.watermark === null) continue;
    metrics.watermarkAge.set(labels, Math.max(0, watermarkClockMs - Date.parse(view.watermark)) / 1000);
  }
}

/** Raises a counter by what a growing total has grown since the last look; for components that count by themselves. */
export class TotalsWatch {
  readonly #seen = new Map<string, number>();

  /** @param add is called with the rise, where there is one */
  look(name: string, total: number, add: (rise: number) => void): void {
    const rise = total - (this.#seen.get(name) ?? 0);
    this.#seen.set(name, total);
    if (rise > 0) add(rise);
  }
}
