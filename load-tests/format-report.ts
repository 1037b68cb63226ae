import { rate } from './throughput.ts';
import type { ThroughputReport } from './throughput.ts';

/** The report as a person reads it. */
export function formatReport(report: ThroughputReport): string {
  const { options, commits, topic } = report;
  const micros = (value: number | null): string => (value === null ? 'not known' : `${value.toFixed(1)} µs`);
  const megabytes = (value: number | null): string =>
    value === null ? '' : `, ${(value / 1e6).toFixed(0)} MB`;
  const lines = [
    `${rate(options.records)} records, ${rate(options.subscribers)} subscribers, ${String(options.partitions)} partitions, ` +
      `${String(options.workers)} workers, ${String(options.policies)} policies, seed ${String(options.seed)}, ${options.program}` +
      `${options.node.length === 0 ? '' : `, node ${options.node.join(' ')}`}; all totals right`,
    `rate       ${rate(report.recordsPerSecond)} records/s over ${report.seconds.toFixed(1)} s, to the last commit; ` +
      `flushed ${report.flushTailSeconds.toFixed(1)} s later`,
    ...Object.entries(report.cpuMicrosPerRecord).map(
      ([name, value]) =>
        `${name.padEnd(11)}${micros(value)} of CPU a record${megabytes(report.memoryBytes[name] ?? null)}`,
    ),
    `commits    ${rate(commits.count)}, ${rate(commits.meanEntries)} entries and ${(commits.meanBytes / 1000).toFixed(0)} kB ` +
      `each, ${commits.meanMs.toFixed(1)} ms in the store`,
    `hot value  median ${String(report.hotValueBytes.median)} bytes, 95 % up to ${String(report.hotValueBytes.p95)}`,
    `topic      written at ${rate(topic.recordsPerSecond)} records/s, ${topic.bytesPerRecord.toFixed(0)} bytes a record`,
  ];
  return `${lines.join('\n')}\n`;
}
