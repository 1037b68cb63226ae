import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { prepareServices } from '../dev/services.ts';
import { whenToldToStop } from '../dev/processes/stop-request.ts';
import { runChaos } from './chaos/chaos.ts';
import type { ChaosReport } from './chaos/chaos.ts';
import { differencesIn, formatChaos } from './chaos/format-chaos.ts';
import { formatReport } from './format-report.ts';
import { measureThroughput } from './throughput.ts';

/** What is wanted of dev/services.ts; all of it may be given in the environment instead. */
const NEEDED = ['KAFKA_BROKERS', 'REDIS_URL', 'DATABASE_URL', 'CLICKHOUSE_URL'];

interface ThroughputFlags {
  records: number;
  subscribers: number;
  partitions: number;
  workers: number;
  policies: number;
  seed: number;
  node: string[];
  built?: boolean;
  json?: string;
  profile?: string;
}

function main(): Promise<unknown> {
  const program = new Command('npm run load --')
    .description('Long runs against real servers. They start them where the environment names none.')
    .exitOverride()
    .showHelpAfterError()
    .showSuggestionAfterError();
  program
    .command('throughput')
    .description(
      'records/s and CPU a record of the whole real path: Kafka, Avro, metering, policies, Redis, ClickHouse',
    )
    .option('--records <n>', 'accounting records', whole(1_000, 100_000_000), 500_000)
    .option('--subscribers <n>', 'subscribers that send them', whole(1, 10_000_000), 50_000)
    .option('--partitions <n>', 'partitions of the topic', whole(1, 256), 4)
    .option('--workers <n>', 'processes', whole(1, 64), 1)
    .option('--policies <n>', 'policies of the shipped kind', whole(0, 500), 1)
    .option('--seed <n>', 'same seed, same topic', whole(0, 4_294_967_295), 1)
    .option('--json <file>', 'write the figures to a file')
    .option('--profile <folder>', 'write a CPU profile of each worker (costs some speed)')
    .option('--node <flags>', "flags for the workers' node, with commas between", list, [])
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .action(throughput);
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
    .option('--logs <folder>', "for the workers' logs (default: a new one in the temporary folder)")
    .option('--json <file>', 'write the report to a file')
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .action(chaos);
  return program.parseAsync();
}

async function throughput(flags: ThroughputFlags): Promise<void> {
  if (flags.workers > flags.partitions)
    throw new Error('--workers: more processes than partitions have nothing to do');
  if (flags.records < 2 * flags.subscribers) {
    throw new Error('--records must be at least twice --subscribers: a Start alone meters nothing');
  }
  if (flags.profile !== undefined) await mkdir(flags.profile, { recursive: true });
  const { records, subscribers, partitions, workers, policies, seed, node } = flags;
  const program = flags.built === true ? 'dist/pipeline/main.js' : 'pipeline/main.ts';
  const profile = flags.profile ?? null;
  const options = { records, subscribers, partitions, workers, policies, seed, node, program, profile };
  const report = await withServers((env) =>
    measureThroughput(options, env, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(formatReport(report));
  if (flags.json === undefined) return;
  await mkdir(dirname(flags.json), { recursive: true });
  await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}

interface ChaosFlags {
  minutes: number;
  seed?: number;
  workers: number;
  partitions: number;
  rate: number;
  logs?: string;
  json?: string;
  built?: boolean;
}

async function chaos(flags: ChaosFlags): Promise<void> {
  const seed = flags.seed ?? randomInt(1_000_000);
  process.stdout.write(`chaos: seed ${String(seed)}, ${String(flags.minutes)} min\n`);
  const logDir = flags.logs ?? (await mkdtemp(join(tmpdir(), 'weir-chaos-')));
  const { workers, partitions, rate: recordsPerSecond } = flags;
  const program = flags.built === true ? 'dist/pipeline/main.js' : 'pipeline/main.ts';
  const options = { seed, minutes: flags.minutes, workers, partitions, recordsPerSecond, program, logDir };
  const stopped = whenToldToStop().then((reason): never => {
    throw new Error(`stopped: ${reason}`);
  });
  let report: ChaosReport;
  try {
    report = await Promise.race([runChaos(options, (line) => process.stderr.write(`${line}\n`)), stopped]);
  } catch (error) {
    throw new Error(`chaos, seed ${String(seed)}, logs in ${logDir}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (flags.json !== undefined) {
    await mkdir(dirname(flags.json), { recursive: true });
    await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  process.stdout.write(formatChaos(report));
  if (differencesIn(report) > 0) process.exit(1);
}

/** Runs with the servers of the environment, or with servers of its own that end with it. */
async function withServers<T>(work: (env: Record<string, string | undefined>) => Promise<T>): Promise<T> {
  const given = NEEDED.filter((name) => (process.env[name] ?? '') !== '');
  if (given.length === NEEDED.length) return work(process.env);
  if (given.length > 0) {
    const missing = NEEDED.filter((name) => !given.includes(name));
    throw new Error(`${given.join(', ')} set, but not ${missing.join(', ')}: give all of them, or none`);
  }
  const services = prepareServices();
  const stopped = whenToldToStop().then((reason) => {
    throw new Error(`stopped: ${reason}`);
  });
  try {
    const run = services.start(['kafka', 'redis', 'postgres', 'clickhouse']).then(() => work(services.env));
    return await Promise.race([run, stopped]);
  } finally {
    await services.stop();
  }
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function minutes(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < 0.1 || value > 10_000) {
    throw new InvalidArgumentError('It must be a number of minutes from 0.1 to 10000.');
  }
  return value;
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (!/^[\d_]+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${String(least)} to ${String(most)}.`);
    }
    return value;
  };
}

try {
  await main();
  process.exit();
} catch (error) {
  // Commander has said what was wrong, or given the help that was asked for.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  process.stderr.write(`load: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
