import { isAppError } from '../../schemas/errors.ts';
import type { OutcomeCounts } from '../../schemas/outcome.ts';
import { noOutcomes, OUTCOMES } from '../../schemas/outcome.ts';
import type { OverviewView, PartitionView } from '../../schemas/views.ts';
import type { ActionLedger, RecordSource, StateStore } from '../../storage/ports.ts';
import { CORE_FIELD } from '../commit/load-slot.ts';
import { decodeCore } from '../commit/slot-codec.ts';
import type { SlotProgress, Worker } from '../commit/worker.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { emptySlot, UNREAD_SETTINGS } from '../fold/slot-state.ts';
import { actionView } from './action-view.ts';
import type { RateMeter } from './rate-meter.ts';

/** What the overview is put together from. `worker` null = this process folds nothing. */
export interface OverviewReader {
  version: string;
  startedAtMs: number;
  store: StateStore;
  ledger: Pick<ActionLedger, 'counts' | 'recent'>;
  source: Pick<RecordSource, 'highWatermarks' | 'partitionCount' | 'topic'>;
  group: string;
  worker: Worker | null;
  flusher: { backlogRows: number; lagSeconds: number };
  rate: RateMeter;
  nowMs: () => number;
}

/** What partition views are made from. */
export type PartitionProgress = Pick<Worker, 'loaded' | 'held' | 'halted' | 'unloaded'>;

/** What is going on, at a glance: own slots from memory, those of other processes from the store. */
export async function readOverview(reader: OverviewReader): Promise<OverviewView> {
  const own = reader.worker?.states ?? [];
  const states = await allStates(reader, own);
  const partitions = await partitionViews(reader);
  const outcomes = noOutcomes();
  for (const state of states) addOutcomes(outcomes, state.counts);
  reader.rate.sample(reader.nowMs(), sum(outcomes));
  const [actions, recent] = await Promise.all([reader.ledger.counts(), reader.ledger.recent(10)]);
  return {
    version: reader.version,
    startedAt: new Date(reader.startedAtMs).toISOString(),
    recordsPerSecond: reader.rate.perSecond,
    outcomes,
    subscribers: total(states, (state) => state.population.subscribers),
    openSessions: total(states, (state) => state.population.openSessions),
    throttledSubscribers: total(states, (state) => state.population.throttled),
    lag: partitions.reduce((lag, partition) => lag + partition.lag, 0),
    partitions,
    actions,
    recentActions: recent.map(actionView),
    flush: { backlogRows: reader.flusher.backlogRows, lagSeconds: reader.flusher.lagSeconds },
  };
}

/** Own partitions with their progress, those too that are halted or whose state is not in memory. */
export async function partitionViews(reader: {
  worker: PartitionProgress | null;
  source: Pick<RecordSource, 'highWatermarks'>;
}): Promise<PartitionView[]> {
  const { worker } = reader;
  if (worker === null) return [];
  const ends = await reader.source.highWatermarks();
  const progress = (slot: SlotProgress): Omit<PartitionView, 'status' | 'reason'> => {
    const { partition, position, watermarkMs } = slot;
    const highWatermark = Math.max(position, ends.get(partition) ?? position);
    const watermark = watermarkMs === 0 ? null : new Date(watermarkMs).toISOString();
    return { partition, position, highWatermark, lag: highWatermark - position, watermark };
  };
  const views = new Map<number, PartitionView>();
  for (const slot of worker.loaded) {
    const held = worker.held.includes(slot.partition);
    views.set(slot.partition, {
      ...progress(slot),
      status: held ? 'egress-held' : 'running',
      reason: held ? 'state lost its tail: actions wait until it has caught up' : null,
    });
  }
  for (const slot of worker.unloaded) {
    const error = worker.halted.get(slot.partition);
    views.set(slot.partition, {
      ...progress(slot),
      status: error === undefined ? 'loading' : 'halted',
      reason: error === undefined ? null : `${isAppError(error) ? error.code : 'defect'}: ${error.message}`,
    });
  }
  return [...views.values()].sort((a, b) => a.partition - b.partition);
}

async function allStates(
  reader: OverviewReader,
  own: readonly SlotState[],
): Promise<Pick<SlotState, 'counts' | 'population'>[]> {
  const states: Pick<SlotState, 'counts' | 'population'>[] = [...own];
  const mine = new Set(own.map(({ partition }) => partition));
  const partitionCount = await reader.source.partitionCount();
  for (let partition = 0; partition < partitionCount; partition += 1) {
    if (mine.has(partition)) continue;
    const head = await reader.store.readHead({ group: reader.group, topic: reader.source.topic, partition });
    const core = head.meta.get(CORE_FIELD);
    const state = core === undefined ? null : stateOf(partition, core);
    if (state !== null) states.push(state);
  }
  return states;
}

/** Null for a slot of a layout that this program does not know: its owner halts, and that alarm must still be seen. */
function stateOf(partition: number, core: Uint8Array): SlotState | null {
  const state = emptySlot(partition, UNREAD_SETTINGS, 0);
  try {
    decodeCore(core, state);
    return state;
  } catch (error) {
    if (!isAppError(error, 'state-version-unknown', 'store-corrupt')) throw error;
    return null;
  }
}

function addOutcomes(into: OutcomeCounts, counts: OutcomeCounts): void {
  for (const outcome of OUTCOMES) into[outcome] += counts[outcome];
}

function sum(counts: OutcomeCounts): number {
  return OUTCOMES.reduce((all, outcome) => all + counts[outcome], 0);
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}
