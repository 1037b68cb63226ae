import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type { TakenView } from '../schemas/feed-views.ts';
import type { SubscriberView } from '../schemas/views.ts';
import { apiTarget, getView, postView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { takenText } from './feed-format.ts';
import { subscriberText } from './format.ts';
import { instant } from './instant.ts';
import { subjectCommands } from './subject-commands.ts';
import { subscriberAddCommand } from './subscriber-add-command.ts';
import { subscriberChangeCommands } from './subscriber-change-commands.ts';
import { tariffText } from './tariff-format.ts';

type CloseFlags = ApiFlags & { nas: string; session: string };
type AdjustFlags = ApiFlags & { at: string; down?: string; up?: string; reason: string };

/** `weir subscriber [show]|close-session|adjust|re-evaluate`, changes of its tariff, and `weir upgrade-state`. */
export function subscriberCommands(weir: Command, io: CliIo): void {
  const subscriber = weir.command('subscriber').description('one subscriber: look at it, correct it');
  withApiFlags(subscriber.command('show <id>', { isDefault: true }))
    .description('usage, sessions, speed, actions and tariff of one subscriber')
    .action(async (id: string, flags: ApiFlags) => {
      const view = await getView<SubscriberView>(apiTarget(readConfig(io.env), flags), pathOf(id));
      const tariff = view.tariff === undefined ? '' : tariffText(view.tariff);
      io.out(flags.json === true ? json(view) : subscriberText(view) + tariff);
    });
  const tell = async (id: string, flags: ApiFlags, command: object): Promise<void> => {
    const target = apiTarget(readConfig(io.env), flags);
    const taken = await postView<TakenView>(target, `${pathOf(id)}/commands`, command);
    io.out(flags.json === true ? json(taken) : takenText(taken, `weir subscriber ${id}`));
  };
  withApiFlags(subscriber.command('close-session <id>'))
    .description('end an open session with what was counted')
    .requiredOption('--nas <id>', 'NAS that reports it')
    .requiredOption('--session <id>', 'its Acct-Session-Id')
    .action(async (id: string, flags: CloseFlags) => {
      await tell(id, flags, { type: 'close-session', nasId: flags.nas, sessionId: flags.session });
    });
  withApiFlags(subscriber.command('adjust <id>'))
    .description('correct the usage of one billing cycle; policies and billing take it into account')
    .requiredOption('--at <time>', 'an instant within the cycle, such as 2025-01-31T12:00:00Z', instant)
    .option('--down <octets>', 'to be added; negative takes away', signedOctets)
    .option('--up <octets>', 'likewise', signedOctets)
    .requiredOption('--reason <text>', 'why; it is kept')
    .action(async (id: string, { at, down, up, reason, ...flags }: AdjustFlags) => {
      if (down === undefined && up === undefined)
        throw new AppError('invalid-input', 'nothing is to be corrected: name --down or --up');
      await tell(id, flags, { type: 'adjust', at, downBytes: down ?? '0', upBytes: up ?? '0', reason });
    });
  withApiFlags(subscriber.command('re-evaluate <id>'))
    .description('decide anew, and let go of what an absurd record held back')
    .action((id: string, flags: ApiFlags) => tell(id, flags, { type: 're-evaluate' }));
  subscriberAddCommand(subscriber, io);
  subscriberChangeCommands(subscriber, io);
  subjectCommands(subscriber, io);
  upgradeCommand(weir, io);
}

function upgradeCommand(weir: Command, io: CliIo): void {
  withApiFlags(weir.command('upgrade-state <version>'))
    .description('write the state in a newer layout, once every worker is of a Weir that reads it')
    .action(async (text: string, flags: ApiFlags) => {
      const version = versionOf(text);
      const target = apiTarget(readConfig(io.env), flags);
      const taken = await postView<TakenView>(target, '/v1/state/fold-version', { version });
      io.out(flags.json === true ? json(taken) : takenText(taken, 'weir state show PARTITION'));
    });
}

function pathOf(id: string): string {
  return `/v1/subscribers/${encodeURIComponent(id)}`;
}

function signedOctets(text: string): string {
  if (/^-?[0-9]{1,16}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a whole number of octets, such as -5000000.');
}

function versionOf(text: string): number {
  const version = Number(text);
  if (/^[0-9]{1,3}$/.test(text) && version >= 1 && version <= 255) return version;
  throw new AppError('invalid-input', `${text} is no version: it is a number from 1 to 255`);
}
