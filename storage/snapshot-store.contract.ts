import { describe, expect, it } from 'vitest';
import { aSlot, collect, utf8 } from './slot-factory.contract.ts';
import type { SnapshotName, SnapshotStore } from './snapshot-ports.ts';

/** What every SnapshotStore does. `open` is asked in each test; tests use slots of their own. */
export function snapshotStoreContract(name: string, open: () => SnapshotStore): void {
  describe(`SnapshotStore: ${name}`, () => {
    it('gives back what it was given, whatever the chunks', async () => {
      const store = open();
      const kept = await store.put(aName(), chunks('ab', '', 'c'));
      expect(kept.bytes).toBe(3);
      expect(await textOf(store, kept)).toBe('abc');
    });

    it('lists those of a topic and group, newest first, of all partitions or one', async () => {
      const store = open();
      const slot = aSlot();
      const other = { ...slot, partition: 12 };
      await store.put({ slot, position: 5, takenAtMs: 1_000 }, chunks('a'));
      await store.put({ slot: other, position: 7, takenAtMs: 3_000 }, chunks('bb'));
      await store.put({ slot, position: 6, takenAtMs: 2_001 }, chunks('c'));
      await store.put({ slot, position: 4, takenAtMs: 2_001 }, chunks('d'));
      await store.put({ slot: { ...slot, group: 'another' }, position: 1, takenAtMs: 9_000 }, chunks('e'));
      const { group, topic } = slot;
      expect((await store.list(group, topic)).map(inShort)).toEqual([
        { partition: 12, position: 7, takenAtMs: 3_000, bytes: 2 },
        { partition: 0, position: 6, takenAtMs: 2_001, bytes: 1 },
        { partition: 0, position: 4, takenAtMs: 2_001, bytes: 1 },
        { partition: 0, position: 5, takenAtMs: 1_000, bytes: 1 },
      ]);
      expect((await store.list(group, topic, 12)).map(inShort)).toHaveLength(1);
      expect(await store.list(group, topic, 3)).toEqual([]);
      expect(await store.list(group, 'nothing')).toEqual([]);
    });

    it('keeps the names of groups and topics apart, and in its own place', async () => {
      const store = open();
      const names = ['..', '.', 'a.b', 'a/b', '../x'];
      for (const topic of names) await store.put(aName({ topic }), chunks(topic));
      for (const topic of names) {
        const [only, ...rest] = await store.list('weir-test', topic);
        expect(rest).toEqual([]);
        expect(only === undefined ? null : await textOf(store, only)).toBe(topic);
      }
    });

    it('never overwrites', async () => {
      const store = open();
      const kept = await store.put(aName(), chunks('first'));
      await expect(store.put(kept, chunks('second'))).rejects.toMatchObject({ code: 'conflict' });
      expect(await textOf(store, kept)).toBe('first');
    });

    it('keeps nothing of what breaks off', async () => {
      const store = open();
      const name = aName();
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield utf8('beginning');
        await Promise.resolve();
        throw new TypeError('broke off');
      };
      await expect(store.put(name, broken())).rejects.toThrow('broke off');
      const { group, topic } = name.slot;
      expect(await store.list(group, topic)).toEqual([]);
      await expect(textOf(store, name)).rejects.toMatchObject({ code: 'not-found' });
      await store.put(name, chunks('whole'));
      expect(await textOf(store, name)).toBe('whole');
    });

    it('deletes, also what is gone', async () => {
      const store = open();
      const kept = await store.put(aName(), chunks('a'));
      await store.delete(kept);
      await store.delete(kept);
      expect(await store.list(kept.slot.group, kept.slot.topic)).toEqual([]);
    });
  });
}

function aName(slot: { topic?: string } = {}): SnapshotName {
  return { slot: aSlot(slot), position: 120_034, takenAtMs: Date.UTC(2025, 0, 31, 23, 59, 59, 7) };
}

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await Promise.resolve();
    yield utf8(text);
  }
}

async function textOf(store: SnapshotStore, name: SnapshotName): Promise<string> {
  return Buffer.concat(await collect(store.open(name))).toString('utf8');
}

function inShort({ slot, position, takenAtMs, bytes }: SnapshotName & { bytes: number }): unknown {
  return { partition: slot.partition, position, takenAtMs, bytes };
}
