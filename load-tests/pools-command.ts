import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { whole } from './forms.ts';
import { measureHops } from './pool-hops.ts';
import type { HopOptions, HopStretch } from './pool-hops.ts';
import { withServers } from './with-servers.ts';

/** So soon after a member's record is appended the other members are to know, 99 of 100, ms. */
const LIMIT_MS = 500;

interface PoolFlags extends Omit<HopOptions, 'program'> {
  built?: boolean;
  json?: string;
}

/** `npm run load -- pools`. */
export function addPoolsCommand(program: Command): void {
  program
    .command('pools')
    .description(
      "from a member's record to the pool's word folded at another member's partition; fails above 500 ms at p99",
    )
    .option('--hops <n>', 'of each stretch, one after the other', whole(10, 100_000), 500)
    .option('--rate <n>', 'records a second of other lines, in the second stretch', whole(1, 100_000), 3_000)
    .option('--partitions <n>', 'partitions of the topic', whole(3, 256), 6)
    .option('--workers <n>', 'processes', whole(1, 64), 2)
    .option('--seed <n>', 'same seed, same pools', whole(0, 4_294_967_295), 1)
    .option('--built', 'run what npm run build made, as production does, instead of the sources')
    .option('--json <file>', 'write the figures to a file')
    .action(pools);
}

async function pools({ json, built, ...flags }: PoolFlags): Promise<void> {
  const program = built === true ? 'dist/pipeline/main.js' : 'pipeline/main.ts';
  const stretches = await withServers((env) =>
    measureHops({ ...flags, program }, env, (line) => process.stderr.write(`${line}\n`)),
  );
  process.stdout.write(stretches.map(formatHops).join(''));
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, `${JSON.stringify(stretches, null, 2)}\n`);
  }
  for (const { name, hopMs } of stretches)
    if (share(hopMs, 0.99) > LIMIT_MS)
      throw new Error(`${name}: p99 is ${share(hopMs, 0.99).toFixed(0)} ms, allowed are ${String(LIMIT_MS)}`);
}

function formatHops({ name, hopMs }: HopStretch): string {
  const [p50, p99, most] = [0.5, 0.99, 1].map((at) => share(hopMs, at).toFixed(0).padStart(6));
  return `${name.padEnd(20)} ${String(hopMs.length)} hops  p50 ${p50 ?? ''}  p99 ${p99 ?? ''}  most ${most ?? ''} ms\n`;
}

/** The value that so large a share of ascending ones does not exceed. */
function share(ascending: readonly number[], at: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * at))] ?? 0;
}
