import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type { SubscriberChangeView } from '../schemas/tariff-views.ts';
import { apiTarget, putView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { changeText } from './tariff-format.ts';

type AddFlags = ApiFlags & {
  account: string;
  userName: string[];
  externalId?: string;
  segment: string;
  tag: string[];
  zone: string;
  overageConsent?: boolean;
};

/** `weir subscriber add`: one that is not there yet; a plan it is given by `weir subscriber plan`. */
export function subscriberAddCommand(subscriber: Command, io: CliIo): void {
  withApiFlags(subscriber.command('add <id>'))
    .description('make a subscriber: who pays, and by which names it logs in')
    .requiredOption('--account <id>', 'who pays; it is there already (weir accounts put)')
    .option('--user-name <name>', 'RADIUS User-Name, from now on; may be given several times', several, [])
    .option('--external-id <id>', 'in the provider’s own system')
    .option('--segment <name>', 'for the policies', '')
    .option('--tag <tag>', 'likewise; may be given several times', several, [])
    .option('--zone <zone>', 'IANA zone', 'UTC')
    .option('--overage-consent', 'agreed to paid blocks beyond the cap')
    .action(async (id: string, flags: AddFlags) => {
      const { account, userName, externalId, segment, tag, zone, overageConsent } = flags;
      const body = {
        ...{ accountId: account, externalId: externalId ?? null, segment, tags: tag, zone },
        overageConsent: overageConsent === true,
        credentials: userName.map((name) => ({ userName: name })),
      };
      const path = `/v1/subscribers/${encodeURIComponent(id)}`;
      const done = await putView<SubscriberChangeView>(apiTarget(readConfig(io.env), flags), path, body);
      io.out(flags.json === true ? json(done) : changeText(done));
    });
}

function several(value: string, before: string[]): string[] {
  return [...before, value];
}
