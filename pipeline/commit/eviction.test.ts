import { expect, it } from 'vitest';
import { LogBuilder, MINUTE, NOON, fold, freshSlot } from '../../tests/factories.ts';
import { trimRows } from './eviction.ts';

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
