import { murmur2 } from '../../schemas/partitioning.ts';
import type {
  UsageExtent,
  UsageLateRow,
  UsageSteps,
  UsageStepsRequest,
  UsageWindowRow,
} from '../analytics-ports.ts';
import { inByteOrder, uniteSteps } from '../unite-steps.ts';
import type { SubscriberSteps } from '../unite-steps.ts';

const WINDOW_MS = 5 * 60_000;

/** What usage there is, as `UsageReplay.usageExtent`. */
export function extentOf(
  windows: readonly UsageWindowRow[],
  late: readonly UsageLateRow[],
  fromMs: number,
  toMs: number,
): UsageExtent {
  const inRange = (atMs: number): boolean => atMs >= fromMs && atMs < toMs;
  const early = windows.filter((row) => inRange(row.windowStartMs));
  const lateOnes = late.filter((row) => inRange(row.fromMs));
  const starts = [
    ...early.map(({ windowStartMs }) => windowStartMs),
    ...lateOnes.map((row) => Math.floor(row.fromMs / WINDOW_MS) * WINDOW_MS),
  ];
  return {
    firstMs: starts.length === 0 ? null : Math.min(...starts),
    lastMs: starts.length === 0 ? null : Math.max(...starts),
    classes: inByteOrder([...new Set([...early, ...lateOnes].map(({ serviceClass }) => serviceClass))]),
    hasLate: lateOnes.length > 0,
  };
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
  const { extent } = request;
  const classes = extent.classes.length === 0 ? [''] : extent.classes;
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
