import { describe, expect, it } from 'vitest';
import { LogBuilder, MINUTE, NOON, fold, freshSlot } from '../../tests/factories.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { IdleEviction, trimRows } from './eviction.ts';

it('keeps the rows of the newest two windows, and of those a bounded number', () => {
  const state = freshSlot();
  const log = new LogBuilder();
  for (let i = 0; i < 200; i += 1) {
    const eventTimeMs = NOON + (i < 195 ? 0 : 20 * MINUTE);
    log.record({ eventTimeMs, sessionId: `s${i}`, serviceClass: `class ${i}`, outputOctets: 5 });
  }
  fold(state, log.inputs);
  const subscriber = state.subscribers.get('sub-1');
  if (subscriber === undefined) throw new Error('no subscriber');
  trimRows([subscriber]);
  expect(subscriber.rows.map(({ serviceClass }) => serviceClass)).toEqual(
    ['195', '196', '197', '198', '199'].map((n) => `class ${n}`),
  );
  for (let i = 0; i < 150_000; i += 1) {
    const [row] = subscriber.rows;
    if (row !== undefined) subscriber.rows.push({ ...row, nasId: `nas-${i}` });
  }
  trimRows([subscriber]);
  expect(subscriber.rows.length).toBe(64);
  expect(subscriber.rows.at(-1)?.nasId).toBe('nas-149999');
});

describe('IdleEviction', () => {
  const holding = (...ids: string[]): SlotState => {
    const state = freshSlot();
    for (const id of ids) add(state, id);
    return state;
  };
  const add = (state: SlotState, id: string): void => {
    state.subscribers.set(id, newSubscriber(id, state.settings));
  };
  it('lets one in eight go, around and around, until the limit', () => {
    const state = holding(...Array.from({ length: 1_000 }, (_, i) => `s${i}`));
    const eviction = new IdleEviction(state);
    eviction.downTo(990);
    const gone = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => !state.subscribers.has(`s${i}`));
    expect(gone).toEqual([7, 15, 23, 31, 39, 47, 55, 63, 71, 79]);
    eviction.downTo(3);
    expect(state.subscribers.size).toBe(3);
    eviction.downTo(0);
    expect(state.subscribers.size).toBe(0);
    eviction.downTo(0);
    add(state, 'late');
    eviction.downTo(1);
    expect([...state.subscribers.keys()]).toEqual(['late']);
    eviction.downTo(0);
    expect(state.subscribers.size).toBe(0);
  });

  it('serves nearly all of who come in turn from a memory that is a little too small', () => {
    const ids = Array.from({ length: 1_010 }, (_, i) => `s${i}`);
    const state = holding();
    const eviction = new IdleEviction(state);
    let misses = 0;
    for (let round = 0; round < 20; round += 1) {
      for (const id of ids) {
        if (state.subscribers.has(id)) continue;
        if (round > 0) misses += 1;
        add(state, id);
        eviction.downTo(1_000);
      }
    }
    expect(misses / (19 * ids.length)).toBeLessThan(0.1);
  });

  it('forgets who was looked for in vain', () => {
    const state = holding();
    state.absent.add('x');
    new IdleEviction(state).downTo(10);
    expect(state.absent.size).toBe(0);
  });
});
