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
      '[13 tok 7 id' +
        '[2 7 <255>' +
        '[1[2 w[2 r <1>' +
        '[2[2 2[4 a <2> c <4>[2 3[2 b <3>' +
        '[2 5 d' +
        '[1 e' +
        '[0' +
        '[8 m:core <0> position 99 seq 8 commit id' +
        '[0' +
        '[1 old' +
        '[1[2 w[1 x',
    );
  });

  it('names removed meta fields once more, as what to delete after the position was written', () => {
    const meta = [
      { field: 'a', value: Uint8Array.of(1) },
      { field: 'b', value: new Uint8Array() },
      { field: 'c', value: new Uint8Array() },
      { field: 'a', value: new Uint8Array() },
      { field: 'c', value: Uint8Array.of(2) },
    ];
    const text = encodeCommit({ ...commit, meta }).toString('latin1');
    expect(text).toContain(
      '\x90\x9c\xa3m:a\xa0\xa3m:b\xa0\xa3m:c\xa1\x02\xa8position\xa299\xa3seq\xa18\xa6commit\xa2id\x92\xa3m:a\xa3m:b',
    );
  });

  it('writes the core with the position however many fields there are', () => {
    const meta = Array.from({ length: 4_000 }, (_, i) => ({
      field: `p${String(i)}`,
      value: Uint8Array.of(1),
    }));
    const text = encodeCommit({
      ...commit,
      meta: [...meta, { field: 'core', value: Uint8Array.of(7) }],
    }).toString('latin1');
    // What goes before is 1,001 fields, the last write 3,000 and the store's own three.
    const early = text.indexOf('\xdc\x07\xd2');
    const last = text.indexOf('\xdc\x17\x76');
    expect(early).toBeGreaterThan(0);
    expect(last).toBeGreaterThan(early);
    expect(text.indexOf('m:core')).toBeGreaterThan(last);
    expect(text.split('m:')).toHaveLength(1 + 4_001);
  });
});
