import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';

/** Options of every command that asks the running Weir. */
export interface ApiFlags {
  url?: string;
  keyFile?: string;
  json?: boolean;
}

/** Gives a command those options. */
export function withApiFlags(command: Command): Command {
  return command
    .option('--url <url>', 'where the running Weir listens', urlOf)
    .option('--key-file <file>', 'file of the API key')
    .option('--json', 'print what the API answers');
}

/** Gives a command that may charge somebody the key of an earlier try. */
export function withIdempotencyKey(command: Command): Command {
  return command.option('--idempotency-key <key>', 'of a try that was not answered: it is done once', keyOf);
}

/** An answer as `--json` prints it. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function keyOf(text: string): string {
  if (/^[!-~]{1,128}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a key as the failed command told it.');
}

function urlOf(text: string): string {
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:8080.');
}
