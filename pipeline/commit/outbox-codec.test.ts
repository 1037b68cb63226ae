import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import { DEAD_LETTER_REASONS } from '../../schemas/outcome.ts';
import { LogBuilder, NOON, fold, freshSlot } from '../../tests/factories.ts';
import { decodeOutbox, encodeOutbox, outboxNumber } from './outbox-codec.ts';

describe('outboxNumber', () => {
  it('puts everything of an owner before all of the next one', () => {
    expect(outboxNumber(4, 2 ** 28 - 1)).toBeLessThan(outboxNumber(5, 1));
    expect(outboxNumber(4, 1)).toBeLessThan(outboxNumber(4, 2));
  });

  it('gives no number of the next owner: the slot is acquired anew', () => {
    let thrown: unknown;
    try {
      outboxNumber(4, 2 ** 28);
    } catch (error) {
      thrown = error;
    }
    expect(isAppError(thrown, 'store-rejected') && thrown.retriable).toBe(true);
  });
});

describe('encodeOutbox', () => {
  const AUGUST = Date.UTC(2026, 7, 1);

  it('gives what decodeOutbox reads, of everything that a slot leaves', () => {
    const log = new LogBuilder().enforced().record({ eventTimeMs: NOON, outputOctets: 5000 });
    log.record({ statusType: 'ACCOUNTING_ON', subscriberId: '', nasId: 'ü\u0000"', eventTimeMs: NOON });
    log.tick(AUGUST + 2 * 86_400_000).control({
      kind: 'operator',
      command: {
        type: 'adjust',
        subscriberId: 'sub-1',
        atMs: AUGUST,
        downBytes: -(2 ** 50),
        upBytes: 0,
        reason: '\n',
        by: 'b',
      },
    });
    const { outbox } = fold(freshSlot(), log.inputs);
    expect(new Set(outbox.map(({ kind }) => kind))).toEqual(
      new Set(['action', 'control', 'closed-cycle', 'adjustment']),
    );
    for (const record of outbox) expect(decodeOutbox(encodeOutbox(record))).toEqual(record);
  });

  it('keeps the bytes of a dead letter, whatever they are', () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)));
    fc.assert(
      fc.property(
        bytes,
        bytes,
        fc.constantFrom(...DEAD_LETTER_REASONS),
        fc.string(),
        (key, value, reason, detail) => {
          const place = { topic: 't', partition: 3, offset: 2 ** 50, appendTimeMs: NOON, nasId: null };
          const record: OutboxRecord = {
            kind: 'dead-letter',
            letter: { ...place, reason, detail, key, value },
          };
          expect(decodeOutbox(encodeOutbox(record))).toEqual(record);
        },
      ),
    );
  });

  it('takes a view of a larger buffer for what it shows', () => {
    const value = Buffer.from('xxletterxx').subarray(2, 8);
    const place = { topic: 't', partition: 0, offset: 1, appendTimeMs: NOON, nasId: null, key: null };
    const letter = {
      ...place,
      reason: 'empty' as const,
      detail: '',
      value: new Uint8Array(value.buffer, value.byteOffset, 6),
    };
    const read = decodeOutbox(encodeOutbox({ kind: 'dead-letter', letter }));
    expect(read.kind === 'dead-letter' && Buffer.from(read.letter.value ?? []).toString()).toBe('letter');
  });

  it.each(['', '{', '\u0000'])('says that %j is corrupt', (text) => {
    expect(() => decodeOutbox(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'store-corrupt' }));
  });
});
