import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import { emptyFeed, noteInterim, noteLead, noteRecord, noteSession } from '../feed/nas-feed.ts';
import { decodeFeed, encodeFeed } from './feed-codec.ts';

const READING = defaultNasProfile('n');

const note = fc.record({
  appendTimeMs: fc.integer({ min: 0, max: 1e13 }),
  eventTimeMs: fc.option(fc.integer({ min: -1e13, max: 1e13 }), { nil: null }),
  atMs: fc.integer({ min: -1e13, max: 1e13 }),
  outcome: fc.constantFrom(...OUTCOMES),
  flags: fc.subarray([...FLAGS]),
  lineBps: fc.integer({ min: 0, max: 1e15 }),
});

describe('encodeFeed', () => {
  it('gives bytes that make the same feed again, and the same bytes', () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 30 }), fc.string(), (notes, nasId) => {
        const feed = emptyFeed(nasId);
        notes.forEach((fields, offset) => {
          noteRecord(feed, { offset, ...fields }, READING);
          noteInterim(feed, Math.abs(fields.atMs));
          noteLead(feed, fields.atMs);
          const opened = (fields.appendTimeMs % 5) - 2;
          noteSession(feed, { offset, appendTimeMs: fields.appendTimeMs, opened, flag: null }, READING);
        });
        const bytes = Buffer.from(encodeFeed(feed));
        const again = decodeFeed(nasId, bytes);
        expect(again).toEqual(feed);
        expect(Buffer.from(encodeFeed(again))).toEqual(bytes);
      }),
    );
  });

  it.each([
    [
      'of a later program',
      (bytes: Buffer) => Buffer.concat([Buffer.from([9]), bytes.subarray(1)]),
      /upgrade/,
    ],
    ['cut', (bytes: Buffer) => bytes.subarray(0, -1), /ends too early/],
    ['too long', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])]), /longer than its content/],
    ['empty', () => Buffer.alloc(0), /ends too early/],
  ])('refuses bytes that are %s', (_, spoil, message) => {
    const bytes = Buffer.from(encodeFeed(emptyFeed('n')));
    expect(() => decodeFeed('n', spoil(bytes))).toThrow(message);
  });
});
