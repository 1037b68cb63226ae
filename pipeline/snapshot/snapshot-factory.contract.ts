import { MemorySnapshotStore } from '../../storage/memory/snapshot-store.ts';
import type { SlotId, SlotLease, StateStore } from '../../storage/ports.ts';
import { aCommit, after, utf8 } from '../../storage/slot-factory.contract.ts';
import { decodeSnapshot, encodeSnapshot } from './format.ts';
import type { SnapshotHeader, SnapshotPart } from './format.ts';
import { compressed, decompressed } from './gzip.ts';
import type { SnapshotWriterDeps } from './write-snapshot.ts';

/** What a writer needs, around a store; the clock steps a second with every look. */
export function writerDeps(
  store: StateStore,
  snapshots = new MemorySnapshotStore(),
): SnapshotWriterDeps & { snapshots: MemorySnapshotStore } {
  let nowMs = Date.UTC(2025, 0, 31);
  return { store, snapshots, stateVersion: 1, nowMs: () => (nowMs += 1_000) };
}

/** Fills a slot with some of everything, names and bytes of all kinds; `values` of them in 40 buckets. */
export async function fillSlot(store: StateStore, slot: SlotId, values = 2_500): Promise<SlotLease> {
  let { lease } = await store.acquire(slot);
  const send = async (changes: Parameters<typeof aCommit>[2]): Promise<void> => {
    const result = await store.commit(aCommit(slot, lease, changes));
    if (result !== 'applied') throw new Error(`a commit was ${result}`);
    lease = after(lease);
  };
  for (let from = 0; from < values; from += 2_000) {
    const numbers = Array.from({ length: Math.min(2_000, values - from) }, (_, i) => from + i);
    await send({
      values: numbers.map((i) => ({ bucket: i % 40, field: `hs-ü${String(i)}`, value: someBytes(i) })),
      due: numbers.map((i) => ({ key: `k${String(i)}`, dueMs: 1_700_000_000_000 + (i % 977) })),
      rows: numbers
        .filter((i) => i % 3 === 0)
        .map((i) => ({
          group: i % 2 === 0 ? 'o' : `w:${String(i % 7)}`,
          field: `1:0:${String(i)}`,
          value: someBytes(i),
        })),
    });
  }
  const n = 7 * 2 ** 40;
  await send({
    outbox: [1, 2, 3].map((i) => ({ n: n + i, bytes: someBytes(i) })),
    meta: ['core', 'plan:a', 'policy:ß', 'nas:\u0000'].map((field, i) => ({
      field,
      value: someBytes(i + 1),
    })),
    values: [{ bucket: 3, field: 'empty', value: utf8('') }],
  });
  return lease;
}

/** All byte values, of lengths up to 255. */
function someBytes(seed: number): Uint8Array {
  return new Uint8Array(Array.from({ length: seed % 256 }, (_, i) => (seed * 31 + i * 7) % 256));
}

/** A snapshot with another header and the same parts, its checksum right. */
export async function withHeader(content: Buffer, changes: Partial<SnapshotHeader>): Promise<Buffer> {
  const { header, parts } = await unpacked(content);
  return packed(encodeSnapshot({ ...header, ...changes }, fromArray(parts)));
}

/** The uncompressed bytes, changed, compressed again. */
export async function withContent(content: Buffer, change: (plain: Buffer) => Buffer): Promise<Buffer> {
  const plain = Buffer.concat(await toArray(decompressed(fromArray([content]))));
  return packed(fromArray([change(plain)]));
}

async function unpacked(content: Buffer): Promise<{ header: SnapshotHeader; parts: SnapshotPart[] }> {
  const parts: SnapshotPart[] = [];
  let header: SnapshotHeader | null = null;
  for await (const frame of decodeSnapshot(decompressed(fromArray([content])))) {
    if (frame.kind === 'header') header = frame.header;
    else if (frame.kind !== 'end') parts.push(frame);
  }
  if (header === null) throw new Error('no header');
  return { header, parts };
}

async function packed(plain: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await toArray(compressed(plain)));
}

export async function* fromArray<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
