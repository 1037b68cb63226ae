import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type { AddOnVersionView } from '../schemas/tariff-views.ts';
import { apiTarget, getView, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lines, table } from './format.ts';
import { jsonOf } from './json-file.ts';
import { moneyText } from './money.ts';

/** `weir add-ons show|add-version`; a subscriber books one by `weir subscriber add-on`. */
export function addOnCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const addOns = weir.command('add-ons').description('bytes on top of a plan’s cap, for a fee');
  withApiFlags(addOns.command('show <add-on>'))
    .description('its versions, the first made first')
    .action(async (id: string, flags: ApiFlags) => {
      const view = await getView<{ versions: AddOnVersionView[] }>(target(flags), pathOf(id));
      io.out(flags.json === true ? json(view) : versionsText(view.versions));
    });
  withApiFlags(addOns.command('add-version <add-on> <file>'))
    .description('make a version of what a JSON file says (docs/api.md); the first one makes the add-on')
    .action(async (id: string, file: string, flags: ApiFlags) => {
      const made = await postView<AddOnVersionView>(target(flags), pathOf(id), await jsonOf(file));
      io.out(flags.json === true ? json(made) : versionsText([made]));
    });
}

function versionsText(versions: readonly AddOnVersionView[]): string {
  const rows = versions.map(({ version, effectiveFrom, feeMinor, currency, when, capBytes, name }) => [
    ...[String(version), effectiveFrom, `${moneyText({ amountMinor: feeMinor, currency })} in ${when}`],
    ...[`${capBytes} octets`, name],
  ]);
  return lines(table([['version', 'from', 'fee', 'cap', 'name'], ...rows]));
}

function pathOf(id: string): string {
  return `/v1/add-ons/${encodeURIComponent(id)}/versions`;
}
