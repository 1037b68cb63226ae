import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError, isAppError } from '../schemas/errors.ts';
import type { Money } from '../schemas/tariff.ts';
import type {
  PoolSummaryView,
  PoolView,
  SubscriberChangeView,
  TopUpChangeView,
} from '../schemas/tariff-views.ts';
import { apiTarget, deleteView, getTagged, getView, postOnce, putView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags, withIdempotencyKey } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { moneyOf } from './money.ts';
import { allPages, withLimit } from './paged.ts';
import type { PageFlags } from './paged.ts';
import { poolsText, poolText } from './pool-format.ts';
import { changeText, topUpText } from './tariff-format.ts';

type SetFlags = ApiFlags & {
  allowance?: string;
  zone?: string;
  anchorDay?: number;
  segment?: string;
  plan?: string;
  overageConsent?: boolean;
  billTo?: string;
};
type TopUpFlags = ApiFlags & {
  takeBack?: string;
  bytes?: string;
  validSeconds?: number;
  price?: Money;
  idempotencyKey?: string;
};

/** Words for null: commander makes an empty text of a null that a parser returns. */
const NONE = 'none';

/** `weir pools list|show|set|add|remove|top-up`. */
export function poolCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const pools = weir.command('pools').description('allowances that several subscribers share');
  withLimit(withApiFlags(pools.command('list', { isDefault: true })))
    .description('all of them')
    .action(async (flags: ApiFlags & PageFlags) => {
      const list = await allPages<PoolSummaryView>(target(flags), '/v1/pools', new URLSearchParams(), flags);
      io.out(flags.json === true ? json(list) : poolsText(list));
    });
  withApiFlags(pools.command('show <pool>'))
    .description('members, what each used of the cycle, rules in force')
    .action(async (poolId: string, flags: ApiFlags) => {
      const view = await getView<PoolView>(target(flags), pathOf(poolId));
      io.out(flags.json === true ? json(view) : poolText(view));
    });
  withApiFlags(pools.command('set <pool>'))
    .description('make a pool, or change what is named and keep the rest')
    .option('--allowance <octets>', 'of all members together, a cycle; "none" = no limit', octetsOrNone)
    .option('--zone <zone>', 'IANA zone')
    .option('--anchor-day <n>', 'day of the month on which its cycle begins', dayOfMonth)
    .option('--segment <name>', 'for the policies')
    .option('--plan <plan>', 'whose terms hold for paid blocks, or "none"')
    .option('--overage-consent', 'whoever pays agreed to paid blocks')
    .option('--no-overage-consent', 'or did not')
    .option('--bill-to <subscriber>', 'whom notices and charges go to')
    .action(async (poolId: string, flags: SetFlags) => {
      const stored = await setPool(target(flags), poolId, flags);
      io.out(flags.json === true ? json(stored) : poolsText({ items: [stored], next: null }));
    });
  memberCommands(pools, io, target);
  topUpCommand(pools, io, target);
}

function memberCommands(pools: Command, io: CliIo, target: (flags: ApiFlags) => ApiTarget): void {
  withApiFlags(pools.command('add <pool> <subscriber>'))
    .description('take a subscriber in; it is in one pool at a time')
    .option('--from <time>', 'now if not given', instant)
    .option('--to <time>', 'open if not given', instant)
    .action(async (poolId: string, id: string, flags: ApiFlags & { from?: string; to?: string }) => {
      const { from, to } = flags;
      const span = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
      const done = await putView<SubscriberChangeView>(target(flags), memberOf(poolId, id), span);
      io.out(flags.json === true ? json(done) : changeText(done));
    });
  withApiFlags(pools.command('remove <pool> <subscriber>'))
    .description('let a subscriber go; what it used of this cycle stays the pool’s')
    .option('--at <time>', '"now" (if not given), "cycle-end", or an instant', whenOf)
    .action(async (poolId: string, id: string, flags: ApiFlags & { at?: string }) => {
      const query = flags.at === undefined ? '' : `?at=${encodeURIComponent(flags.at)}`;
      const done = await deleteView<SubscriberChangeView>(target(flags), memberOf(poolId, id) + query);
      io.out(flags.json === true ? json(done) : changeText(done));
    });
}

