import type { Command } from 'commander';
import { Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { ACTION_STATES } from '../schemas/action.ts';
import { ITEM_TYPES, RESENDABLE_STATES } from '../schemas/billing.ts';
import type { DeliveredItemView, ResentItemsView, ResentItemView } from '../schemas/billing-views.ts';
import { apiTarget, getText, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lines, table } from './format.ts';
import { instant } from './instant.ts';
import { moneyText } from './money.ts';
import { allPages } from './paged.ts';

type ListFlags = ApiFlags & Filter & { csv?: boolean };

interface Filter {
  account?: string;
  subscriber?: string;
  type?: string;
  state?: string;
  from?: string;
  to?: string;
}

const LISTED = 100;
/** A million lines. */
const CSV_TIMEOUT_MS = 600_000;

/** `weir items [list]|resend|resend-all`. */
export function itemCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const items = weir.command('items').description('what is charged, and whether the billing system has it');
  withApiFlags(items.command('list', { isDefault: true }))
    .description('the last 100; with --csv all of them')
    .option('--account <id>', 'of one account')
    .option('--subscriber <id>', 'of one subscriber')
    .addOption(new Option('--type <type>', 'of one type').choices(ITEM_TYPES))
    .addOption(new Option('--state <state>', 'of the delivery').choices(ACTION_STATES))
    .option('--from <time>', 'made at or after', instant)
    .option('--to <time>', 'made before', instant)
    .option('--csv', 'all of them as CSV')
    .action(async (flags: ListFlags) => {
      const query = queryOf(flags);
      if (flags.csv === true) {
        io.out(await getText(target(flags), `/v1/billing-items?${query}&format=csv`, CSV_TIMEOUT_MS));
        return;
      }
      // A page may be short where few of the last items are meant.
      const view = await allPages<DeliveredItemView>(
        target(flags),
        '/v1/billing-items',
        new URLSearchParams(query),
        { limit: LISTED },
      );
      io.out(flags.json === true ? json(view) : itemsText(view.items, view.next !== null));
    });
  withApiFlags(items.command('resend-all'))
    .description('deliver all items of a state again')
    .addOption(
      new Option('--state <state>', 'of the delivery').choices(RESENDABLE_STATES).makeOptionMandatory(),
    )
    .option('--account <id>', 'of one account')
    .option('--subscriber <id>', 'of one subscriber')
    .addOption(new Option('--type <type>', 'of one type').choices(ITEM_TYPES))
    .option('--from <time>', 'made at or after', instant)
    .option('--to <time>', 'made before', instant)
    .action(async (flags: ApiFlags & Filter) => {
      const body = Object.fromEntries(new URLSearchParams(queryOf(flags)));
      const view = await postView<ResentItemsView>(
        target(flags),
        '/v1/billing-items/resend',
        body,
        CSV_TIMEOUT_MS,
      );
      io.out(
        flags.json === true ? json(view) : lines([`${view.resent} items are on their way, by ${view.by}`]),
      );
    });
  withApiFlags(items.command('resend <key>'))
    .description('deliver an item again that was rejected, held, given up or is of unknown outcome')
    .action(async (key: string, flags: ApiFlags) => {
      const path = `/v1/billing-items/${encodeURIComponent(key)}/resend`;
      const resent = await postView<ResentItemView>(target(flags), path, undefined);
      io.out(flags.json === true ? json(resent) : lines([`${resent.key} is on its way, by ${resent.by}`]));
    });
}

function queryOf({ account, subscriber, type, state, from, to }: Filter): string {
  const given = Object.entries({ account, subscriber, type, state, from, to });
  return new URLSearchParams(
    given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, string]])),
  ).toString();
}

function itemsText(items: readonly DeliveredItemView[], hasMore: boolean): string {
  if (items.length === 0) return lines(['none']);
  const head = ['created', 'type', 'account', 'amount', 'state', 'key', 'description'];
  const rows = items.map((item) => [
    ...[item.createdAt, item.type, item.accountId, moneyText(item.amount)],
    ...[item.state, item.key, item.detail === '' ? item.description : `${item.description} (${item.detail})`],
  ]);
  return lines([
    ...table([head, ...rows]),
    ...(hasMore ? ['there is more than is listed: take a shorter time, or --csv'] : []),
  ]);
}
