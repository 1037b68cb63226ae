import { open, type FileHandle } from 'node:fs/promises';
import { formatControlId } from '../schemas/control.ts';
import { AppError } from '../schemas/errors.ts';
import type { LogAppend, LogWriter } from '../storage/ports.ts';

/**
 * A log of one file: a line of JSON an entry, `{partition, timeMs, key, control, value}`, in order of append. key and
 * value are base64 of the very bytes that Kafka would hold (key null on ticks), control is the header's text or null.
 * For looking at a feed and for replaying it elsewhere; Weir itself does not read it.
 */
export class FileLogWriter implements LogWriter {
  readonly #file: FileHandle;
  readonly #partitions: number;

  private constructor(file: FileHandle, partitions: number) {
    this.#file = file;
    this.#partitions = partitions;
  }

  /** Opens for append, creates where missing. Throws 'unreachable' when the file cannot be opened. */
  static async open(path: string, partitions: number): Promise<FileLogWriter> {
    try {
      return new FileLogWriter(await open(path, 'a'), partitions);
    } catch (cause) {
      throw new AppError('unreachable', `cannot open ${path} for append`, { cause });
    }
  }

  partitionCount(): Promise<number> {
    return Promise.resolve(this.#partitions);
  }

  /** Durable as far as the operating system is: no fsync. */
  async append(entries: readonly LogAppend[]): Promise<void> {
    const text = entries.map((entry) => `${line(entry)}\n`).join('');
    try {
      await this.#file.appendFile(text);
    } catch (cause) {
      throw new AppError('log-append-failed', 'cannot append to the file', { cause });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function line({ partition, timeMs, key, control, value }: LogAppend): string {
  return JSON.stringify({
    partition,
    timeMs: timeMs ?? null,
    key: key === null ? null : Buffer.from(key).toString('base64'),
    control: control === undefined ? null : formatControlId(control),
    value: Buffer.from(value).toString('base64'),
  });
}
