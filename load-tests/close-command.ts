import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { measureClose } from './close.ts';
import type { CloseReport } from './close.ts';
import { whole } from './forms.ts';
import { withPostgres } from './with-servers.ts';

/** In so many seconds all cycles are to be closed, on two cores. */
const LIMIT_SECONDS = 60;

interface CloseFlags {
  subscribers: number;
  partitions: number;
  batch: number;
  seed: number;
  json?: string;
}

/** `npm run load -- close`. */
export function addCloseCommand(program: Command): void {
  program
    .command('close')
    .description(
      'closes the cycle of every subscriber in Postgres, items and deliveries made; fails above 60 s',
    )
    .option('--subscribers <n>', 'each with a cycle that ends', whole(1_000, 10_000_000), 100_000)
    .option('--partitions <n>', 'slots that close at the same time', whole(1, 64), 4)
    .option('--batch <n>', 'cycles a call, as the egress gives them', whole(1, 500), 500)
    .option('--seed <n>', 'same seed, same cycles', whole(0, 4_294_967_295), 1)
    .option('--json <file>', 'write the figures to a file')
    .action(close);
}

async function close({ json, ...options }: CloseFlags): Promise<void> {
  const report = await withPostgres((url) =>
    measureClose(options, url, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(formatClose(report));
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (report.faults > 0) throw new Error(`${report.faults} cycles could not be itemised`);
  if (report.closeSeconds > LIMIT_SECONDS)
    throw new Error(`closing took ${report.closeSeconds.toFixed(1)} s, allowed are ${LIMIT_SECONDS} s`);
}

function formatClose(report: CloseReport): string {
  const { options, openSeconds, closeSeconds, againSeconds, batchP50Ms, batchP99Ms, cpuSeconds } = report;
  const each = (seconds: number): string => Math.round(options.subscribers / seconds).toLocaleString('en');
  const items = Object.entries(report.items).map(([type, count]) => `${type} ${count.toLocaleString('en')}`);
  return [
    `${options.subscribers.toLocaleString('en')} subscribers, ${options.partitions} slots, ${options.batch} cycles a call, seed ${options.seed}`,
    `cycles opened, fees in advance itemised: ${openSeconds.toFixed(1)} s (${each(openSeconds)}/s)`,
    `cycles closed:                           ${closeSeconds.toFixed(1)} s (${each(closeSeconds)}/s), a call p50 ${batchP50Ms.toFixed(0)} ms, p99 ${batchP99Ms.toFixed(0)} ms`,
    `the same closes again, nothing made:     ${againSeconds.toFixed(1)} s`,
    `CPU of this process while closing:       ${cpuSeconds.toFixed(1)} s`,
    `items: ${items.join(', ')}`,
    '',
  ].join('\n');
}
