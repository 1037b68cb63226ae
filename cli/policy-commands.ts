import type { Command } from 'commander';
import type { CliIo } from './commands.ts';

/** `weir policy ...`: check policy files, try them, publish them, look at what they did. `result.code` is the exit code. */
export function policyCommands(weir: Command, _io: CliIo, _result: { code: number }): void {
  weir.command('policy').description('policies: check, test, publish, compare');
}
