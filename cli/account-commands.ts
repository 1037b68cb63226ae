import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError, isAppError } from '../schemas/errors.ts';
import type { CycleRule } from '../schemas/profile.ts';
import type { AccountView, CycleChangeView } from '../schemas/tariff-views.ts';
import { accountsText, accountText, cycleChangeText } from './account-format.ts';
import { apiTarget, getTagged, getView, patchView, postOnce, putView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags, withIdempotencyKey } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { allPages, queryOf, withLimit } from './paged.ts';
import type { PageFlags } from './paged.ts';

type PutFlags = ApiFlags & {
  currency?: string;
  taxClass?: string;
  cycle?: CycleRule;
  billingRef?: string;
  billingStatus?: string;
};
type CycleFlags = ApiFlags & { reason?: string; idempotencyKey?: string };

const STATUS = ['current', 'overdue', 'suspended'];
/** Word for null. */
const NONE = 'none';

/** `weir accounts [list]|show|put|cycle`. */
export function accountCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const accounts = weir.command('accounts').description('who pays, in which currency, by which cycle');
  withLimit(withApiFlags(accounts.command('list', { isDefault: true })))
    .description('all of them by id')
    .addOption(new Option('--status <status>', 'of one standing at the billing system').choices(STATUS))
    .action(async (flags: ApiFlags & PageFlags & { status?: string }) => {
      const query = queryOf({ status: flags.status });
      const list = await allPages<AccountView>(target(flags), '/v1/accounts', query, flags);
      io.out(flags.json === true ? json(list) : accountsText(list));
    });
  withApiFlags(accounts.command('show <account>'))
    .description('one account')
    .action(async (id: string, flags: ApiFlags) => {
      const view = await getView<AccountView>(target(flags), pathOf(id));
      io.out(flags.json === true ? json(view) : accountText(view));
    });
  withApiFlags(accounts.command('put <account>'))
    .description('make an account, or change what is named and keep the rest')
    .option('--currency <code>', 'ISO 4217; stays once something was charged')
    .option('--tax-class <name>', 'carried to items')
    .option('--cycle <rule>', `of a new account: ${RULES}`, ruleOf)
    .option('--billing-ref <id>', 'its id in the billing system, or "none" where it is called there as here')
    .addOption(new Option('--billing-status <status>', 'its standing there').choices(STATUS))
    .action(async (id: string, flags: PutFlags) => {
      const stored = await put(target(flags), id, flags);
      io.out(flags.json === true ? json(stored) : accountText(stored));
    });
  withIdempotencyKey(withApiFlags(accounts.command('cycle <account> <rule>')))
    .description(`begin cycles by another rule, from the end of the running one on: ${RULES}`)
    .option('--reason <text>', 'for the audit')
    .action(async (id: string, rule: string, { reason, idempotencyKey, ...flags }: CycleFlags) => {
      const body = {
        cycle: ruleArgument(rule),
        at: 'cycle-end',
        ...(reason === undefined ? {} : { reason }),
      };
      const path = `${pathOf(id)}/cycle-changes`;
      const done = await postOnce<CycleChangeView>(target(flags), path, body, idempotencyKey);
      io.out(flags.json === true ? json(done) : cycleChangeText(done));
    });
}

async function put(target: ApiTarget, id: string, flags: PutFlags): Promise<AccountView> {
  const { currency, taxClass, cycle, billingRef, billingStatus } = flags;
  const given = {
    ...(currency === undefined ? {} : { currency }),
    ...(taxClass === undefined ? {} : { taxClass }),
    ...(cycle === undefined ? {} : { cycle }),
    ...(billingRef === undefined ? {} : { billingRef: billingRef === NONE ? null : billingRef }),
    ...(billingStatus === undefined ? {} : { billingStatus }),
  };
  if (Object.keys(given).length === 0)
    throw new AppError('invalid-input', 'nothing is to be changed: see weir accounts put --help');
  const etag = await tagOf(target, id);
  if (etag !== null) return patchView<AccountView>(target, pathOf(id), given, etag);
  const usual = { billingRef: null, cycle: { kind: 'month', anchorDay: 1 } };
  return putView<AccountView>(target, pathOf(id), { ...usual, ...given });
}

/** Null = it is not there. */
async function tagOf(target: ApiTarget, id: string): Promise<string | null> {
  try {
    return (await getTagged<AccountView>(target, pathOf(id))).etag;
  } catch (error) {
    if (isAppError(error, 'not-found')) return null;
    throw error;
  }
}

function pathOf(id: string): string {
  return `/v1/accounts/${encodeURIComponent(id)}`;
}

const RULES = '"month DAY" (1-31), "week DAY" (ISO, 1 = Monday), "days N DATE"';

/** @throws InvalidArgumentError */
function ruleOf(text: string): CycleRule {
  const [, kind, number = '', from] =
    /^(month|week|days) ([0-9]{1,3})(?: (\d{4}-\d\d-\d\d))?$/.exec(text) ?? [];
  const n = Number(number);
  if (kind === 'month' && from === undefined) return { kind, anchorDay: n };
  if (kind === 'week' && from === undefined) return { kind, weekday: n };
  if (kind === 'days' && from !== undefined) return { kind, days: n, from };
  throw new InvalidArgumentError(`It must be ${RULES}.`);
}

function ruleArgument(text: string): CycleRule {
  try {
    return ruleOf(text);
  } catch (cause) {
    throw new AppError('invalid-input', `the rule must be ${RULES}`, { cause });
  }
}
