import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { EXIT } from '../pipeline/lifecycle.ts';
import { isAppError } from '../schemas/errors.ts';
import { json } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { testPolicies } from './policy-test-bounds.ts';
import { policiesAt } from './policy-test-files.ts';
import { isGood, policyTestText, summaryOf } from './policy-test-format.ts';
import { watchPolicies } from './policy-test-watch.ts';

interface TestFlags {
  json?: boolean;
  coverage?: number;
  watch?: boolean;
}

/** `weir policy test`: runs the cases beside policy files. Exit code 1 where one fails, a file has faults or coverage is too small. */
export function policyTestCommand(policy: Command, io: CliIo, result: { code: number }): void {
  policy
    .command('test')
    .description('run the tests beside policy files; says which conditions no case made true or false')
    .argument('[paths...]', 'policy files, their tests or folders of them; default: the folder of policies')
    .option(
      '--coverage <percent>',
      'fail where the cases of a policy cover less of its conditions',
      percentOf,
    )
    .option('--watch', 'run again whenever a file changes, until Ctrl-C')
    .option('--json', 'print the outcome as JSON')
    .action(async (paths: string[], flags: TestFlags) => {
      const given = paths.length > 0 ? paths : [readConfig(io.env).policiesDir];
      if (flags.watch === true) await watchAndTest(given, flags, io);
      else result.code = await testOnce(given, flags, io);
    });
}

async function testOnce(paths: readonly string[], flags: TestFlags, io: CliIo): Promise<number> {
  const tested = await testPolicies(paths);
  const leastPercent = flags.coverage ?? null;
  const summary = summaryOf(tested, leastPercent);
  io.out(flags.json === true ? json({ ...summary, tested }) : policyTestText(tested, leastPercent));
  return isGood(summary) ? EXIT.ok : EXIT.failed;
}

/** Ends on SIGINT and SIGTERM: that is how it is meant to end, so the exit code is 0. */
async function watchAndTest(paths: readonly string[], flags: TestFlags, io: CliIo): Promise<void> {
  // What is wrong from the beginning is wrong use; what becomes wrong may become right again.
  await policiesAt(paths);
  const end = new AbortController();
  const abort = (): void => end.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  const run = async (changed: string[]): Promise<void> => {
    if (changed.length > 0) io.err(`\n${changed.join(', ')} changed\n`);
    try {
      await testOnce(paths, flags, io);
    } catch (error) {
      if (!isAppError(error, 'invalid-input')) throw error;
      io.err(`weir: ${error.message}\n`);
    }
    io.err('watching; Ctrl-C ends it\n');
  };
  try {
    await watchPolicies(paths, run, end.signal);
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
  }
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (/^\d{1,3}(\.\d+)?$/.test(text) && percent <= 100) return percent;
  throw new InvalidArgumentError('It must be a number from 0 to 100.');
}
