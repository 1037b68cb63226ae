import type { Dice } from './dice.ts';
import { Lane } from './lane.ts';
import type { Process } from './process.ts';
import type { ArchivedLog } from './servers.ts';
import type { Trace } from './trace.ts';

const MOST_PROCESSES = 3;

/** The consumer group: which process reads which partition, and what it believes itself to read. */
export class Group {
  readonly processes: Process[] = [];
  lanes: Lane[] = [];
  /** who the group says it is; lanes beside these are zombies or closing */
  readonly #owners = new Map<number, Lane>();
  readonly #partitions: number[];
  readonly #log: ArchivedLog;
  readonly #dice: Dice;
  readonly #trace: Trace;
  readonly #start: (name: string) => Process;
  #started = 0;

  constructor(log: ArchivedLog, dice: Dice, trace: Trace, start: (name: string) => Process) {
    this.#partitions = [...Array(log.partitions).keys()];
    this.#log = log;
    this.#dice = dice;
    this.#trace = trace;
    this.#start = start;
    for (let i = dice.between(1, MOST_PROCESSES); i > 0; i -= 1) this.startProcess();
  }

  get alive(): Process[] {
    return this.processes.filter((process) => process.alive);
  }

  /** Processes that the group counts in. */
  get present(): Process[] {
    return this.alive.filter((process) => !process.stopped);
  }

  startProcess(): void {
    this.#started += 1;
    const process = this.#start(`p${this.#started}`);
    this.processes.push(process);
    this.#trace.say(`${process.name} starts`);
  }

  /** The owner's lane, if its process is there. */
  ownerOf(partition: number): Lane | null {
    const owner = this.#owners.get(partition);
    return owner === undefined || owner.isOver || owner.state === 'closing' ? null : owner;
  }

  /** Partitions that nobody reads. */
  get orphans(): number[] {
    return this.#partitions.filter((partition) => this.ownerOf(partition) === null);
  }

  /** Partition without an owner goes to a process that has no lane of it left; false where there is none. */
  assign(partition: number): boolean {
    const free = this.present.filter(
      (process) =>
        !this.lanes.some((lane) => lane.process === process && lane.partition === partition && !lane.isOver),
    );
    if (free.length === 0) return false;
    const process = this.#dice.pick(free);
    const lane = new Lane(process, partition, this.#log, this.#dice);
    this.lanes = this.lanes.filter((other) => !other.isOver);
    this.lanes.push(lane);
    this.#owners.set(partition, lane);
    this.#trace.say(`partition ${partition} goes to ${process.name}`);
    return true;
  }

  /** Takes a partition from its owner: in order, or such that the old one does not know yet. */
  revoke(partition: number, how: 'in order' | 'zombie'): void {
    const lane = this.ownerOf(partition);
    if (lane === null) return;
    this.#trace.say(`partition ${partition} leaves ${lane.process.name} ${how}`);
    this.#owners.delete(partition);
    if (how === 'in order') lane.close();
    else lane.isZombie = true;
  }

  /** SIGSTOP: it misses its heartbeats, so the group gives its partitions away. */
  stop(process: Process): void {
    process.stopped = true;
    this.#trace.say(`${process.name} is stopped`);
    for (const lane of this.lanes) {
      if (lane.process === process) this.revoke(lane.partition, 'zombie');
    }
  }

  resume(process: Process): void {
    process.stopped = false;
    this.#trace.say(`${process.name} goes on`);
  }

  /** A zombie learns that its partition is gone. */
  endZombie(): void {
    const zombies = this.zombies;
    if (zombies.length > 0) this.#dice.pick(zombies).close();
  }

  get zombies(): Lane[] {
    return this.lanes.filter(
      (lane) => lane.isZombie && !lane.isOver && lane.state !== 'closing' && !lane.process.stopped,
    );
  }

  get hasRoom(): boolean {
    return this.alive.length < MOST_PROCESSES;
  }
}
