import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { whole } from './forms.ts';
import { formatRules } from './format-rules.ts';
import { measureRules } from './rules.ts';

/** Rules an evaluation. */
const SIZES = [1, 10, 50, 500];

interface RulesFlags {
  pairs: number;
  slice: number;
  seed: number;
  json?: string;
}

/** `npm run load -- rules`: needs no servers, and takes some 15 s. */
export function addRulesCommand(program: Command): void {
  program
    .command('rules')
    .description(
      'evaluations a second of compiled rules beside json-rules-engine; fails below 250 times its rate at 10 rules, 500 times at 50',
    )
    .option('--pairs <n>', 'slices of each at a size, in turn', whole(1, 1000), 7)
    .option('--slice <ms>', 'CPU time of a slice', whole(20, 60_000), 200)
    .option('--seed <n>', 'same seed, same facts', whole(0, 4_294_967_295), 1)
    .option('--json <file>', 'write the figures to a file')
    .action(rules);
}

async function rules({ pairs, slice, seed, json }: RulesFlags): Promise<void> {
  const report = await measureRules({ sizes: SIZES, pairs, sliceMs: slice, seed });
  process.stdout.write(formatRules(report));
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  const below = report.figures.filter(({ ratio, goal }) => goal !== null && ratio < goal);
  if (below.length > 0)
    throw new Error(
      `below the goal at ${below.map(({ rules, goal }) => `${String(rules)} rules (${String(goal)} times)`).join(', ')}`,
    );
}
