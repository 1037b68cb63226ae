import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import { aSlot } from '../../storage/slot-factory.contract.ts';
import { decodeSnapshot, encodeSnapshot } from './format.ts';
import type { SnapshotPart } from './format.ts';
import { checkSnapshot } from './read-snapshot.ts';
import { fillSlot, fromArray, withContent, withHeader, writerDeps } from './snapshot-factory.contract.ts';
import { writeSnapshot } from './write-snapshot.ts';

let content: Buffer;

beforeAll(async () => {
  const store = new MemoryStateStore();
  const slot = aSlot();
  const deps = writerDeps(store);
  const written = await writeSnapshot(deps, slot, await fillSlot(store, slot, 300));
  if (written === null) throw new Error('nothing was written');
  content = deps.snapshots.content(written);
});

function check(bytes: Buffer, chunkBytes = bytes.length): Promise<unknown> {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  return checkSnapshot(() => fromArray(chunks));
}

describe('a snapshot', () => {
  it('is read whatever the chunks it comes in', async () => {
    for (const size of [1, 7, 1_000]) {
      expect(await check(content, size)).toMatchObject({ counts: { values: 301, outbox: 3 } });
    }
  });

  it('is refused when it is cut off anywhere', async () => {
    const ends = [0, 1, 9, 10, 11, 30, content.length - 9, content.length - 8, content.length - 1];
    for (let at = 40; at < content.length - 9; at += 997) ends.push(at);
    for (const end of ends) {
      await expect(check(content.subarray(0, end)), `the first ${String(end)} bytes`).rejects.toMatchObject({
        code: 'store-corrupt',
        retriable: false,
      });
    }
  });

  it('is refused with one bit changed anywhere, or is read as it was where the bit means nothing', async () => {
    const intact = await check(content);
    const last = content.length * 8 - 1;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 10 * 8, max: last }), async (bit) => {
        const damaged = Buffer.from(content);
        damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        // The last bits of a compressed block are padding.
        const outcome = await check(damaged).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'store-corrupt' });
        else expect(JSON.stringify(outcome)).toBe(JSON.stringify(intact));
      }),
      { numRuns: 60 },
    );
  });

  it.each<[string, (plain: Buffer) => Buffer]>([
    ['one byte changed and compressed again', (plain) => plain.fill(plain.readUInt8(900) ^ 1, 900, 901)],
    ['its end left out', (plain) => plain.subarray(0, plain.length - 37)],
    ['its end twice', (plain) => Buffer.concat([plain, plain.subarray(plain.length - 37)])],
    ['something after its end', (plain) => Buffer.concat([plain, Buffer.from('x')])],
    ['another beginning', (plain) => Buffer.concat([Buffer.from('NOTWEIR!'), plain.subarray(8)])],
    ['no header', (plain) => Buffer.concat([plain.subarray(0, 8), plain.subarray(plain.length - 37)])],
    ['a frame of four gigabytes', (plain) => plain.fill(0xff, 9, 13)],
    ['nothing', () => Buffer.alloc(0)],
  ])('is refused with %s', async (_name, change) => {
    await expect(check(await withContent(content, change))).rejects.toMatchObject({ code: 'store-corrupt' });
  });

  it('is refused when a part is missing though the checksum is right', async () => {
    const changed = await withContent(content, (plain) => {
      const head = 8 + 5 + plain.readUInt32BE(9);
      const first = 5 + plain.readUInt32BE(head + 1);
      const rest = Buffer.concat([plain.subarray(0, head), plain.subarray(head + first, plain.length - 37)]);
      const digest = createHash('sha256').update(rest).digest();
      return Buffer.concat([rest, plain.subarray(plain.length - 37, plain.length - 32), digest]);
    });
    await expect(check(changed)).rejects.toMatchObject({
      code: 'store-corrupt',
      message: /parts are missing/,
    });
  });

  it('is refused in another format, by name', async () => {
    await expect(check(await withHeader(content, { format: 2 }))).rejects.toMatchObject({
      code: 'state-version-unknown',
      message: /has format 2/,
    });
  });

  it('gives back every record as it was', async () => {
    const text = fc.string({ unit: 'grapheme' });
    const bytes = fc.uint8Array({ maxLength: 40 });
    const part = fc.oneof(
      fc.record({
        kind: fc.constant('meta' as const),
        items: fc.array(fc.record({ field: text, value: bytes })),
      }),
      fc.record({
        kind: fc.constant('values' as const),
        items: fc.array(fc.record({ bucket: fc.nat(), field: text, value: bytes })),
      }),
      fc.record({
        kind: fc.constant('rows' as const),
        items: fc.array(fc.record({ group: text, field: text, value: bytes })),
      }),
      fc.record({
        kind: fc.constant('due' as const),
        items: fc.array(fc.record({ key: text, dueMs: fc.maxSafeInteger() })),
      }),
      fc.record({
        kind: fc.constant('outbox' as const),
        items: fc.array(fc.record({ n: fc.maxSafeNat(), bytes })),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part), async (parts) => {
        const read: SnapshotPart[] = [];
        const header = { format: 1, stateVersion: 1, slot: aSlot(), position: 1, takenAtMs: 1, epoch: 1 };
        for await (const frame of decodeSnapshot(encodeSnapshot(header, fromArray<SnapshotPart>(parts)))) {
          if (frame.kind === 'header') expect(frame.header).toEqual(header);
          else if (frame.kind !== 'end') read.push(frame);
        }
        expect(plain(read)).toEqual(plain(parts));
      }),
      { numRuns: 60 },
    );
  });
});

/** Bytes as text: a Buffer and an Uint8Array of the same bytes are equal then. */
function plain(parts: readonly SnapshotPart[]): unknown {
  return parts.map(({ kind, items }) => ({
    kind,
    items: items.map((item) =>
      Object.entries(item).map(([name, value]: [string, unknown]) => [
        name,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ]),
    ),
  }));
}
