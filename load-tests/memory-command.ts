import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { formatMemory } from './format-memory.ts';
import { list, whole } from './forms.ts';
import { measureMemory, megabytes } from './memory.ts';
import { withServers } from './with-servers.ts';

/** What a worker may hold with a million subscribers, bytes. */
const LIMIT_BYTES = 1_200_000_000;

interface MemoryFlags {
  subscribers: number;
  partitions: number;
  profiles: number;
  rounds: number;
  policies: number;
  seed: number;
  node: string[];
  cached?: number;
  built?: boolean;
  json?: string;
  profile?: string;
}

/** `npm run load -- memory`. */
export function addMemoryCommand(program: Command): void {
  program
    .command('memory')
    .description(
      'memory of one worker while every subscriber has an open session; fails above 1.2 GB of resident memory',
    )
    .option('--subscribers <n>', 'each with an open session', whole(1_000, 10_000_000), 1_000_000)
    .option('--partitions <n>', 'partitions of the topic', whole(1, 256), 4)
    .option('--cached <n>', 'subscribers that stay in memory (default: as configured)', whole(1, 100_000_000))
    .option('--profiles <percent>', 'of the subscribers have a profile', whole(0, 100), 100)
    .option('--rounds <n>', 'of interims in random order', whole(0, 100), 2)
    .option('--policies <n>', 'policies of the shipped kind', whole(0, 500), 1)
    .option('--seed <n>', 'same seed, same topic', whole(0, 4_294_967_295), 1)
    .option('--json <file>', 'write the figures to a file')
    .option('--profile <folder>', 'write a CPU profile of the worker (costs some speed and memory)')
    .option('--node <flags>', "flags for the worker's node, with commas between", list, [])
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .action(memory);
}

async function memory(flags: MemoryFlags): Promise<void> {
  const { subscribers, partitions, rounds, policies, seed, node } = flags;
  if (flags.profile !== undefined) await mkdir(flags.profile, { recursive: true });
  const options = {
    workers: 1,
    subscribers,
    partitions,
    rounds,
    policies,
    seed,
    node,
    profiles: flags.profiles / 100,
    cached: flags.cached ?? null,
    program: flags.built === true ? 'dist/pipeline/main.js' : 'pipeline/main.ts',
    profile: flags.profile ?? null,
  };
  const report = await withServers((env) =>
    measureMemory(options, env, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(formatMemory(report));
  if (flags.json !== undefined) {
    await mkdir(dirname(flags.json), { recursive: true });
    await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (report.peakBytes > LIMIT_BYTES)
    throw new Error(`the worker held ${megabytes(report.peakBytes)}, allowed are ${megabytes(LIMIT_BYTES)}`);
}
