import { describe, expect, it, vi } from 'vitest';
import { Handover } from './handover.ts';

const noBeat = (): Promise<void> => Promise.resolve();

describe('Handover', () => {
  it('lets the giver wait until its item is taken', async () => {
    const hand = new Handover<number>();
    let given = false;
    const giving = hand.give(7, noBeat).then(() => (given = true));
    await Promise.resolve();
    expect(given).toBe(false);
    expect(await hand.take(1000)).toBe(7);
    await giving;
    expect(given).toBe(true);
  });

  it('gives a failure to whoever waits, and lets givers go at the end', async () => {
    const hand = new Handover<number>();
    const taking = hand.take(1000);
    hand.fail(new Error('crashed'));
    await expect(taking).rejects.toThrow('crashed');
    const giving = hand.give(1, noBeat);
    hand.end();
    await giving;
    await hand.give(2, noBeat);
  });

  it('gives up after so much silence, and beats for a giver who waits', async () => {
    vi.useFakeTimers();
    try {
      const hand = new Handover<number>();
      const silent = expect(hand.take(5000)).rejects.toMatchObject({ code: 'unreachable', retriable: true });
      await vi.advanceTimersByTimeAsync(5000);
      await silent;
      const beat = vi.fn(noBeat);
      const giving = hand.give(1, beat);
      await vi.advanceTimersByTimeAsync(3000);
      expect(beat).toHaveBeenCalledTimes(3);
      hand.end();
      await giving;
    } finally {
      vi.useRealTimers();
    }
  });
});
