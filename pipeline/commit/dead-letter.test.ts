import { expect, it } from 'vitest';
import type { LogEntry } from '../../storage/ports.ts';
import { deadLetter } from './dead-letter.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 3 };
const DEAD = {
  offset: 5,
  appendTimeMs: 7,
  reason: 'bad-control',
  detail: 'why',
  key: null,
  value: null,
  nasId: 'nas-1',
} as const;

function entry(key: Uint8Array | null, value: Uint8Array | null): LogEntry {
  return { offset: 5, key, value, control: null, appendTimeMs: 7 };
}

it('has what decoding left of the bytes, else the entry’s', () => {
  const key = Buffer.from('k');
  const value = Buffer.from('whole');
  expect(deadLetter(SLOT, { ...DEAD, value: value.subarray(0, 2) }, entry(key, value))).toEqual({
    topic: 'accounting',
    partition: 3,
    offset: 5,
    appendTimeMs: 7,
    reason: 'bad-control',
    detail: 'why',
    nasId: 'nas-1',
    key,
    value: Buffer.from('wh'),
  });
  expect(deadLetter(SLOT, DEAD, entry(null, value))).toMatchObject({ key: null, value });
  expect(deadLetter(SLOT, DEAD, undefined)).toMatchObject({ key: null, value: null });
});

it('fits into one message of a broker’s default size, whatever came', () => {
  const letter = deadLetter(SLOT, DEAD, entry(new Uint8Array(9_000_000), new Uint8Array(9_000_000)));
  expect((letter.key?.length ?? 0) + (letter.value?.length ?? 0)).toBeLessThan(950_000);
});
