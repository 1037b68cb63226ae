import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { verify } from '../pipeline/compose-verify.ts';
import { readConfig } from '../pipeline/config.ts';
import { commandLog } from './command-log.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { verificationText } from './verify-format.ts';
import { VerifyProgress } from './verify-progress.ts';

interface VerifyFlags {
  since?: string;
  subscriber?: string;
  wait: number;
  json?: boolean;
}

/** `weir verify`: recomputes everything from the log and prints what differs. Ends with `failed` on any difference. */
export function verifyCommand(weir: Command, io: CliIo, failed: () => void): void {
  weir
    .command('verify')
    .description('recompute usage and actions from the log, independently, and compare all that is stored')
    .option('--since <time>', 'usage from here on, from a snapshot before it where there is one', instant)
    .option('--subscriber <id>', 'of this one only')
    .option('--wait <seconds>', 'for what is not stored yet', seconds, 60)
    .option('--json', 'print the result as JSON')
    .action(async (flags: VerifyFlags) => {
      const config = readConfig(io.env);
      const log = commandLog(io);
      const progress = new VerifyProgress((text) => io.err(text), io.isTTY === true);
      const result = await verify(config, log, {
        sinceMs: flags.since === undefined ? null : Date.parse(flags.since),
        subscriberId: flags.subscriber ?? null,
        waitMs: flags.wait * 1000,
        onProgress: (step) => progress.show(step),
      }).finally(() => progress.end());
      io.out(flags.json === true ? `${JSON.stringify(result, null, 2)}\n` : verificationText(result));
      if (result.differences.length > 0) failed();
    });
}

function seconds(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be whole seconds, at most 99999.');
}
