import { expect, it } from 'vitest';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { IDLE_AFTER_MS, Ticker } from './ticks.ts';
import type { TickedSlot } from './ticks.ts';

function setUp(): { beat: (nowMs: number, slots: Partial<TickedSlot>[]) => Promise<number[]> } {
  const appended: LogAppend[] = [];
  const writer: LogWriter = {
    partitionCount: () => Promise.resolve(4),
    append: (entries) => {
      appended.push(...entries);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  let now = 0;
  let current: Partial<TickedSlot>[] = [];
  const whole = (slot: Partial<TickedSlot>): TickedSlot => ({
    partition: 0,
    position: 0,
    watermarkMs: 0,
    behind: false,
    ...slot,
  });
  const ticker = new Ticker(
    writer,
    () => current.map(whole),
    () => now,
  );
  return {
    beat: async (nowMs, slots) => {
      now = nowMs;
      current = slots;
      appended.length = 0;
      await ticker.beat();
      return appended.map(({ partition }) => partition);
    },
  };
}

const T = Date.UTC(2026, 6, 1);

it('ticks a partition that is silent for 30 s, once a period', async () => {
  const { beat } = setUp();
  expect(await beat(T, [{ position: 5 }])).toEqual([]);
  expect(await beat(T + IDLE_AFTER_MS - 1, [{ position: 5 }])).toEqual([]);
  expect(await beat(T + IDLE_AFTER_MS, [{ position: 5 }])).toEqual([0]);
  expect(await beat(T + IDLE_AFTER_MS + 1000, [{ position: 5 }])).toEqual([]);
  expect(await beat(T + IDLE_AFTER_MS + 2000, [{ position: 6 }])).toEqual([]);
});

it('leaves a partition alone whose event time moves', async () => {
  const { beat } = setUp();
  for (let i = 0; i < 100; i += 1)
    expect(await beat(T + i * 1000, [{ position: i, watermarkMs: i }])).toEqual([]);
});

it('ticks a partition that is read but whose event time stands still: all of its NAS have fast clocks', async () => {
  const { beat } = setUp();
  const ticked: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    const slot = { position: 50 * i, watermarkMs: T - 600_000 };
    if ((await beat(T + i * 1000, [slot])).length > 0) ticked.push(i);
  }
  expect(ticked).toEqual([30, 60, 90]);
});

it('ticks on while due work is left', async () => {
  const { beat } = setUp();
  expect(new Set(await beat(T, [{ partition: 2, position: 5, behind: true }]))).toEqual(new Set([2]));
  expect((await beat(T + 1000, [{ partition: 2, position: 6, behind: true }])).length).toBeGreaterThan(1);
  expect(await beat(T + 2000, [{ partition: 2, position: 7, behind: false }])).toEqual([]);
});
