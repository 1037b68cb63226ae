import type { RulesReport } from './rules.ts';
import { rate } from './throughput.ts';

/** The report as a person reads it. */
export function formatRules({ options, figures }: RulesReport): string {
  const columns = ['rules', 'compiled/s', 'library/s', 'ratio', 'lowest', 'highest', 'goal'];
  const rows = figures.map((figure) => [
    String(figure.rules),
    rate(figure.compiledPerSecond),
    rate(figure.libraryPerSecond),
    times(figure.ratio),
    times(figure.lowestRatio),
    times(figure.highestRatio),
    figure.goal === null ? '' : times(figure.goal),
  ]);
  const widths = columns.map((_, i) => Math.max(...[columns, ...rows].map((row) => row[i]?.length ?? 0)));
  const lines = [columns, ...rows].map((row) =>
    row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '),
  );
  return [
    `evaluations a second of CPU time, medians of ${String(options.pairs)} pairs of ${String(options.sliceMs)} ms, Node ${process.versions.node}`,
    ...lines,
    '',
  ].join('\n');
}

function times(ratio: number): string {
  return `${rate(ratio)}x`;
}
