import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { RESOLUTIONS } from '../pipeline/backtest/task.ts';
import type { Resolution } from '../pipeline/backtest/task.ts';
import { backtest } from '../pipeline/compose-backtest.ts';
import type { NamedPolicy } from '../pipeline/compose-backtest.ts';
import { readConfig } from '../pipeline/config.ts';
import { EXIT } from '../pipeline/lifecycle.ts';
import { lintInWorker } from '../pipeline/policies/lint-worker.ts';
import type { LintFinding } from '../rules/lint/finding.ts';
import { PROVIDER_FILE } from '../rules/lint/lint-folder.ts';
import { AppError } from '../schemas/errors.ts';
import { backtestText } from './backtest-format.ts';
import { BacktestBar } from './backtest-progress.ts';
import { commandLog } from './command-log.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { lintFilesAt } from './policy-lint-files.ts';

interface BacktestFlags {
  from: string;
  to: string;
  against: string;
  sample?: number;
  resolution?: Resolution;
  threads?: number;
  json?: string;
  html?: string;
}

const HELP = `
What it does: replays the stored usage of every subscriber, in the order of time, through the code that decides live,
once with the draft and once with the other policies, and compares what they do to people.

  --against live   the draft takes the place of the policy in force with its id; all others stay (default)
  --against none   the draft alone, beside no policies at all
  --against FILE   the draft alone, beside another file alone

The draft counts for everybody whom its appliesTo names, whatever its mode. Policies are taken to have been in force since
the billing cycle began; actions count from --from up to --to. provider.json beside FILE is the draft's; without one the
settings in force are.

A day such as 2026-06-01 is its beginning in UTC. Subscribers are looked at every hour with usage; --resolution 5m sees
more and takes longer (it is the default where a policy asks about 5-minute windows), 1d sees less.

Examples:
  weir policy backtest policies/home-fup.json --from 2026-06-01 --to 2026-07-01
  weir policy backtest draft.json --from 2026-06-01 --to 2026-07-01 --sample 20000 --html backtest.html
`;

/** `weir policy backtest`: what a draft would have done. Exit code 1 where the file has errors or there is nothing to replay. */
export function policyBacktestCommand(policy: Command, io: CliIo, result: { code: number }): void {
  policy
    .command('backtest')
    .description('replay stored usage with a draft and say what it would have done, beside the live policies')
    .argument('<file>', 'the draft')
    .requiredOption('--from <time>', 'from when on actions count', dayOrInstant)
    .requiredOption('--to <time>', 'up to when', dayOrInstant)
    .option('--against <what>', 'live, none, or another policy file', 'live')
    .option('--sample <n>', 'look at about so many subscribers, the same ones each time', whole)
    .option('--resolution <step>', `how often each is looked at: ${RESOLUTIONS.join(', ')}`, resolution)
    .option('--threads <n>', 'threads that replay; default: one a core', whole)
    .option('--json <file>', 'write the result as JSON; - = standard output')
    .option('--html <file>', 'write a page with charts')
    .addHelpText('after', HELP)
    .action(async (file: string, flags: BacktestFlags) => {
      const drafts = await checked(file, io);
      const others = isFile(flags.against) ? await checked(flags.against, io) : flags.against;
      if (drafts === null || others === null) {
        result.code = EXIT.failed;
        return;
      }
      await run(drafts, others, flags, io);
    });
}

async function run(
  draft: NamedPolicy,
  against: 'live' | 'none' | NamedPolicy,
  flags: BacktestFlags,
  io: CliIo,
): Promise<void> {
  const config = readConfig(io.env);
  const log = commandLog(io);
  const bar = new BacktestBar((text) => io.err(text), io.isTTY === true, Date.now);
  const report = await backtest(config, log, {
    draft,
    against,
    fromMs: Date.parse(flags.from),
    toMs: Date.parse(flags.to),
    resolution: flags.resolution ?? null,
    sample: flags.sample ?? null,
    threads: flags.threads ?? null,
    onProgress: (progress) => bar.show(progress),
  }).finally(() => bar.end());
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (flags.html !== undefined) {
    // The chart library takes longer to load than all other commands together.
    const { backtestPage } = await import('../pipeline/backtest/report-html.ts');
    await write(flags.html, backtestPage(report));
  }
  if (flags.json !== undefined && flags.json !== '-') await write(flags.json, text);
  io.out(flags.json === '-' ? text : backtestText(report));
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new AppError('invalid-input', `${file} cannot be written`, { cause });
  }
}

function isFile(against: string): against is string & Record<never, never> {
  return against !== 'live' && against !== 'none';
}

/**
 * The policy of a file; null where it has errors, which are printed. Warnings are weir policy lint's to tell. Its neighbours are
 * not looked at: a draft lies beside the policy that it is to replace.
 */
async function checked(path: string, io: CliIo): Promise<NamedPolicy | null> {
  for (const { files, wanted } of await lintFilesAt([path])) {
    const own = files.filter(({ name }) => wanted.has(name) || basename(name) === PROVIDER_FILE);
    const linted = await lintInWorker(own, null);
    const found = linted.files.find(({ name }) => wanted.has(name));
    if (found === undefined) continue;
    const errors = found.findings.filter(({ severity }) => severity === 'error');
    for (const error of errors) io.err(`${line(error)}\n`);
    if (found.errors > 0) return null;
    if (found.kind !== 'policy' || found.policy === null)
      throw new AppError('invalid-input', `${path} is no policy`);
    return { file: path, policy: found.policy, provider: linted.provider };
  }
  throw new AppError('invalid-input', `${path} is no policy`);
}

function line({ file, line: row, column, severity, code, message }: LintFinding): string {
  return `${file}:${String(row)}:${String(column)} ${severity} ${code} ${message}`;
}

function dayOrInstant(text: string): string {
  return instant(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
}

function whole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 999999999.');
}

function resolution(text: string): Resolution {
  const known = RESOLUTIONS.find((one) => one === text);
  if (known !== undefined) return known;
  throw new InvalidArgumentError(`It must be one of ${RESOLUTIONS.join(', ')}.`);
}
