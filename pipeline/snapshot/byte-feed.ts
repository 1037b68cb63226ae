import { AppError } from '../../schemas/errors.ts';

/** Takes bytes by count from chunks of any size. Holds what was asked for and at most one chunk more. */
export class ByteFeed {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes. Throws 'store-corrupt' where there are fewer. */
  async take(size: number): Promise<Buffer> {
    const parts = [this.#rest];
    let length = this.#rest.length;
    while (length < size) {
      const { value, done } = await this.#chunks.next();
      if (done === true)
        throw new AppError('store-corrupt', 'the snapshot cannot be used: it ends too early');
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      length += value.byteLength;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts, length);
    this.#rest = all.subarray(size);
    return all.subarray(0, size);
  }

  /** Reads to the end. Throws 'store-corrupt' where something is left. */
  async end(): Promise<void> {
    for (let left = this.#rest.length; ;) {
      if (left > 0)
        throw new AppError('store-corrupt', 'the snapshot cannot be used: something follows its end');
      const { value, done } = await this.#chunks.next();
      if (done === true) return;
      left = value.byteLength;
    }
  }

  /** Lets go of what the chunks come from; needed where end() was not reached. Idempotent. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
