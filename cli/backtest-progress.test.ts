import { expect, it } from 'vitest';
import { BacktestBar } from './backtest-progress.ts';

function shown(isTTY: boolean, steps: readonly [done: number, total: number][]): string[] {
  const texts: string[] = [];
  let now = 0;
  const bar = new BacktestBar(
    (text) => texts.push(text),
    isTTY,
    () => now,
  );
  for (const [done, total] of steps) {
    bar.show({ done, total });
    now += 1000;
  }
  bar.end();
  return texts;
}

it('prints a line at every tenth where nobody watches', () => {
  const steps = [0, 5, 9, 10, 55, 100].map((done): [number, number] => [done, 100]);
  expect(shown(false, steps)).toEqual(
    [0, 10, 50, 100].map((percent) => `replaying 100 subscribers: ${percent} %\n`),
  );
});

it('draws a bar with the time that is left on a terminal, and takes it away', () => {
  const texts = shown(true, [
    [0, 200],
    [100, 200],
    [200, 200],
  ]);
  expect(texts.at(1)).toContain('[###############               ] 50 %, 1 s left');
  expect(texts.at(2)).toMatch(/100 %$/);
  expect(texts.at(-1)).toBe('\r\u001b[K');
});
