import { describe, expect, it } from 'vitest';
import { recordTime } from './record-time.ts';

const APPENDED = 1_800_000_000_000;

describe('case 15: recordTime', () => {
  it.each([
    [
      'the event time',
      { eventTimeMs: APPENDED - 7, receivedAtMs: 1, acctDelaySeconds: 9 },
      APPENDED - 7,
      false,
    ],
    [
      'reception less the delay',
      { eventTimeMs: null, receivedAtMs: APPENDED - 1000, acctDelaySeconds: 3 },
      APPENDED - 4000,
      false,
    ],
    ['the append time', { eventTimeMs: null, receivedAtMs: null, acctDelaySeconds: 3 }, APPENDED, false],
    [
      '5 min ahead, believed',
      { eventTimeMs: APPENDED + 300_000, receivedAtMs: null, acctDelaySeconds: 0 },
      APPENDED + 300_000,
      false,
    ],
    [
      'more than 5 min ahead, not believed',
      { eventTimeMs: APPENDED + 300_001, receivedAtMs: null, acctDelaySeconds: 0 },
      APPENDED,
      true,
    ],
    [
      'reception ahead, not believed',
      { eventTimeMs: null, receivedAtMs: APPENDED + 400_000, acctDelaySeconds: 0 },
      APPENDED,
      true,
    ],
  ])('%s', (_name, event, atMs, skewed) => {
    expect(recordTime(event, APPENDED)).toEqual({ atMs, skewed });
  });
});
