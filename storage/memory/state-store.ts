import { randomBytes } from 'node:crypto';
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
import { SlotContent, copyOf } from './slot-content.ts';
import type { DumpSection } from './slot-content.ts';

const CHUNK = 1_000;

/**
 * Where a fault can strike, in the order of a commit. What was written before the point stays: a fault at `values` is a
 * torn write, one at `acknowledge` is a lost acknowledgement (of a commit or a clear). `values` and `rows` come once for each
 * bucket or group, `clear` once for each of the five parts of a clear, the head last.
 */
export type FaultPoint =
  | 'acquire'
  | 'commit'
  | 'outbox'
  | 'rows'
  | 'values'
  | 'due'
  | 'meta'
  | 'deletes'
  | 'clear'
  | 'acknowledge'
  | 'read'
  | 'remove-outbox';

export interface MemoryStateStoreOptions {
  /** called before the write (or read) of that name; what it throws is what the caller gets */
  fault?: (point: FaultPoint, slot: SlotId) => void;
  /** new owner token; default 128 random bits. A simulation gives its own, from its seed. */
  newToken?: () => string;
  /**
   * Test-only weakness: checks that are left out wherever the store makes them (commit, holds, clear). With it a simulation
   * proves that each of them is needed, by turning red without it.
   */
  ignore?: { token?: boolean; seq?: boolean; commitId?: boolean };
}

/** An older state of a slot, to be put back: how a server looks that lost its tail. */
export type SlotCopy = SlotContent | null;

/**
 * Slot state in memory, for the simulation and unit tests. Writes in place in the order that the port lists, as Redis does,
 * so that a fault leaves the same half of a commit. Two workers share it by sharing the object.
 */
export class MemoryStateStore implements StateStore {
  readonly #slots = new Map<string, SlotContent>();
  readonly #fault: (point: FaultPoint, slot: SlotId) => void;
  readonly #newToken: () => string;
  readonly #ignore: NonNullable<MemoryStateStoreOptions['ignore']>;

  constructor(options: MemoryStateStoreOptions = {}) {
    this.#fault = options.fault ?? (() => undefined);
    this.#newToken = options.newToken ?? (() => randomBytes(16).toString('hex'));
    this.#ignore = options.ignore ?? {};
  }

  async verify(): Promise<void> {
    // Memory neither evicts nor has a server to be unsafe.
  }

  async acquire(slot: SlotId): Promise<SlotHead> {
    this.#fault('acquire', slot);
    const content = this.#slots.get(slotKey(slot)) ?? new SlotContent();
    this.#slots.set(slotKey(slot), content);
    content.epoch += 1;
    content.token = this.#newToken();
    return {
      lease: { epoch: content.epoch, token: content.token, seq: content.seq },
      position: content.position,
      meta: copies(content.meta),
      outbox: outboxOf(content),
    };
  }

  async holds(slot: SlotId, lease: SlotLease): Promise<boolean> {
    this.#fault('read', slot);
    return this.#isHeld(this.#content(slot), lease);
  }

  async *loadValues(slot: SlotId): AsyncGenerator<BucketValue[]> {
    yield* this.#chunks(slot, valuesIn(this.#content(slot)));
  }

  async readValues(
    slot: SlotId,
    fields: readonly { bucket: number; field: string }[],
  ): Promise<(Uint8Array | null)[]> {
    this.#fault('read', slot);
    const values = this.#content(slot)?.values;
    return fields.map(({ bucket, field }) => {
      const value = values?.get(bucket)?.get(field);
      return value === undefined ? null : copyOf(value);
    });
  }

