import { randomBytes } from 'node:crypto';
import type { BucketValue, CommitResult, OutboxEntry, RowValue, SlotCommit, SlotHead, SlotId, SlotLease, StateStore } from '../ports.ts';
import { SlotContent, copyOf } from './slot-content.ts';
import type { DumpSection } from './slot-content.ts';

const CHUNK = 1_000;

/**
 * Where a fault can strike, in the order of a commit. What was written before the point stays: a fault at `values` is a
 * torn write, one at `acknowledge` is a lost acknowledgement. `values` and `rows` come once for each bucket or group.
 */
export type FaultPoint =
  | 'acquire'
  | 'commit'
  | 'outbox'
  | 'rows'
  | 'due'
  | 'values'
  | 'meta'
  | 'deletes'
  | 'acknowledge'
  | 'read'
  | 'remove-outbox';

export interface MemoryStateStoreOptions {
  /** called before the write (or read) of that name; what it throws is what the caller gets */
  fault?: (point: FaultPoint, slot: SlotId) => void;
  /** new owner token; default 128 random bits. A simulation gives its own, from its seed. */
  newToken?: () => string;
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

  constructor(options: MemoryStateStoreOptions = {}) {
    this.#fault = options.fault ?? (() => undefined);
    this.#newToken = options.newToken ?? (() => randomBytes(16).toString('hex'));
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
    const content = this.#slots.get(slotKey(slot));
    return content !== undefined && content.token === lease.token && content.seq === lease.seq;
  }

  async *loadValues(slot: SlotId): AsyncGenerator<BucketValue[]> {
    const all = [...(this.#content(slot)?.values ?? [])].flatMap(([bucket, fields]) =>
      [...fields].map(([field, value]) => ({ bucket, field, value })),
    );
    for (let from = 0; from < all.length; from += CHUNK) {
      this.#fault('read', slot);
      yield all.slice(from, from + CHUNK).map((item) => ({ ...item, value: copyOf(item.value) }));
    }
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

  async readHead(slot: SlotId): Promise<{ position: number | null; meta: Map<string, Uint8Array> }> {
    this.#fault('read', slot);
    const content = this.#content(slot);
    return { position: content?.position ?? null, meta: copies(content?.meta ?? new Map()) };
  }

  async *loadRows(slot: SlotId): AsyncGenerator<RowValue[]> {
    const all = [...(this.#content(slot)?.rows ?? [])].flatMap(([group, fields]) =>
      [...fields].map(([field, value]) => ({ group, field, value })),
    );
    for (let from = 0; from < all.length; from += CHUNK) {
      this.#fault('read', slot);
      yield all.slice(from, from + CHUNK).map((item) => ({ ...item, value: copyOf(item.value) }));
    }
  }

  async loadDue(slot: SlotId): Promise<{ key: string; dueMs: number }[]> {
    this.#fault('read', slot);
    const due = [...(this.#content(slot)?.due ?? [])].map(([key, dueMs]) => ({ key, dueMs }));
    return due.sort((a, b) => a.dueMs - b.dueMs || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  async commit(commit: SlotCommit): Promise<CommitResult> {
    this.#fault('commit', commit.slot);
    const content = this.#content(commit.slot);
    if (content === undefined || content.token !== commit.token) return 'rejected';
    if (content.commitId === commit.commitId) return 'already';
    if (content.seq !== commit.seq - 1) return 'rejected';
    content.apply(commit, (point) => {
      this.#fault(point, commit.slot);
    });
    this.#fault('acknowledge', commit.slot);
    return 'applied';
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
