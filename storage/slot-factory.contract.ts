import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { BucketValue, RowValue, SlotCommit, SlotHead, SlotId, SlotLease, StateStore } from './ports.ts';

/** A slot that nothing else uses. */
export function aSlot(overrides: Partial<SlotId> = {}): SlotId {
  return { group: 'weir-test', topic: `t-${randomUUID()}`, partition: 0, ...overrides };
}

/** The next commit of a lease, empty but for its position. */
export function aCommit(slot: SlotId, lease: SlotLease, changes: Partial<SlotCommit> = {}): SlotCommit {
  return {
    slot,
    token: lease.token,
    seq: lease.seq + 1,
    commitId: randomUUID(),
    position: (lease.seq + 1) * 100,
    outbox: [],
    rows: [],
    deletedGroups: [],
    deletedRows: [],
    due: [],
    values: [],
    meta: [],
    ...changes,
  };
}

/** The lease after a commit was applied. */
export function after(lease: SlotLease): SlotLease {
  return { ...lease, seq: lease.seq + 1 };
}

/** A new slot and a function that commits to it, which must be applied. */
export async function owned(
  store: StateStore,
  slot: SlotId = aSlot(),
): Promise<{ slot: SlotId; commit: (changes: Partial<SlotCommit>) => Promise<void> }> {
  let lease: SlotLease = (await store.acquire(slot)).lease;
  const commit = async (changes: Partial<SlotCommit>): Promise<void> => {
    expect(await store.commit(aCommit(slot, lease, changes))).toBe('applied');
    lease = after(lease);
  };
  return { slot, commit };
}

export function utf8(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}

/** Everything that a reader can see of a slot, as plain data in a fixed order; bytes are latin1 text. */
export interface SlotView {
  position: number | null;
  meta: Record<string, string>;
  values: string[];
  rows: string[];
  due: { key: string; dueMs: number }[];
}

export async function viewOf(store: StateStore, slot: SlotId): Promise<SlotView> {
  const head = await store.readHead(slot);
  const values = (await collect(store.loadValues(slot))).flat();
  const rows = (await collect(store.loadRows(slot))).flat();
  return {
    position: head.position,
    meta: metaText(head.meta),
    values: values.map((v: BucketValue) => JSON.stringify([v.bucket, v.field, latin1(v.value)])).sort(),
    rows: rows.map((r: RowValue) => JSON.stringify([r.group, r.field, latin1(r.value)])).sort(),
    due: await store.loadDue(slot),
  };
}

/** A head without what is random. */
export function headText(head: SlotHead): unknown {
  return {
    epoch: head.lease.epoch,
    seq: head.lease.seq,
    position: head.position,
    meta: metaText(head.meta),
    outbox: head.outbox.map(({ n, bytes }) => [n, latin1(bytes)]),
  };
}

export async function collect<T>(chunks: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

function metaText(meta: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  const fields = [...meta].map(([field, value]) => [field, latin1(value)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
