import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { openServerGroup } from '../../dev/processes/server-group.ts';
import type { ServerGroup } from '../../dev/processes/server-group.ts';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { startRedis } from '../../dev/redis/server.ts';

const MANIFEST = 'appendonly.aof.manifest';

/** A Redis of one test's own, to be emptied, killed and brought back to an older state. */
export class OwnRedis {
  readonly url: string;
  readonly #group: ServerGroup;
  readonly #files: string;
  #copies = 0;

  private constructor(group: ServerGroup, url: string) {
    this.#group = group;
    this.url = url;
    this.#files = join(group.dir, 'redis', 'appendonlydir');
  }

  static async start(): Promise<OwnRedis> {
    const group = await openServerGroup();
    try {
      const { REDIS_URL = '' } = await startRedis(group);
      return new OwnRedis(group, REDIS_URL);
    } catch (error) {
      await group.stop();
      throw error;
    }
  }

  /** Everything is gone, as by an operator's mistake; the server goes on. */
  async flushAll(): Promise<void> {
    await this.#ask((client) => client.flushall());
  }

  /**
   * A backup of its append-only files while it runs. The manifest first: the files that it names only grow, as long as
   * no rewrite begins. @returns the copy's name
   */
  async copy(): Promise<string> {
    await this.#ask((client) => client.config('SET', 'auto-aof-rewrite-percentage', '0'));
    const quiet = async (): Promise<boolean> =>
      (await this.#ask((client) => client.info('persistence'))).includes('aof_rewrite_in_progress:0');
    await waitUntil('Redis rewrites no file', quiet, { timeoutMs: 10_000 });
    this.#copies += 1;
    const copy = join(this.#group.dir, `copy-${String(this.#copies)}`);
    await cp(join(this.#files, MANIFEST), join(copy, MANIFEST));
    await cp(this.#files, copy, { recursive: true, filter: (path) => !path.endsWith(MANIFEST) });
    return copy;
  }

  /** kill -9, its files replaced with a copy, started again at its port. Resolves when it answers. */
  async restore(copy: string): Promise<void> {
    const pid = Number(await readFile(join(this.#group.dir, 'redis.pid'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await waitUntil('Redis is gone', () => Promise.resolve(!isAlive(pid)), { timeoutMs: 10_000 });
    await rm(this.#files, { recursive: true });
    await cp(copy, this.#files, { recursive: true });
    await startRedis(this.#group);
  }

  /** Ends it and removes its data. */
  stop(): Promise<void> {
    return this.#group.stop();
  }

  async #ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.url);
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}
