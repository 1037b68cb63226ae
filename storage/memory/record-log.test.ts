import { expect, it } from 'vitest';
import { Recorder, recordSourceContract, textEntry, until } from '../record-source.contract.ts';
import { MemoryRecordLog } from './record-log.ts';

const log = (): undefined => undefined;

recordSourceContract('memory', (options) => {
  const memory = new MemoryRecordLog({ topic: 'accounting', log, ...options });
  return Promise.resolve({
    writer: memory,
    source: (groupId: string) => memory.source(groupId, { retryMs: 1, batchEntries: 700 }),
    close: () => memory.close(),
  });
});

it('trims what is old and read, and tells the low mark', async () => {
  const memory = new MemoryRecordLog({ topic: 'accounting', partitions: 1, simulatedTime: true, log });
  for (let i = 0; i < 5; i++) await memory.append([textEntry(0, `${i}`, { timeMs: i })]);
  expect(await memory.trim(3)).toBe(0);
  await memory.savePosition('group', 0, 2);
  expect(await memory.trim(3)).toBe(2);
  await memory.savePosition('group', 0, 5);
  expect(await memory.trim(3)).toBe(1);
  const handler = new Recorder();
  const source = memory.source('other');
  await source.start(handler);
  await until(() => handler.texts(0).length === 2);
  expect(handler.opened[0]?.marks).toEqual({ low: 3, high: 5, groupOffset: null });
  expect(handler.texts(0)).toEqual(['3', '4']);
  await source.stop();
});
