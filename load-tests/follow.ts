import { setTimeout as pause } from 'node:timers/promises';
import type { SlotReader } from '../tests/flow/slot-reader.ts';
import type { WeirProcess } from '../tests/flow/weir-process.ts';
import { readMetrics } from './read-metrics.ts';

/** Between two looks at the slots' positions: the resolution of the measured time. */
const LOOK_MS = 50;
/** Without any progress for so long a run is given up. */
export const STUCK_MS = 60_000;

/**
 * Looks at the slots' positions until they have come to `ends`. Throws where a worker ends or nothing moves for a minute.
 * @param onLook is given each look's positions, the last one too
 */
export async function follow(
  slots: SlotReader,
  ends: readonly number[],
  workers: readonly WeirProcess[],
  onLook: (positions: readonly number[]) => void,
): Promise<void> {
  let movedMs = performance.now();
  let before = -1;
  for (;;) {
    const positions = await slots.positions();
    onLook(positions);
    if (sum(positions) !== before) movedMs = performance.now();
    before = sum(positions);
    if (positions.every((position, partition) => position >= (ends[partition] ?? 0))) return;
    const ended = workers.find((worker) => worker.hasEnded);
    if (ended !== undefined) throw new Error(`a worker ended\n${ended.output.slice(-4_000)}`);
    if (performance.now() - movedMs > STUCK_MS) {
      const output = workers.map((worker) => worker.output.slice(-2_000)).join('\n');
      throw new Error(
        `no progress for ${String(STUCK_MS / 1000)} s, positions ${positions.join(', ')}\n${output}`,
      );
    }
    await pause(LOOK_MS);
  }
}

/** Resolves when analytics holds all that the workers have committed. */
export async function untilFlushed(workers: readonly WeirProcess[], ports: readonly number[]): Promise<void> {
  for (const worker of workers) await worker.until('everything is flushed', () => isFlushed(ports), STUCK_MS);
}

async function isFlushed(ports: readonly number[]): Promise<boolean> {
  const metrics = await Promise.all(ports.map((port) => readMetrics(port)));
  return metrics.every((each) => (each.get('weir_flush_backlog_rows') ?? 0) === 0);
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