function topUpCommand(pools: Command, io: CliIo, target: (flags: ApiFlags) => ApiTarget): void {
  withIdempotencyKey(withApiFlags(pools.command('top-up <pool> [product]')))
    .description('buy bytes for all members: a product of the provider’s settings, or what the options say')
    .option('--bytes <octets>', 'on top of the allowance', octetsOrNone)
    .option('--valid-seconds <n>', 'how long', wholeNumber)
    .addOption(new Option('--price <money>', 'such as "4.99 EUR"').argParser(moneyOf))
    .option('--take-back <top-up>', 'end one, which is credited where none of its bytes were used')
    .action(async (poolId: string, productId: string | undefined, flags: TopUpFlags) => {
      const { bytes, validSeconds, price, takeBack } = flags;
      if (takeBack !== undefined) {
        if (productId !== undefined)
          throw new AppError('invalid-input', '--take-back ends a top-up: it buys nothing');
        const path = `${pathOf(poolId)}/top-ups/${encodeURIComponent(takeBack)}`;
        const done = await deleteView<TopUpChangeView>(target(flags), path);
        io.out(flags.json === true ? json(done) : topUpText(done));
        return;
      }
      const given = [bytes, validSeconds, price].filter((one) => one !== undefined).length;
      if (given !== (productId === undefined ? 3 : 0))
        throw new AppError('invalid-input', 'name a product; or --bytes with --valid-seconds and --price');
      const body = productId === undefined ? { kind: 'bytes', bytes, validSeconds, price } : { productId };
      const path = `${pathOf(poolId)}/top-ups`;
      const done = await postOnce<TopUpChangeView>(target(flags), path, body, flags.idempotencyKey);
      io.out(flags.json === true ? json(done) : topUpText(done));
    });
}

/** Puts the changes over what is stored. */
async function setPool(target: ApiTarget, poolId: string, flags: SetFlags): Promise<PoolSummaryView> {
  const { allowance, zone, anchorDay, segment, plan, overageConsent, billTo } = flags;
  const changes = {
    ...(allowance === undefined ? {} : { allowanceBytes: allowance === NONE ? null : allowance }),
    ...(zone === undefined ? {} : { zone }),
    ...(anchorDay === undefined ? {} : { anchorDay }),
    ...(segment === undefined ? {} : { segment }),
    ...(plan === undefined ? {} : { planId: plan === NONE ? null : plan }),
    ...(overageConsent === undefined ? {} : { overageConsent }),
    ...(billTo === undefined ? {} : { billTo }),
  };
  if (Object.keys(changes).length === 0)
    throw new AppError('invalid-input', 'nothing is to be changed: see weir pools set --help');
  const { body, etag } = await storedPool(target, poolId);
  return putView<PoolSummaryView>(target, pathOf(poolId), { ...body, ...changes }, etag);
}

async function storedPool(target: ApiTarget, poolId: string): Promise<{ body: object; etag: string | null }> {
  try {
    const { view, etag } = await getTagged<PoolView>(target, pathOf(poolId));
    const { allowanceBytes, zone, anchorDay, cycle, segment, planId, overageConsent, billTo } = view;
    const body = { allowanceBytes, zone, anchorDay, segment, planId, overageConsent, billTo };
    return { body: cycle === null ? body : { ...body, cycle }, etag };
  } catch (error) {
    if (!isAppError(error, 'not-found')) throw error;
    // What a new one needs besides (allowance, who pays) the API tells.
    return {
      body: { zone: 'UTC', anchorDay: 1, segment: '', planId: null, overageConsent: false },
      etag: null,
    };
  }
}

function pathOf(poolId: string): string {
  return `/v1/pools/${encodeURIComponent(poolId)}`;
}

function memberOf(poolId: string, id: string): string {
  return `${pathOf(poolId)}/members/${encodeURIComponent(id)}`;
}

function whenOf(text: string): string {
  return text === 'now' || text === 'cycle-end' ? text : instant(text);
}

function octetsOrNone(text: string): string {
  if (text === NONE || /^(0|[1-9][0-9]{0,15})$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a whole number of octets, such as 100000000000.');
}

function dayOfMonth(text: string): number {
  if (/^[0-9]{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 31) return Number(text);
  throw new InvalidArgumentError('It must be a day from 1 to 31.');
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
