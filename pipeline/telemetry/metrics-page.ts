import type { MetricDescription } from './metric-set.ts';

/** Markdown of docs/metrics.md. */
export function metricsPage(descriptions: readonly MetricDescription[]): string {
  const rows = [...descriptions]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => {
      const shown = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
    });
  return [HEAD, '| metric | type | labels | what it is |', '|---|---|---|---|', ...rows, ''].join('\n');
}

const HEAD = `# Metrics

\`GET /metrics\` on \`WEIR_METRICS_HOST\`:\`WEIR_METRICS_PORT\` (127.0.0.1:9464), Prometheus text, no key. Counters count since the
start of the process. Gauges of slots are of the partitions that the process owns: sum them over all processes. Labels
never hold a subscriber, a NAS or a session. Node's own metrics (\`process_...\`, \`nodejs_...\`) are there too.
`;
