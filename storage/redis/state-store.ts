import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { AppError } from '../../schemas/errors.ts';
import { groupBy } from '../group-by.ts';
import type {
  BucketValue,
  CommitResult,
  OutboxEntry,
  RowValue,
  SlotCommit,
  SlotHead,
  SlotId,
  SlotLease,
  StateStore,
} from '../ports.ts';
import { encodeCommit } from './commit-message.ts';
import { connectRedis, redisClient } from './connection.ts';
import { redisError, replyCode } from './redis-error.ts';
import { RedisScript } from './script.ts';
import { judgeServer } from './server-safety.ts';
import { META_FIELD, slotPrefix } from './slot-keys.ts';

/** Most values or rows a chunk of loadValues and loadRows: at 200 bytes about 2 ms of the server. */
const CHUNK = 1_000;
/** Arguments of one HDEL, HMGET or ZRANGE: bounds how long the server is kept from others. */
const ARGUMENTS = 5_000;
/** Buckets asked for at once: their answers wait in the server's memory until they are sent. */
const BUCKETS_AT_ONCE = 64;
/** Buckets or groups removed by one step of clear. */
const KEYS_A_STEP = 500;

const acquireScript = new RedisScript('acquire.lua');
const commitScript = new RedisScript('commit.lua');
const clearScript = new RedisScript('clear.lua');

/** How the store connects. */
export interface RedisStateStoreOptions {
  url: string;
  log: Pick<Logger, 'warn'>;
  /** accept a server that evicts or has no AOF; for development only */
  allowUnsafe?: boolean;
  /** longest wait for an answer, ms; default 10,000 */
  commandTimeoutMs?: number;
  /** longest wait for the first connection, ms; default 15,000 */
  connectWaitMs?: number;
}

/**
 * Slot state in Redis 6 or later: one Lua call a commit. Keys: slot-keys.ts; order of writes: commit.lua.
 * One connection: commits of all slots and reads share it, as the server works on one command at a time anyway.
 */
export class RedisStateStore implements StateStore {
  readonly #client: Redis;
  readonly #options: RedisStateStoreOptions;

  /** Connects at verify(). @throws AppError 'config-invalid' for a malformed URL */
  constructor(options: RedisStateStoreOptions) {
    this.#options = options;
    this.#client = redisClient(options.url, options.commandTimeoutMs ?? 10_000, options.log);
  }

