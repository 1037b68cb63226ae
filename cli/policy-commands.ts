import type { Command } from 'commander';
import type { CliIo } from './commands.ts';
import { policyBacktestCommand } from './policy-backtest-command.ts';
import { policyLintCommand } from './policy-lint-command.ts';
import { policyLookCommands } from './policy-look-commands.ts';
import { policyPublishCommands } from './policy-publish-commands.ts';
import { policyTestCommand } from './policy-test-command.ts';

/** `weir policy ...`: check policy files, try them, publish them, look at what they did. `result.code` is the exit code. */
export function policyCommands(weir: Command, io: CliIo, result: { code: number }): void {
  const policy = weir.command('policy').description('policies: check, test, publish, compare');
  policyLintCommand(policy, io, result);
  policyTestCommand(policy, io, result);
  policyBacktestCommand(policy, io, result);
  policyPublishCommands(policy, io, result);
  policyLookCommands(policy, io, result);
}
