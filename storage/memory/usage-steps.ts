import { murmur2 } from '../../schemas/partitioning.ts';
import type {
  UsageExtent,
  UsageLateRow,
  UsageSteps,
  UsageStepsRequest,
  UsageWindowRow,
} from '../analytics-ports.ts';
import { uniteSteps } from '../unite-steps.ts';
import type { SubscriberSteps } from '../unite-steps.ts';

const WINDOW_MS = 5 * 60_000;

/** First and last window with usage, as `UsageReplay.usageExtent`. */
export function extentOf(
  windows: readonly UsageWindowRow[],
  late: readonly UsageLateRow[],
  fromMs: number,
  toMs: number,
): UsageExtent {
  const starts = [
    ...windows.map(({ windowStartMs }) => windowStartMs).filter((at) => at >= fromMs && at < toMs),
    ...late
      .filter((row) => row.fromMs >= fromMs && row.fromMs < toMs)
      .map((row) => Math.floor(row.fromMs / WINDOW_MS) * WINDOW_MS),
  ];
  if (starts.length === 0) return { firstMs: null, lastMs: null };
  return { firstMs: Math.min(...starts), lastMs: Math.max(...starts) };
}

/** One page of usage, as `UsageReplay.usageSteps`. */
export function stepsOf(
  windows: readonly UsageWindowRow[],
  late: readonly UsageLateRow[],
  request: UsageStepsRequest,
): UsageSteps {
  const rows = [
    ...windows.map((row) => ({ row, atMs: row.windowStartMs })),
    ...late.map((row) => ({ row, atMs: row.fromMs })),
  ].filter(({ row, atMs }) => isAsked(request, row.subscriberId, atMs));
  const names = new Set(rows.map(({ row }) => row.serviceClass));
  const classes = names.size === 0 ? [''] : [...names].sort(byBytes);
  const parts = rows.map(({ row, atMs }): SubscriberSteps => {
    const start = Math.floor(atMs / request.stepMs) * request.stepMs;
    return {
      subscriberId: row.subscriberId,
      seconds: Uint32Array.of(start / 1000),
      classIndexes: Uint16Array.of(classes.indexOf(row.serviceClass)),
      down: Float64Array.of(row.downBytes),
      up: Float64Array.of(row.upBytes),
    };
  });
  return uniteSteps(parts, classes);
}

function isAsked(request: UsageStepsRequest, subscriberId: string, atMs: number): boolean {
  const { afterId, throughId, hashBelow, fromMs, toMs } = request;
  if (atMs < fromMs || atMs >= toMs) return false;
  if (afterId !== null && byBytes(subscriberId, afterId) <= 0) return false;
  if (throughId !== null && byBytes(subscriberId, throughId) > 0) return false;
  return hashBelow === null || (murmur2(Buffer.from(subscriberId)) & 0x7fffffff) < hashBelow;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
