import { AppError } from '../../schemas/errors.ts';
import type { SnapshotName, SnapshotStore, StoredSnapshot } from '../snapshot-ports.ts';

interface Kept extends StoredSnapshot {
  content: Buffer;
}

/** Snapshots in memory, for the simulation and unit tests. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #kept = new Map<string, Kept>();

  async put(name: SnapshotName, content: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    const place = placeOf(name);
    if (this.#kept.has(place)) throw new AppError('conflict', `there is a snapshot ${place} already`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(Buffer.from(chunk));
    return stored(this.write(name, Buffer.concat(chunks)));
  }

  async list(group: string, topic: string, partition?: number): Promise<StoredSnapshot[]> {
    return [...this.#kept.values()]
      .filter(({ slot }) => slot.group === group && slot.topic === topic)
      .filter(({ slot }) => partition === undefined || slot.partition === partition)
      .sort((a, b) => b.takenAtMs - a.takenAtMs || b.position - a.position)
      .map(stored);
  }

  async *open(name: SnapshotName): AsyncGenerator<Uint8Array> {
    yield Buffer.from(this.content(name));
  }

  async delete(name: SnapshotName): Promise<void> {
    this.#kept.delete(placeOf(name));
  }

  /** What is kept, to be looked at. Throws 'not-found'. */
  content(name: SnapshotName): Buffer {
    const kept = this.#kept.get(placeOf(name));
    if (kept === undefined) throw new AppError('not-found', `there is no snapshot ${placeOf(name)}`);
    return kept.content;
  }

  /** Puts other bytes in its place: how a file looks that a disk or a copy spoiled. */
  write(name: SnapshotName, content: Buffer): Kept {
    const { slot, position, takenAtMs } = name;
    const place = placeOf(name);
    const kept = { slot, position, takenAtMs, place, bytes: content.length, content };
    this.#kept.set(place, kept);
    return kept;
  }
}

function placeOf({ slot, position, takenAtMs }: SnapshotName): string {
  return JSON.stringify([slot.group, slot.topic, slot.partition, takenAtMs, position]);
}

function stored({ slot, position, takenAtMs, bytes, place }: Kept): StoredSnapshot {
  return { slot, position, takenAtMs, bytes, place };
}
