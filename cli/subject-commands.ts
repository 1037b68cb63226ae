import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type { ErasureView } from '../schemas/tariff-views.ts';
import { apiTarget, getText, postView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lines } from './format.ts';

/** Years of actions and items of one person. */
const EXPORT_TIMEOUT_MS = 120_000;
const ERASURE_TIMEOUT_MS = 60_000;

type EraseFlags = ApiFlags & { force?: boolean; reason?: string };

/** `weir subscriber export|erase`: what a person may ask for. Both need a key with the role admin. */
export function subjectCommands(subscriber: Command, io: CliIo): void {
  withApiFlags(subscriber.command('export <id>'))
    .description('everything that is stored of a person, a JSON object a line')
    .option('--out <file>', 'into a new file that others cannot read, instead of to the screen')
    .action(async (id: string, flags: ApiFlags & { out?: string }) => {
      const target = apiTarget(readConfig(io.env), flags);
      const text = await getText(target, `${pathOf(id)}/export`, EXPORT_TIMEOUT_MS);
      if (!text.endsWith('{"of":"end"}\n'))
        throw new AppError('unreachable', 'the copy was cut off before its end: try again', {
          retriable: true,
        });
      if (flags.out === undefined) io.out(text);
      else {
        await writeNew(flags.out, text);
        io.out(lines([`${text.split('\n').length - 2} rows of ${id} in ${flags.out}`]));
      }
    });
  withApiFlags(subscriber.command('erase <id>'))
    .description('forget who a terminated subscriber was; what was billed stays')
    .option('--force', 'end the service first, where it has not ended')
    .option('--reason <text>', 'for the audit')
    .action(async (id: string, { force, reason, ...flags }: EraseFlags) => {
      const target = apiTarget(readConfig(io.env), flags);
      const body = {
        ...(force === true ? { force } : {}),
        ...(reason === undefined ? {} : { reason }),
      };
      const done = await postView<ErasureView>(target, `${pathOf(id)}/erasure`, body, ERASURE_TIMEOUT_MS);
      io.out(flags.json === true ? json(done) : erasureText(done));
    });
}

function erasureText({ subscriberId, erased }: ErasureView): string {
  const told = Object.entries(erased).filter(([, count]) => count > 0);
  return lines([
    `erased: ${subscriberId}`,
    ...told.map(([of, count]) => `  ${count} ${of}`),
    'the log and the snapshots forget by their retention',
  ]);
}

/** @throws AppError 'invalid-input' where it is there, or cannot be written */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('invalid-input', `cannot write ${file}: ${why}`, { cause });
  }
}

function pathOf(id: string): string {
  return `/v1/subscribers/${encodeURIComponent(id)}`;
}
