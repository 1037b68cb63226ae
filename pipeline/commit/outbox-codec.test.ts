import { describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import { outboxNumber } from './outbox-codec.ts';

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
