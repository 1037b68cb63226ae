import { AppError } from '../../schemas/errors.ts';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';

/** Bounds of what waits for the log. */
export interface AppendQueueOptions {
  writer: Pick<LogWriter, 'append'>;
  /** records and bytes held at which no more requests are taken */
  maxRecords: number;
  maxBytes: number;
  /** longest wait of one request for its append, ms */
  maxWaitMs: number;
}

/** Records of one append; more requests than that wait for the next one. */
const GROUP_RECORDS = 5_000;

interface Request {
  entries: readonly LogAppend[];
  begun: boolean;
  settle: (error: unknown) => void;
}

/** Room that a request takes until its records are in the log or given up. */
export interface Held {
  release(): void;
}

/**
 * Appends of many requests, one at a time: whatever arrives while an append is under way goes into the next one together
 * (one packet a request would else be one transaction a packet).
 */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  readonly #waiting: Request[] = [];
  #appending = false;
  #records = 0;
  #bytes = 0;

  constructor(options: AppendQueueOptions) {
    this.#options = options;
  }

  /** True while no more requests are taken. */
  get isFull(): boolean {
    return this.#records >= this.#options.maxRecords || this.#bytes >= this.#options.maxBytes;
  }

  get heldRecords(): number {
    return this.#records;
  }

  /** Counts a request in; its caller releases it, or `append` does once it was given the entries. */
  hold(records: number, bytes: number): Held {
    let held = true;
    this.#records += records;
    this.#bytes += bytes;
    return {
      release: () => {
        if (held) {
          this.#records -= records;
          this.#bytes -= bytes;
        }
        held = false;
      },
    };
  }

  /**
   * Resolves when all entries are durable. Rejects with what the writer threw, or with 'timeout' (retriable) after
   * maxWaitMs; entries may be in all the same. What it holds is released when it is known what became of the entries.
   */
  append(entries: readonly LogAppend[], held: Held): Promise<void> {
    const { maxWaitMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const at = this.#waiting.indexOf(request);
        if (at >= 0) this.#waiting.splice(at, 1);
        if (!request.begun) held.release();
        reject(
          new AppError('timeout', `the accounting log took longer than ${maxWaitMs} ms`, { retriable: true }),
        );
      }, maxWaitMs);
      const request: Request = {
        entries,
        begun: false,
        settle: (error) => {
          clearTimeout(timer);
          held.release();
          if (error === null) resolve();
          // The promise may have been rejected by the timer; a second time does nothing.
          else reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      this.#waiting.push(request);
      if (!this.#appending) void this.#appendAll();
    });
  }

  async #appendAll(): Promise<void> {
    this.#appending = true;
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup();
      let failure: unknown = null;
      try {
        await this.#options.writer.append(group.flatMap(({ entries }) => entries));
      } catch (error) {
        failure = error;
      }
      for (const request of group) request.settle(failure);
    }
    this.#appending = false;
  }

  #nextGroup(): Request[] {
    const group: Request[] = [];
    let records = 0;
    for (const request of this.#waiting) {
      if (group.length > 0 && records + request.entries.length > GROUP_RECORDS) break;
      records += request.entries.length;
      request.begun = true;
      group.push(request);
    }
    this.#waiting.splice(0, group.length);
    return group;
  }
}
