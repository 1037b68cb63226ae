import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { whenToldToStop } from '../../dev/processes/stop-request.ts';
import { whole } from '../forms.ts';
import { runChaos } from './chaos.ts';
import type { ChaosReport } from './chaos.ts';
import { countsIn, differencesIn, formatChaos } from './format-chaos.ts';

interface ChaosFlags {
  minutes: number;
  seed?: number;
  workers: number;
  partitions: number;
  rate: number;
  recovery: number;
  logs?: string;
  json?: string;
  counts?: string;
  built?: boolean;
}

/** `npm run load -- chaos`. Exits 1 where anything differs. */
export function addChaosCommand(program: Command): void {
  program
    .command('chaos')
    .description(
      'three workers while processes, servers and connections fail; then everything is compared with the log',
    )
    .option('--minutes <n>', 'of faults; 5 or more with outages of a minute and more', minutes, 3)
    .option(
      '--seed <n>',
      'same seed, same usage and faults (default: another one each time)',
      whole(0, 4_294_967_295),
    )
    .option('--workers <n>', 'processes', whole(2, 16), 3)
    .option('--partitions <n>', 'partitions of the topic', whole(2, 64), 6)
    .option('--rate <n>', 'records a second', whole(10, 100_000), 1_500)
    .option(
      '--recovery <n>',
      'subscribers of the run that times the loss of one of two workers; 0 = none',
      whole(0, 10_000_000),
      100_000,
    )
    .option('--logs <folder>', "for the workers' logs (default: a new one in the temporary folder)")
    .option('--json <file>', 'write the report to a file')
    .option('--counts <file>', 'write how many checks passed and failed to a file')
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .action(chaos);
}

async function chaos(flags: ChaosFlags): Promise<void> {
  const { minutes, workers, partitions, rate: recordsPerSecond, recovery } = flags;
  const seed = flags.seed ?? randomInt(1_000_000);
  process.stdout.write(`chaos: seed ${String(seed)}, ${String(minutes)} min\n`);
  const logDir = flags.logs ?? (await mkdtemp(join(tmpdir(), 'weir-chaos-')));
  const program = flags.built === true ? 'dist/pipeline/main.js' : 'pipeline/main.ts';
  const options = { seed, minutes, workers, partitions, recordsPerSecond, recovery, program, logDir };
  const stopped = whenToldToStop().then((reason): never => {
    throw new Error(`stopped: ${reason}`);
  });
  let report: ChaosReport;
  try {
    report = await Promise.race([runChaos(options, (line) => process.stderr.write(`${line}\n`)), stopped]);
  } catch (error) {
    const where = `chaos, seed ${String(seed)}, logs in ${logDir}`;
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
  await writeJson(flags.json, report);
  await writeJson(flags.counts, countsIn(report));
  process.stdout.write(formatChaos(report));
  if (differencesIn(report) > 0) process.exit(1);
}

async function writeJson(file: string | undefined, content: object): Promise<void> {
  if (file === undefined) return;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
}

function minutes(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < 0.1 || value > 10_000) {
    throw new InvalidArgumentError('It must be a number of minutes from 0.1 to 10000.');
  }
  return value;
}