  async verify(): Promise<void> {
    await connectRedis(this.#client, this.#options.connectWaitMs ?? 15_000);
    const faults = judgeServer(await this.#ask((client) => client.info()));
    if (this.#options.allowUnsafe === true && faults.unsafe.length > 0) {
      this.#options.log.warn({ faults: faults.unsafe }, 'Redis may lose state; accepted by configuration');
    }
    const reasons = [...faults.unusable, ...(this.#options.allowUnsafe === true ? [] : faults.unsafe)];
    if (reasons.length > 0) throw new AppError('store-unsafe', `Redis: ${reasons.join('; ')}`);
  }

  async acquire(slot: SlotId): Promise<SlotHead> {
    const prefix = slotPrefix(slot);
    const token = randomBytes(16).toString('hex');
    const answer = await this.#ask((client) =>
      acquireScript.run(client, [`${prefix}meta`, `${prefix}outbox`], [token]),
    );
    const [epoch, position, seq, meta, outbox] = answer as [
      number,
      Buffer | null,
      Buffer,
      Buffer[],
      Buffer[],
    ];
    return {
      lease: { epoch, token, seq: Number(seq.toString()) },
      position: position === null ? null : Number(position.toString()),
      meta: metaOf(pairs(meta)),
      outbox: outboxOf(pairs(outbox)),
    };
  }

  async holds(slot: SlotId, lease: SlotLease): Promise<boolean> {
    const stored = await this.#ask((client) => client.hmget(`${slotPrefix(slot)}meta`, 'token', 'seq'));
    return stored[0] === lease.token && Number(stored[1] ?? '0') === lease.seq;
  }

  async *loadValues(slot: SlotId): AsyncGenerator<BucketValue[]> {
    const prefix = slotPrefix(slot);
    const buckets = await this.#ask((client) => client.smembers(`${prefix}bk`));
    for (const name of buckets) {
      const bucket = Number(name);
      for await (const chunk of this.#scan(`${prefix}b:${name}`)) {
        yield chunk.map(([field, value]) => ({ bucket, field, value }));
      }
    }
  }

  async readValues(
    slot: SlotId,
    fields: readonly { bucket: number; field: string }[],
  ): Promise<(Uint8Array | null)[]> {
    const prefix = slotPrefix(slot);
    return this.#readFields(
      fields.map(({ bucket, field }) => ({ key: `${prefix}b:${String(bucket)}`, field })),
    );
  }

  async readBuckets(slot: SlotId, buckets: readonly number[]): Promise<BucketValue[]> {
    const prefix = slotPrefix(slot);
    const values: BucketValue[] = [];
    for (const part of slices([...new Set(buckets)], BUCKETS_AT_ONCE)) {
      const answers = await this.#ask((client) =>
        Promise.all(part.map((bucket) => client.callBuffer('HGETALL', `${prefix}b:${String(bucket)}`))),
      );
      part.forEach((bucket, i) => {
        for (const [field, value] of pairs(answers[i] as Buffer[])) values.push({ bucket, field, value });
      });
    }
    return values;
  }

  async readRows(
    slot: SlotId,
    keys: readonly { group: string; field: string }[],
  ): Promise<(Uint8Array | null)[]> {
    const prefix = slotPrefix(slot);
    return this.#readFields(keys.map(({ group, field }) => ({ key: `${prefix}r:${group}`, field })));
  }

  async readHead(slot: SlotId): Promise<{ position: number | null; meta: Map<string, Uint8Array> }> {
    const fields = await this.#ask((client) => client.hgetallBuffer(`${slotPrefix(slot)}meta`));
    const position = fields['position'];
    return {
      position: position === undefined ? null : Number(position.toString()),
      meta: metaOf(Object.entries(fields)),
    };
  }

  async *loadRows(slot: SlotId, groups?: readonly string[]): AsyncGenerator<RowValue[]> {
    const prefix = slotPrefix(slot);
    for (const group of new Set(groups ?? (await this.#ask((client) => client.smembers(`${prefix}rg`))))) {
      for await (const chunk of this.#scan(`${prefix}r:${group}`)) {
        yield chunk.map(([field, value]) => ({ group, field, value }));
      }
    }
  }

  async readOutbox(slot: SlotId): Promise<OutboxEntry[]> {
    const fields: [string, Buffer][] = [];
    for await (const chunk of this.#scan(`${slotPrefix(slot)}outbox`)) fields.push(...chunk);
    return outboxOf(fields);
  }

  async loadDue(slot: SlotId): Promise<{ key: string; dueMs: number }[]> {
    const key = `${slotPrefix(slot)}due`;
    const due: { key: string; dueMs: number }[] = [];
    for (;;) {
      const from = due.length;
      // Redis orders a sorted set by score, then by the member's bytes.
      const page = await this.#ask((client) => client.zrange(key, from, from + ARGUMENTS - 1, 'WITHSCORES'));
      for (let i = 0; i + 1 < page.length; i += 2)
        due.push({ key: page[i] ?? '', dueMs: Number(page[i + 1]) });
      if (due.length - from < ARGUMENTS) return due;
    }
  }

  async commit(commit: SlotCommit): Promise<CommitResult> {
    const client = this.#client;
    if (client.status !== 'ready') {
      throw new AppError('unreachable', 'no connection to Redis; the commit was not sent', {
        retriable: true,
      });
    }
    const message = encodeCommit(commit);
    try {
      const answer = await commitScript.run(client, [`${slotPrefix(commit.slot)}meta`], [message]);
      return String(answer) as CommitResult;
    } catch (error) {
      // A reply says that the script did not come to its end, hence not to position and seq.
      if (replyCode(error) !== null) throw redisError(error, true);
      throw new AppError('store-unknown-outcome', 'no answer from Redis to a commit', {
        retriable: true,
        cause: error,
      });
    }
  }

  async clear(slot: SlotId, lease: SlotLease): Promise<boolean> {
    const key = `${slotPrefix(slot)}meta`;
    const args = [lease.token, String(lease.seq), String(KEYS_A_STEP)];
    for (;;) {
      const answer = String(await this.#ask((client) => clearScript.run(client, [key], args)));
      if (answer !== 'more') return answer === 'done';
    }
  }

  async removeOutbox(slot: SlotId, ns: readonly number[]): Promise<void> {
    const key = `${slotPrefix(slot)}outbox`;
    for (const part of slices(ns, ARGUMENTS)) {
      await this.#ask((client) => client.hdel(key, ...part.map(String)));
    }
  }

  async close(): Promise<void> {
    if (this.#client.status !== 'ready') {
      this.#client.disconnect();
      return;
    }
    await this.#ask((client) => client.quit());
  }

  /**
   * Single fields of hashes, in the order asked; one HMGET a hash and 5,000 fields. They leave in one write: of subscribers that are
   * new most are alone in their hash, and a write to the socket each took as long as all else of the read.
   */
  async #readFields(fields: readonly { key: string; field: string }[]): Promise<(Uint8Array | null)[]> {
    const places = groupBy([...fields.keys()], (place) => fields[place]?.key ?? '');
    const asked = [...places].flatMap(([key, all]) => slices(all, ARGUMENTS).map((part) => ({ key, part })));
    const answers = await this.#ask(async (client) => {
      const together = client.pipeline();
      for (const { key, part } of asked)
        together.hmgetBuffer(key, ...part.map((place) => fields[place]?.field ?? ''));
      return ((await together.exec()) ?? []).map(([error, answer]) => {
        if (error !== null) throw error;
        return answer as (Buffer | null)[];
      });
    });
    const values: (Uint8Array | null)[] = fields.map(() => null);
    asked.forEach(({ part }, i) => {
      part.forEach((place, j) => (values[place] = answers[i]?.[j] ?? null));
    });
    return values;
  }

  /** One hash in chunks; a field once, although HSCAN may repeat fields while the server resizes the hash. */
  async *#scan(key: string): AsyncGenerator<[string, Buffer][]> {
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const [next, flat] = await this.#ask((client) => client.hscanBuffer(key, cursor, 'COUNT', CHUNK));
      cursor = next.toString();
      const fresh = pairs(flat).filter(([field]) => !seen.has(field) && seen.add(field));
      for (const chunk of slices(fresh, CHUNK)) yield chunk;
    } while (cursor !== '0');
  }

  async #ask<T>(command: (client: Redis) => Promise<T>): Promise<T> {
    try {
      return await command(this.#client);
    } catch (error) {
      throw redisError(error, this.#client.status === 'ready');
    }
  }
}

function pairs(flat: readonly Buffer[]): [string, Buffer][] {
  const result: [string, Buffer][] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [field, value] = [flat[i], flat[i + 1]];
    if (field !== undefined && value !== undefined) result.push([field.toString('utf8'), value]);
  }
  return result;
}

function metaOf(fields: readonly [string, Buffer][]): Map<string, Uint8Array> {
  return new Map(
    fields
      // Empty is what a torn write may leave of a field that was to be removed.
      .filter(([name, value]) => name.startsWith(META_FIELD) && value.length > 0)
      .map(([name, value]) => [name.slice(META_FIELD.length), value]),
  );
}

function outboxOf(fields: readonly [string, Buffer][]): OutboxEntry[] {
  return fields.map(([n, bytes]) => ({ n: Number(n), bytes })).sort((a, b) => a.n - b.n);
}

function slices<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let from = 0; from < items.length; from += size) result.push(items.slice(from, from + size));
  return result;
}
