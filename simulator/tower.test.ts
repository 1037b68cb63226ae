import { describe, expect, it } from 'vitest';
import { NO_FAULTS } from './faults.ts';
import { createProvider } from './provider.ts';
import type { SimSession } from './session.ts';
import { nextSessionId, tower } from './tower.ts';

const START = Date.UTC(2026, 2, 10, 17);

/** A session of nas-01 whose records arrived by `lastArrivalMs`. */
function earlier(lastArrivalMs: number): { at: ReturnType<typeof tower>; last: SimSession } {
  const provider = createProvider({ seed: 1, subscribers: 1, startMs: START, faults: NO_FAULTS });
  provider.advance(START + 60_000);
  const [name] = provider.truth();
  const found = name === undefined ? undefined : provider.session(name);
  if (found === undefined) throw new Error('no session');
  return { at: { ...tower(0), nas: found.nas }, last: { ...found, lastArrivalMs } };
}

describe('nextSessionId', () => {
  const LATER = START + 3_600_000;

  it('gives an old id again when nothing of the old session is under way', () => {
    const { at, last } = earlier(LATER - 1);
    expect(nextSessionId(at, 1, last, true, LATER)).toBe(last.truth.sessionId);
  });

  it.each([
    ['a record of the old session is still under way', LATER, LATER, 0],
    ['the starts are too close', START + 1, START + 200_000, 0],
    ['the device is on another NAS', START + 1, LATER, 1],
  ])('gives a new id when %s', (_, lastArrivalMs, atMs, nas) => {
    const { at, last } = earlier(lastArrivalMs);
    const here = nas === 0 ? at : tower(nas);
    expect(nextSessionId(here, 2, last, true, atMs)).toBe('02000001');
  });

  it('never gives an id twice otherwise', () => {
    const { at, last } = earlier(0);
    const ids = Array.from({ length: 1_000 }, () => nextSessionId(at, 1, last, false, LATER));
    expect(new Set(ids).size).toBe(1_000);
  });
});
