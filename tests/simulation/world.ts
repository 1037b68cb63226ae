import type { FoldSettings } from '../../pipeline/fold/slot-state.ts';
import type { MemoryStateStoreOptions, SlotCopy } from '../../storage/memory/state-store.ts';
import type { LedgerBatch, LogAppend, SlotCommit, SlotId } from '../../storage/ports.ts';
import { isAppError } from '../../schemas/errors.ts';
import { SETTINGS } from '../factories.ts';
import { SimulatedClock } from './clock.ts';
import { Dice } from './dice.ts';
import { FaultPlan } from './fault-plan.ts';
import type { FaultName } from './fault-plan.ts';
import { Group } from './group.ts';
import { HeldWatch } from './held-watch.ts';
import { Network } from './network.ts';
import { portsOver } from './ports.ts';
import type { DoneCall, PortsOfProcess } from './ports.ts';
import { Process } from './process.ts';
import { Servers, slotOf } from './servers.ts';
import { Trace } from './trace.ts';
import { START_MS, Workload } from './workload.ts';
import type { WorkItem } from './workload.ts';

/** How a run is made, besides its seed. */
export interface RunOptions {
  seed: number;
  /** only these kinds of faults; null = what the seed draws */
  faults: readonly FaultName[] | null;
  /** keeps the trace */
  trace: boolean;
  /** checks that the store leaves out */
  ignore: NonNullable<MemoryStateStoreOptions['ignore']>;
}

/** Everything of one run: servers, network, clock, processes, work to do; and what was found wrong on the way. */
export class World {
  readonly options: RunOptions;
  readonly dice: Dice;
  readonly trace: Trace;
  readonly plan: FaultPlan;
  readonly clock = new SimulatedClock(START_MS);
  readonly network: Network;
  readonly servers: Servers;
  readonly group: Group;
  readonly workload: Workload;
  readonly watch = new HeldWatch();
  readonly settings: FoldSettings;
  /** what must not happen, and did */
  readonly violations: string[] = [];
  /** partitions that must halt, as records were deleted before they were read */
  readonly deletedAhead = new Set<number>();
  /** older states of slots: what a restart of the store may bring back */
  readonly copies: { n: number; partition: number; position: number; copy: SlotCopy }[] = [];
  /** what the relay appended, oldest first */
  readonly relayed: WorkItem[] = [];
  lastLossStep = 0;
  readonly #new = new Set<string>();

  constructor(options: RunOptions) {
    this.options = options;
    this.dice = new Dice(options.seed);
    this.trace = new Trace(options.trace);
    this.plan = FaultPlan.draw(this.dice, options.faults);
    const partitions = this.dice.between(1, 3);
    this.settings = { ...SETTINGS, partitionCount: partitions, bucketCount: this.dice.pick([2, 5]) };
    this.network = new Network(this.dice, this.plan, this.trace);
    this.servers = new Servers(partitions, this.clock, this.dice, this.plan, this.trace, options.ignore);
    const items = this.dice.weighted([
      [6, this.dice.between(30, 90)],
      [1, this.dice.between(90, 250)],
    ]);
    // What is learned from a record is lost with a torn commit that had its subscriber already: see README.
    const learns = this.plan.rate('torn') === 0;
    this.workload = new Workload(new Dice(options.seed, 'workload'), partitions, items, learns);
    this.group = new Group(this.servers.log, this.dice, this.trace, (name) => this.#process(name));
  }

  get partitions(): number[] {
    return [...Array(this.servers.log.partitions).keys()];
  }

  async positionOf(partition: number): Promise<number | null> {
    return (await this.servers.store.readHead(slotOf(partition))).position;
  }

  #process(name: string): Process {
    return new Process(
      name,
      (caller) => portsOver(this.network, caller, this.#targets(), (call) => this.#done(name, call)),
      this.settings,
      this.clock,
      this.dice,
      this.trace,
      {
        opened: (process, partition, position) => {
          this.trace.count('slots loaded');
          this.trace.say(`${process.name} has partition ${partition} at ${position}`);
          this.watch.opened(process.name, partition, position);
        },
        dropped: (process, partition, error) => {
          this.trace.count(`slots dropped: ${isAppError(error) ? error.code : 'heartbeat'}`);
          this.trace.say(`${process.name} drops partition ${partition}: ${String(error)}`);
        },
        halted: (process, partition, error) => this.#halted(process, partition, error),
        tailLost: (process, partition) => {
          this.trace.count('alarms of a lost tail');
          this.watch.alarmed(process.name, partition);
        },
        diverged: (rule) => this.violations.push(`rules: ${rule}: json-rules-engine says otherwise`),
      },
    );
  }

  #halted(process: Process, partition: number, error: unknown): void {
    this.trace.say(`${process.name} halts partition ${partition}: ${String(error)}`);
    const mayHalt =
      this.deletedAhead.has(partition) && isAppError(error, 'position-out-of-range', 'tail-lost');
    if (mayHalt) this.trace.count('halts with an alarm');
    else {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.violations.push(`halted: partition ${partition}: ${text}`);
    }
  }

  #targets(): PortsOfProcess {
    const { store, marks, ledger, analytics, log, sent } = this.servers;
    return {
      store,
      marks,
      ledger,
      analytics,
      writer: {
        partitionCount: () => Promise.resolve(log.partitions),
        append: (entries) => log.appendOrFail(entries),
        close: () => Promise.resolve(),
      },
      sink: {
        name: 'sink',
        send: ({ id }) => {
          sent.set(id, (sent.get(id) ?? 0) + 1);
          return Promise.resolve({ state: 'delivered', detail: 'done' });
        },
        close: () => Promise.resolve(),
      },
    };
  }

  /** What the run must know of the calls of a process. */
  #done(process: string, { name, args, result, sentAt, isStray }: DoneCall): void {
    const { watch } = this;
    if (name === 'store.acquire') {
      if (!isStray) watch.acquired(process, (args[0] as SlotId).partition, this.network.step);
    } else if (name === 'store.commit') {
      const { slot, position } = args[0] as SlotCommit;
      if (result !== 'rejected') watch.reached(slot.partition, position);
    } else if (name === 'ledger.insert') {
      const { intents = [] } = args[2] as Partial<LedgerBatch>;
      const slot = args[0] as SlotId;
      if (intents.length > 0) watch.leaves(process, slot.partition, sentAt, 'an action');
      this.#inserted(result as string[]);
    } else if (name === 'log.append') {
      watch.leavesIntoLog(process, args[0] as LogAppend[], sentAt);
    }
  }

  /** The ledger said that these were new. */
  #inserted(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#new.has(id)) this.violations.push(`actions: ${id} was new twice`);
      this.#new.add(id);
    }
  }
}
