import { megabytes } from './memory.ts';
import type { MemoryReport } from './memory.ts';
import { rate } from './throughput.ts';

/** The report as a person reads it. */
export function formatMemory({ options, phases, peakBytes }: MemoryReport): string {
  const { subscribers, partitions, cached, profiles, seed, program, node } = options;
  const columns = [
    'phase',
    'entries',
    'entries/s',
    'CPU µs',
    'young',
    'old',
    'peak',
    'idle',
    'heap',
    'of',
    'external',
    'Redis',
  ];
  const rows = phases.map((phase) => [
    phase.name,
    rate(phase.entries),
    rate(phase.entriesPerSecond),
    phase.cpuMicrosPerEntry.toFixed(1),
    phase.minorGcMicrosPerEntry.toFixed(1),
    phase.majorGcMicrosPerEntry.toFixed(1),
    megabytes(phase.peakBytes),
    megabytes(phase.idleBytes),
    megabytes(phase.heapUsedBytes),
    megabytes(phase.heapTotalBytes),
    megabytes(phase.externalBytes),
    megabytes(phase.redisBytes),
  ]);
  const widths = columns.map((_, i) => Math.max(...[columns, ...rows].map((row) => row[i]?.length ?? 0)));
  const lines = [columns, ...rows].map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  return [
    `${rate(subscribers)} subscribers with an open session each, ${String(Math.round(profiles * 100))} % of them with a profile, ` +
      `${String(partitions)} partitions, 1 worker that keeps ${cached === null ? 'its default' : rate(cached)}, ` +
      `seed ${String(seed)}, ${program}${node.length === 0 ? '' : `, node ${node.join(' ')}`}; all totals right`,
    ...lines,
    `the worker held ${megabytes(peakBytes)} at most`,
    '',
  ].join('\n');
}
