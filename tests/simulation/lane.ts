import { isAppError } from '../../schemas/errors.ts';
import type { Dice } from './dice.ts';
import type { Process } from './process.ts';
import type { ArchivedLog } from './servers.ts';

/**
 * One partition of one process, as a source drives its handler: open, then batch by batch, then close; calls never overlap.
 *
 *   new -> idle <-> busy -> closing -> gone          halted: an error that nobody may retry
 */
export class Lane {
  readonly process: Process;
  readonly partition: number;
  /** where the next fetch begins, as the handler said it last; null until opened */
  position: number | null = null;
  state: 'new' | 'idle' | 'busy' | 'halted' | 'closing' | 'gone' = 'new';
  /** the group gave the partition to somebody else; this one does not know it yet */
  isZombie = false;
  /** begun so far */
  batches = 0;
  readonly #log: ArchivedLog;
  readonly #dice: Dice;
  #wantsClose = false;

  constructor(process: Process, partition: number, log: ArchivedLog, dice: Dice) {
    this.process = process;
    this.partition = partition;
    this.#log = log;
    this.#dice = dice;
  }

  /** The process is dead, or it has let go of the partition. */
  get isOver(): boolean {
    return this.state === 'gone' || !this.process.alive;
  }

  get canStep(): boolean {
    if (!this.process.alive || this.process.stopped) return false;
    if (this.state === 'new') return true;
    return this.state === 'idle' && (this.position ?? 0) < this.#log.high(this.partition);
  }

  /** Nothing is left to read. */
  get isAtEnd(): boolean {
    return this.state === 'idle' && this.position === this.#log.high(this.partition);
  }

  /** Opens or delivers one batch; ends with the handler's answer, some steps later. */
  begin(): void {
    const isNew = this.state === 'new';
    this.state = 'busy';
    this.batches += 1;
    this.#end(isNew ? this.#open() : this.#deliver(), isNew ? 'new' : 'idle');
  }

  async #deliver(): Promise<number> {
    const { partition } = this;
    const position = this.position ?? 0;
    const { low } = await this.#log.marks(partition);
    if (position < low) {
      // What follows is gone from the log: the handler is asked again, with the marks of now.
      await this.process.worker.close(partition);
      return this.#open();
    }
    // At least once: sometimes a fetch begins before what was done already.
    const back = this.#dice.chance(0.1) ? this.#dice.between(1, 8) : 0;
    const size = this.#dice.weighted([
      [2, 1],
      [4, this.#dice.between(2, 10)],
      [2, this.#dice.between(10, 60)],
    ]);
    const entries = await this.#log.read(partition, Math.max(low, position - back), size + back);
    return this.process.worker.batch({ partition, entries, highWatermark: this.#log.high(partition) });
  }

  /** Lets go of the partition once what is in hand has ended. */
  close(): void {
    this.#wantsClose = true;
    if (this.state === 'busy' || this.isOver || this.state === 'closing') return;
    this.state = 'closing';
    void this.process.worker.close(this.partition).then(() => {
      this.state = 'gone';
    });
  }

  async #open(): Promise<number> {
    return this.process.worker.open(this.partition, await this.#log.marks(this.partition));
  }

  #end(work: Promise<number>, afterFailure: 'new' | 'idle'): void {
    void work.then(
      (position) => {
        this.position = position;
        this.#becomes('idle');
      },
      (error: unknown) => {
        this.#becomes(isAppError(error) && error.retriable ? afterFailure : 'halted');
      },
    );
  }

  #becomes(state: 'new' | 'idle' | 'halted'): void {
    this.state = state;
    if (this.#wantsClose) this.close();
  }
}
