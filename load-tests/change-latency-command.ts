import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { measureChanges, STATIONS } from './change-latency.ts';
import type { ChangeTimes, LatencyOptions, LatencyStretch } from './change-latency.ts';
import { whole } from './forms.ts';
import { withServers } from './with-servers.ts';

/** So soon after its commit a change is to act at the network, 99 of 100, ms. */
const LIMIT_MS = 1_000;

interface LatencyFlags extends LatencyOptions {
  json?: string;
}

/** `npm run load -- change-latency`. */
export function addChangeLatencyCommand(program: Command): void {
  program
    .command('change-latency')
    .description(
      'from the commit of a plan change or top-up over the API to the CoA at a NAS; fails above 1 s at p99',
    )
    .option('--changes <n>', 'of each stretch, one after the other', whole(10, 10_000), 300)
    .option('--rate <n>', 'records a second of other lines, in the second stretch', whole(1, 100_000), 3_000)
    .option('--imported <n>', 'subscribers brought in during a third stretch', whole(0, 1_000_000), 20_000)
    .option('--json <file>', 'write the figures to a file')
    .action(changeLatency);
}

async function changeLatency({ json, ...options }: LatencyFlags): Promise<void> {
  const stretches = await withServers((env) =>
    measureChanges(options, env, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(stretches.map(formatStretch).join(''));
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, `${JSON.stringify(stretches, null, 2)}\n`);
  }
  for (const { name, times } of stretches) {
    const p99 = share(times, 'total', 0.99);
    if (p99 > LIMIT_MS)
      throw new Error(`${name}: p99 is ${p99.toFixed(0)} ms, allowed are ${String(LIMIT_MS)}`);
  }
}

/** Where the time goes, in words. */
const STATION_WORDS = {
  request: 'request until it is committed',
  log: 'commit -> log (outbox, relay)',
  ledger: 'log -> ledger (fold, state)',
  network: 'ledger -> CoA at the NAS',
};

function formatStretch({ name, times }: LatencyStretch): string {
  const lineOf = (words: string, of: readonly ChangeTimes[], part: keyof ChangeTimes): string => {
    const [p50, p99, most] = [0.5, 0.99, 1].map((at) => share(of, part, at).toFixed(0).padStart(6));
    return `  ${words.padEnd(34)} p50 ${p50 ?? ''}  p99 ${p99 ?? ''}  most ${most ?? ''} ms`;
  };
  const kinds = (['plan', 'top-up'] as const).map((kind) =>
    lineOf(
      `commit -> CoA, ${kind}`,
      times.filter((time) => time.kind === kind),
      'total',
    ),
  );
  const stations = STATIONS.map((station) => lineOf(STATION_WORDS[station], times, station));
  return [`${name}: ${String(times.length)} changes`, ...kinds, ...stations, ''].join('\n');
}

/** The value that so large a share does not exceed. */
function share(times: readonly ChangeTimes[], part: keyof ChangeTimes, at: number): number {
  const values = times.map((time) => Number(time[part])).sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * at))] ?? 0;
}
