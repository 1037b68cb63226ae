import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CycleCalendar } from '../rules/cycle.ts';
import type { Analytics } from '../storage/analytics-ports.ts';
import type {
  ActionLedger,
  ActionSink,
  LogWriter,
  RawBatch,
  RecordSource,
  SlotMarks,
  StateStore,
} from '../storage/ports.ts';
import type { OwnControl } from './commit/egress.ts';
import { Worker } from './commit/worker.ts';
import type { WorkerEvents, WorkerOptions } from './commit/worker.ts';
import type { WriterSchemas } from './decode/writer-schema.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import type { DispatchObserver } from './dispatch/dispatcher.ts';
import type { DispatchSettings } from './dispatch/dispatch-settings.ts';
import { actionWork } from './dispatch/work.ts';
import { Flusher } from './flush/flusher.ts';
import { expandControl } from './relay/expand.ts';
import type { FlushHooks } from './flush/flusher.ts';

/** The ports that the flow runs between. */
export interface PipelinePorts {
  source: RecordSource;
  store: StateStore;
  marks: SlotMarks;
  /** writes slots' own controls */
  writer: LogWriter;
  ledger: ActionLedger;
  analytics: Analytics;
  sink: ActionSink;
  resolveSchemas: (batch: RawBatch) => Promise<WriterSchemas>;
}

/** Who wants to know what happens. */
export interface PipelineObservers {
  worker: WorkerEvents;
  flush: Partial<FlushHooks>;
  dispatch: DispatchObserver;
  diverged: (rule: string) => void;
}

/** The flow of records and of actions. */
export interface Pipeline {
  worker: Worker;
  flusher: Flusher;
  dispatcher: Dispatcher;
  sink: ActionSink;
}

/**
 * The whole flow, one way:
 *
 *   source -> decode -> fold (meter -> window -> decide) -> commit -> flush  (ClickHouse)
 *                                                                 \-> egress -> ledger -> dispatch -> sinks
 *
 * The worker is the source's handler. Only batch boundaries are awaited; a commit is one atomic write with the position
 * in it, and everything after it is repeated until it is done, by whoever owns the slot then.
 */
export function buildPipeline(
  ports: PipelinePorts,
  observers: PipelineObservers,
  options: WorkerOptions & { simulatedTime: boolean; policyCrossCheckRate: number },
  dispatch: Partial<DispatchSettings>,
): Pipeline {
  const flusher: Flusher = new Flusher({
    analytics: ports.analytics,
    onFlushed: (partition, through) => worker.flushed(partition, through),
    hooks: observers.flush,
  });
  const dispatcher = new Dispatcher({
    work: actionWork(ports.ledger, ports.sink),
    name: `dispatcher-${randomUUID()}`,
    observer: observers.dispatch,
    settings: dispatch,
  });
  const events: WorkerEvents = {
    ...observers.worker,
    intentsStored: (intents, fresh) => {
      observers.worker.intentsStored(intents, fresh);
      dispatcher.wake();
    },
  };
  const worker: Worker = new Worker(
    {
      ...ports,
      tell: (controls) => tell(ports.writer, controls, options.simulatedTime),
      newCommitId: randomUUID,
      flusher,
      calendar: new CycleCalendar(),
      crossCheckRate: options.policyCrossCheckRate,
      diverged: observers.diverged,
      events,
      nowMs: Date.now,
      pause: (ms) => pause(ms),
    },
    options,
  );
  return { worker, flusher, dispatcher, sink: ports.sink };
}

/** A slot's own controls, at once: in each partition they stand in one piece. */
async function tell(
  writer: LogWriter,
  controls: readonly OwnControl[],
  simulatedTime: boolean,
): Promise<void> {
  const partitions = await writer.partitionCount();
  const entries = controls.flatMap((control) =>
    expandControl(control, partitions, simulatedTime ? control.appendTimeMs : null),
  );
  await writer.append(entries);
}

/**
 * Back-pressure: pauses the partitions of a worker while analytics or the ledger are behind, and resumes them after.
 * To be called several times a second.
 */
export class BackPressure {
  private readonly paused = new Set<number>();
  private readonly source: Pick<RecordSource, 'pause' | 'resume'>;
  private readonly pipeline: Pick<Pipeline, 'worker' | 'flusher'>;

  constructor(
    source: Pick<RecordSource, 'pause' | 'resume'>,
    pipeline: Pick<Pipeline, 'worker' | 'flusher'>,
  ) {
    this.source = source;
    this.pipeline = pipeline;
  }

  beat(): void {
    const { worker, flusher } = this.pipeline;
    const own = worker.states.map(({ partition }) => partition);
    const pressed = new Set(flusher.isPressed ? own : worker.pressedPartitions);
    for (const partition of pressed) {
      if (this.paused.has(partition)) continue;
      this.paused.add(partition);
      this.source.pause(partition);
    }
    for (const partition of this.paused) {
      if (pressed.has(partition)) continue;
      this.paused.delete(partition);
      this.source.resume(partition);
    }
  }

  get pausedPartitions(): number {
    return this.paused.size;
  }
}
