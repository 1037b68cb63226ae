import { expandControl } from '../../pipeline/relay/expand.ts';
import { Ticker } from '../../pipeline/relay/ticks.ts';
import { Worker } from '../../pipeline/commit/worker.ts';
import { compileWriterSchema } from '../../pipeline/decode/writer-schema.ts';
import { Dispatcher } from '../../pipeline/dispatch/dispatcher.ts';
import { actionWork } from '../../pipeline/dispatch/work.ts';
import { Flusher } from '../../pipeline/flush/flusher.ts';
import type { FoldSettings } from '../../pipeline/fold/slot-state.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import { CycleCalendar } from '../../rules/cycle.ts';
import type { SimulatedClock } from './clock.ts';
import type { Dice } from './dice.ts';
import type { Caller } from './network.ts';
import type { PortsOfProcess } from './ports.ts';
import { GROUP, TOPIC } from './servers.ts';
import type { Trace } from './trace.ts';

/** A look-up of pure calendar maths: shared by all runs of a thread, it changes nothing but the speed. */
export const CALENDAR = new CycleCalendar();
const BARE = compileWriterSchema(ACCOUNTING_SCHEMA_TEXT, ACCOUNTING_SCHEMA_TEXT);
/** Writer schemas of every batch: records are bare. */
export const SCHEMAS = { byId: new Map(), byFingerprint: new Map(), bare: BARE };
export const MAX_RECORD_BYTES = 65_536;

/** What the run wants to hear of a process. */
export interface ProcessEvents {
  opened(process: Process, partition: number, position: number): void;
  dropped(process: Process, partition: number, error: unknown): void;
  halted(process: Process, partition: number, error: unknown): void;
  tailLost(process: Process, partition: number, mark: number): void;
  diverged(rule: string): void;
}

/** One program: a real worker with its flusher, dispatcher and ticker, on ports of a network and timers of the run. */
export class Process implements Caller {
  readonly name: string;
  alive = true;
  stopped = false;
  /** by how much its clock is wrong, ms */
  clockErrorMs = 0;
  readonly worker: Worker;
  readonly flusher: Flusher;
  readonly ticker: Ticker;
  readonly #dispatcher: Dispatcher;

  constructor(
    name: string,
    connect: (caller: Caller) => PortsOfProcess,
    settings: FoldSettings,
    clock: SimulatedClock,
    dice: Dice,
    trace: Trace,
    events: ProcessEvents,
  ) {
    this.name = name;
    const ports = connect(this);
    const nowMs = (): number => clock.nowMs + this.clockErrorMs;
    const after = (ms: number, call: () => void): (() => void) => clock.after(this, ms, call);
    this.flusher = new Flusher({
      analytics: ports.analytics,
      onFlushed: (partition, through) => this.worker.flushed(partition, through),
      clock: { nowMs, after },
      random: () => dice.fraction(),
      // Small, so that inserts go out in parts.
      maxRowsAnInsert: dice.between(2, 40),
      eagerRows: dice.between(1, 20),
    });
    this.#dispatcher = new Dispatcher({
      work: actionWork(ports.ledger, ports.sink),
      name,
      timers: { now: nowMs, after },
      random: () => dice.fraction(),
      settings: { pollMs: 30_000, claimBatch: dice.between(1, 8) },
    });
    const { partitionCount } = settings;
    const places = dice.pick([0, 2, 1_000]);
    this.worker = new Worker(
      {
        store: ports.store,
        marks: ports.marks,
        ledger: ports.ledger,
        tell: (controls) =>
          ports.writer.append(
            controls.flatMap((control) => expandControl(control, partitionCount, control.appendTimeMs)),
          ),
        newCommitId: () => dice.token(),
        flusher: this.flusher,
        calendar: CALENDAR,
        crossCheckRate: 0.1,
        diverged: (rule) => events.diverged(rule),
        resolveSchemas: () => Promise.resolve(SCHEMAS),
        events: {
          opened: (partition, position) => events.opened(this, partition, position),
          committed: () => trace.count('commits'),
          dropped: (partition, error) => events.dropped(this, partition, error),
          halted: (partition, error) => events.halted(this, partition, error),
          tailLost: (partition, _position, mark) => events.tailLost(this, partition, mark),
          intentsStored: () => this.#dispatcher.wake(),
          egressFailed: () => undefined,
        },
        nowMs,
        pause: (ms) => new Promise((resolve) => after(ms, resolve)),
      },
      {
        group: GROUP,
        topic: TOPIC,
        settings,
        maxRecordBytes: MAX_RECORD_BYTES,
        maxWaitingIntents: 1_000,
        cachedSubscribers: () => places,
      },
    );
    this.ticker = new Ticker(ports.writer, () => this.worker.tickedSlots, nowMs);
    this.#dispatcher.start();
  }

  /** kill -9. */
  kill(): void {
    this.alive = false;
  }
}
