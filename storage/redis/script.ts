import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { replyCode } from './redis-error.ts';

/** A Lua file beside this one, run by its hash; sent whole only when the server does not know it. */
export class RedisScript {
  readonly #source: string;
  readonly #sha: string;

  /** @param file name in this folder */
  constructor(file: string) {
    this.#source = readFileSync(new URL(file, import.meta.url), 'utf8');
    this.#sha = createHash('sha1').update(this.#source).digest('hex');
  }

  /** Strings of the answer are Buffers. NOSCRIPT means that nothing ran, so sending it again is safe. */
  async run(client: Redis, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await client.callBuffer('EVALSHA', [this.#sha, ...rest]);
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw error;
      return client.callBuffer('EVAL', [this.#source, ...rest]);
    }
  }
}
