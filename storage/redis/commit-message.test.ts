import { describe, expect, it } from 'vitest';
import type { SlotCommit } from '../ports.ts';
import { encodeCommit } from './commit-message.ts';

const commit: SlotCommit = {
  slot: { group: 'g', topic: 't', partition: 0 },
  token: 'tok',
  seq: 8,
  commitId: 'id',
  position: 99,
  outbox: [{ n: 7, bytes: Uint8Array.of(0xff) }],
  rows: [{ group: 'w', field: 'r', value: Uint8Array.of(1) }],
  deletedGroups: ['old'],
  deletedRows: [{ group: 'w', field: 'x' }],
  due: [
    { key: 'd', dueMs: 5 },
    { key: 'e', dueMs: null },
  ],
  values: [
    { bucket: 2, field: 'a', value: Uint8Array.of(2) },
    { bucket: 3, field: 'b', value: Uint8Array.of(3) },
    { bucket: 2, field: 'c', value: Uint8Array.of(4) },
  ],
  meta: [{ field: 'core', value: Uint8Array.of(0) }],
};

describe('encodeCommit', () => {
  it('lays a commit out as commit.lua reads it', () => {
    // Each string is shown as it stands behind its one-byte head; arrays as [count.
    const shown = [...encodeCommit(commit)]
      .map((byte) =>
        byte >= 0x90 && byte < 0xa0 ? `[${String(byte & 15)}` : byte > 0xa0 && byte < 0xc0 ? ' ' : byte,
      )
      .map((part) =>
        typeof part !== 'number'
          ? part
          : part > 32 && part < 127
            ? String.fromCharCode(part)
            : `<${String(part)}>`,
      )
      .join('');
    expect(shown).toBe(
      '[11 tok 7 id' +
        '[2 7 <255>' +
        '[1[2 w[2 r <1>' +
        '[2 5 d' +
        '[1 e' +
        '[2[2 2[4 a <2> c <4>[2 3[2 b <3>' +
        '[8 m:core <0> position 99 seq 8 commit id' +
        '[1 old' +
        '[1[2 w[1 x',
    );
  });

  it('refuses more meta fields than one write takes', () => {
    const meta = Array.from({ length: 3_001 }, (_, i) => ({ field: String(i), value: new Uint8Array() }));
    expect(() => encodeCommit({ ...commit, meta })).toThrow(RangeError);
  });
});
