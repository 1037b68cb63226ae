import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf, partitionOfText } from './partitioning.ts';

describe('murmur2', () => {
  // Vectors of Kafka's own test (org.apache.kafka.common.utils.UtilsTest.testMurmur2).
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('%s', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });
});

it('takes the hash without its sign, modulo the partitions', () => {
  expect(partitionOfText('21', 4)).toBe((-973932308 & 0x7fffffff) % 4);
  expect(partitionOf(new Uint8Array(), 7)).toBeGreaterThanOrEqual(0);
});
