import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command, CommanderError } from 'commander';
import { addBacktestCommand } from './backtest-command.ts';
import { addChangeLatencyCommand } from './change-latency-command.ts';
import { addChaosCommand } from './chaos/command.ts';
import { addCloseCommand } from './close-command.ts';
import { formatReport } from './format-report.ts';
import { list, whole } from './forms.ts';
import { addImportCommand } from './import-command.ts';
import { addMemoryCommand } from './memory-command.ts';
import { addPoolsCommand } from './pools-command.ts';
import { addRulesCommand } from './rules-command.ts';
import { measureThroughput } from './throughput.ts';
import { withServers } from './with-servers.ts';

interface ThroughputFlags {
  records: number;
  subscribers: number;
  partitions: number;
  workers: number;
  policies: number;
  seed: number;
  node: string[];
  cached?: number;
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
    .option(
      '--cached <n>',
      'subscribers in the memory of a worker (default: as configured)',
      whole(1, 100_000_000),
    )
    .option('--seed <n>', 'same seed, same topic', whole(0, 4_294_967_295), 1)
    .option('--json <file>', 'write the figures to a file')
    .option('--profile <folder>', 'write a CPU profile of each worker (costs some speed)')
    .option('--node <flags>', "flags for the workers' node, with commas between", list, [])
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .action(throughput);
  addChaosCommand(program);
  addImportCommand(program);
  addMemoryCommand(program);
  addBacktestCommand(program);
  addRulesCommand(program);
  addCloseCommand(program);
  addChangeLatencyCommand(program);
  addPoolsCommand(program);
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
  const cached = flags.cached ?? null;
  const of = { records, subscribers, partitions, workers, policies };
  const options = { ...of, seed, node, program, profile, cached };
  const report = await withServers((env) =>
    measureThroughput(options, env, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(formatReport(report));
  if (flags.json === undefined) return;
  await mkdir(dirname(flags.json), { recursive: true });
  await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
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
