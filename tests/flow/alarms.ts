import type { WeirProcess } from './weir-process.ts';

/** A slot that was found behind its mark. */
export interface TailAlarm {
  partition: number;
  position: number;
  mark: number;
}

/** What a process has logged of lost tails, in order. */
export function tailAlarms(process: WeirProcess): TailAlarm[] {
  return process.output
    .split('\n')
    .filter((line) => line.includes('the state lost its tail'))
    .map((line) => JSON.parse(line) as TailAlarm);
}

/** partition -> the least mark that its actions had to wait for. */
export function marksOf(alarms: readonly TailAlarm[]): Map<number, number> {
  const marks = new Map<number, number>();
  for (const { partition, mark } of alarms) {
    marks.set(partition, Math.min(mark, marks.get(partition) ?? Infinity));
  }
  return marks;
}

/** Actions that left before their slot had caught up, in words; `left` as LedgerWatch.repeats tells it. */
export function leftTooEarly(
  left: readonly { partition: number; position: number }[],
  marks: ReadonlyMap<number, number>,
): string[] {
  return left
    .filter(({ partition, position }) => position < (marks.get(partition) ?? 0))
    .map(({ partition, position }) => `partition ${String(partition)} at offset ${String(position)}`);
}
