import { describe, expect, it } from 'vitest';
import { fold, freshSlot, HOUR, LogBuilder, MINUTE, NOON } from '../../tests/factories.ts';
import type { SlotState } from './slot-state.ts';

function folded(log: LogBuilder): SlotState {
  const state = freshSlot();
  fold(state, log.inputs);
  return state;
}

function lastEventOf(state: SlotState): number | undefined {
  return state.subscribers.get('sub-1')?.sessions[0]?.lastEventMs;
}

describe('case 15: the time of a record', () => {
  it.each([
    ['its stamp', { eventTimeMs: NOON - MINUTE, receivedAtMs: NOON }, NOON - MINUTE, 0],
    [
      'else received less the delay',
      { eventTimeMs: null, receivedAtMs: NOON - MINUTE, acctDelaySeconds: 30 },
      NOON - 90_000,
      0,
    ],
    ['else the append time', { eventTimeMs: null, receivedAtMs: null }, NOON, 0],
    ['a stamp 5 min ahead', { eventTimeMs: NOON + 5 * MINUTE }, NOON + 5 * MINUTE, 0],
    ['not one that is further ahead: the append time', { eventTimeMs: NOON + 5 * MINUTE + 1 }, NOON, 1],
    [
      'not a receipt that is further ahead',
      { eventTimeMs: null, receivedAtMs: NOON + 5 * MINUTE + 1 },
      NOON,
      1,
    ],
  ])('is %s', (_name, fields, atMs, skewed) => {
    const state = folded(new LogBuilder().record(fields, NOON));
    expect(lastEventOf(state)).toBe(atMs);
    expect(state.flags.skewed).toBe(skewed);
    // A stamp that is not believed says nothing about time.
    expect(state.watermarkMs).toBe(skewed === 1 ? 0 : atMs - MINUTE);
  });

  it('the watermark is a minute behind the greatest and never goes back', () => {
    const log = new LogBuilder()
      .record({ eventTimeMs: NOON })
      .record({ eventTimeMs: NOON - HOUR })
      .tick(NOON - 2 * HOUR);
    expect(folded(log).watermarkMs).toBe(NOON - MINUTE);
  });

  /** Records of one NAS whose clock is `leadMs` off, a minute apart by the log's clock. */
  function led(leadMs: number, records: number): LogBuilder {
    const log = new LogBuilder();
    for (let i = 0; i < records; i += 1) {
      const at = NOON + i * MINUTE;
      log.record({ nasId: 'fast', sessionId: `f${i}`, statusType: 'START', eventTimeMs: at + leadMs }, at);
    }
    return log;
  }

  it.each([
    ['3 min ahead: not once it is known', 3 * MINUTE, NOON + 6 * MINUTE + 3 * MINUTE - MINUTE],
    ['61 s ahead: not either', 61_000, NOON + 6 * MINUTE + 1000],
    ['60 s ahead: it does', MINUTE, NOON + 19 * MINUTE],
    ['behind: it does', -MINUTE, NOON + 17 * MINUTE],
  ])('a NAS whose clock is %s carry the watermark along', (_name, leadMs, watermarkMs) => {
    expect(folded(led(leadMs, 20)).watermarkMs).toBe(watermarkMs);
  });

  it('of a NAS that is known to be ahead still counts in its own time', () => {
    const log = led(4 * MINUTE, 20);
    const at = NOON + HOUR;
    log.record({ nasId: 'fast', eventTimeMs: at + 4 * MINUTE, outputOctets: 5 }, at);
    const state = folded(log);
    expect(state.subscribers.get('sub-1')?.rows).toMatchObject([{ startMs: NOON + HOUR, down: 5 }]);
    log.record({ nasId: 'right', sessionId: 'r', eventTimeMs: at }, at);
    fold(state, log.inputs);
    expect(state.watermarkMs).toBe(at - MINUTE);
  });
});
