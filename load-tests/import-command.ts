import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { list, whole } from './forms.ts';
import { measureImport } from './import.ts';
import type { ImportReport } from './import.ts';
import { withServers } from './with-servers.ts';

/** In so many seconds a million are to be folded, on two cores; of fewer their share. */
const LIMIT_SECONDS = 120;
const OF_SUBSCRIBERS = 1_000_000;

interface ImportFlags {
  subscribers: number;
  partitions: number;
  seed: number;
  node: string[];
  twoFiles?: boolean;
  built?: boolean;
  json?: string;
  profile?: string;
}

/** `npm run load -- import`. */
export function addImportCommand(program: Command): void {
  program
    .command('import')
    .description('brings files of subscribers and plans in, until a worker has folded all; fails above 120 s')
    .option('--subscribers <n>', 'each with a plan', whole(1_000, 2_000_000), OF_SUBSCRIBERS)
    .option('--partitions <n>', 'partitions of the topic', whole(1, 256), 4)
    .option('--seed <n>', 'same seed, same files', whole(0, 4_294_967_295), 1)
    .option('--two-files', 'plans come in a file of their own, not as columns of the one of subscribers')
    .option('--json <file>', 'write the figures to a file')
    .option('--profile <folder>', 'write a CPU profile of each process (costs some speed)')
    .option('--node <flags>', 'flags for node, with commas between', list, [])
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .action(bringIn);
}

async function bringIn({ built, json, profile, ...flags }: ImportFlags): Promise<void> {
  if (profile !== undefined) await mkdir(profile, { recursive: true });
  const options = {
    ...flags,
    twoFiles: flags.twoFiles === true,
    ...{ workers: 1, cached: null, profile: profile ?? null },
    program: built === true ? 'dist/pipeline/main.js' : 'pipeline/main.ts',
  };
  const report = await withServers((env) =>
    measureImport(options, env, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(formatImport(report));
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  const allowed = (LIMIT_SECONDS * flags.subscribers) / OF_SUBSCRIBERS;
  if (flags.subscribers >= OF_SUBSCRIBERS && report.totalSeconds > allowed)
    throw new Error(
      `the import took ${report.totalSeconds.toFixed(1)} s, allowed are ${allowed.toFixed(0)} s`,
    );
}

function formatImport(report: ImportReport): string {
  const { options, subscribers, assignments, relaySeconds, foldSeconds, totalSeconds, changes, cpu } = report;
  const each = (seconds: number): string =>
    `${seconds.toFixed(1)} s (${Math.round(options.subscribers / seconds).toLocaleString('en')}/s)`;
  const ms = (value: number): string => `${Math.round(value).toLocaleString('en')} ms`;
  const used = Object.entries(cpu).map(([name, seconds]) => `${name} ${seconds?.toFixed(1) ?? '?'} s`);
  return [
    `${options.subscribers.toLocaleString('en')} subscribers with a plan each, ${options.partitions} partitions, seed ${options.seed}`,
    `subscribers: sent and checked ${each(subscribers.checkSeconds)}, applied ${each(subscribers.applySeconds)}`,
    ...(assignments === null
      ? []
      : [
          `assignments: sent and checked ${each(assignments.checkSeconds)}, applied ${each(assignments.applySeconds)}`,
        ]),
    `after the last chunk: relayed ${relaySeconds.toFixed(1)} s, then folded ${foldSeconds.toFixed(1)} s`,
    `from the first byte until all are folded: ${each(totalSeconds)}`,
    `${changes.count} plan changes meanwhile: answered p50 ${ms(changes.answered.p50)}, p99 ${ms(changes.answered.p99)}; folded p50 ${ms(changes.folded.p50)}, p99 ${ms(changes.folded.p99)}, longest ${ms(changes.folded.most)}`,
    `CPU: ${used.join(', ')}`,
    '',
  ].join('\n');
}