  async readBuckets(slot: SlotId, buckets: readonly number[]): Promise<BucketValue[]> {
    this.#fault('read', slot);
    return valuesIn(this.#content(slot), buckets).map(copyItem);
  }

  async readRows(
    slot: SlotId,
    keys: readonly { group: string; field: string }[],
  ): Promise<(Uint8Array | null)[]> {
    this.#fault('read', slot);
    const rows = this.#content(slot)?.rows;
    return keys.map(({ group, field }) => {
      const value = rows?.get(group)?.get(field);
      return value === undefined ? null : copyOf(value);
    });
  }

  async readHead(slot: SlotId): Promise<{ position: number | null; meta: Map<string, Uint8Array> }> {
    this.#fault('read', slot);
    const content = this.#content(slot);
    return { position: content?.position ?? null, meta: copies(content?.meta ?? new Map()) };
  }

  async *loadRows(slot: SlotId, groups?: readonly string[]): AsyncGenerator<RowValue[]> {
    yield* this.#chunks(slot, rowsIn(this.#content(slot), groups));
  }

  async readOutbox(slot: SlotId): Promise<OutboxEntry[]> {
    this.#fault('read', slot);
    return outboxOf(this.#content(slot) ?? new SlotContent());
  }

  async loadDue(slot: SlotId): Promise<{ key: string; dueMs: number }[]> {
    this.#fault('read', slot);
    const due = [...(this.#content(slot)?.due ?? [])].map(([key, dueMs]) => ({ key, dueMs }));
    return due.sort((a, b) => a.dueMs - b.dueMs || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  async commit(commit: SlotCommit): Promise<CommitResult> {
    this.#fault('commit', commit.slot);
    const content = this.#content(commit.slot);
    if (content === undefined || !this.#isOwner(content, commit.token)) return 'rejected';
    if (content.commitId === commit.commitId && this.#ignore.commitId !== true) return 'already';
    if (!this.#isAt(content, commit.seq - 1)) return 'rejected';
    content.apply(commit, (point) => {
      this.#fault(point, commit.slot);
    });
    this.#fault('acknowledge', commit.slot);
    return 'applied';
  }

  async clear(slot: SlotId, lease: SlotLease): Promise<boolean> {
    const content = this.#content(slot);
    if (!this.#isHeld(content, lease)) return false;
    content.clear(() => {
      this.#fault('clear', slot);
    });
    this.#fault('acknowledge', slot);
    return true;
  }

  async removeOutbox(slot: SlotId, ns: readonly number[]): Promise<void> {
    this.#fault('remove-outbox', slot);
    for (const n of ns) this.#content(slot)?.outbox.delete(n);
  }

  async close(): Promise<void> {
    // Nothing is open; the content stays, as a server's would.
  }

  /**
   * All bytes of a slot in one order that depends on nothing but the content: equal dumps = equal state.
   * By default only what is a pure function of the log: without owner, sequence and outbox.
   */
  dump(slot: SlotId, sections?: readonly DumpSection[]): Uint8Array {
    return (this.#content(slot) ?? new SlotContent()).dump(sections);
  }

  /** What dump() holds, name by name: shows where two states differ. Values are hex. */
  dumpText(slot: SlotId, sections?: readonly DumpSection[]): string[] {
    return (this.#content(slot) ?? new SlotContent()).dumpText(sections);
  }

  /** A copy of the slot as it is now; null where there is none. */
  copySlot(slot: SlotId): SlotCopy {
    return this.#content(slot)?.clone() ?? null;
  }

  /** Puts a copy back: everything written since is lost. */
  restoreSlot(slot: SlotId, copy: SlotCopy): void {
    if (copy === null) this.#slots.delete(slotKey(slot));
    else this.#slots.set(slotKey(slot), copy.clone());
  }

  #content(slot: SlotId): SlotContent | undefined {
    return this.#slots.get(slotKey(slot));
  }

  #isHeld(content: SlotContent | undefined, lease: SlotLease): content is SlotContent {
    return content !== undefined && this.#isOwner(content, lease.token) && this.#isAt(content, lease.seq);
  }

  #isOwner(content: SlotContent, token: string): boolean {
    return content.token === token || this.#ignore.token === true;
  }

  #isAt(content: SlotContent, seq: number): boolean {
    return content.seq === seq || this.#ignore.seq === true;
  }

  *#chunks<T extends { value: Uint8Array }>(slot: SlotId, items: readonly T[]): Generator<T[]> {
    for (let from = 0; from < items.length; from += CHUNK) {
      this.#fault('read', slot);
      yield items.slice(from, from + CHUNK).map(copyItem);
    }
  }
}

/** Values of all buckets or of some; the bytes are the store's own. */
function valuesIn(content: SlotContent | undefined, buckets?: readonly number[]): BucketValue[] {
  if (content === undefined) return [];
  return [...new Set(buckets ?? content.values.keys())].flatMap((bucket) =>
    [...(content.values.get(bucket) ?? [])].map(([field, value]) => ({ bucket, field, value })),
  );
}

/** Rows of all groups or of some; the bytes are the store's own. */
function rowsIn(content: SlotContent | undefined, groups?: readonly string[]): RowValue[] {
  if (content === undefined) return [];
  return [...new Set(groups ?? content.rows.keys())].flatMap((group) =>
    [...(content.rows.get(group) ?? [])].map(([field, value]) => ({ group, field, value })),
  );
}

function copyItem<T extends { value: Uint8Array }>(item: T): T {
  return { ...item, value: copyOf(item.value) };
}

function slotKey(slot: SlotId): string {
  return JSON.stringify([slot.group, slot.topic, slot.partition]);
}

function copies(meta: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...meta].map(([field, value]) => [field, copyOf(value)]));
}

function outboxOf(content: SlotContent): OutboxEntry[] {
  return [...content.outbox].map(([n, bytes]) => ({ n, bytes: copyOf(bytes) })).sort((a, b) => a.n - b.n);
}
