import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type { Money } from '../schemas/tariff.ts';
import type { PreviewView, SubscriberChangeView, TopUpChangeView } from '../schemas/tariff-views.ts';
import { apiTarget, deleteView, postOnce, postView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags, withIdempotencyKey } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { moneyOf } from './money.ts';
import { changeText, previewText, topUpText } from './tariff-format.ts';

/** Options of changes that can be looked at before. */
interface ChangeFlags extends ApiFlags {
  preview?: boolean;
  reason?: string;
  idempotencyKey?: string;
}
type PlanFlags = ChangeFlags & { at: string; backDate?: boolean; replaceLater?: boolean };
type HoldFlags = ChangeFlags & { from?: string; to?: string; end?: string };
type AddOnFlags = ChangeFlags & { at?: string; end?: string };
type TopUpFlags = ChangeFlags & {
  takeBack?: string;
  bytes?: string;
  boost?: { downBps: number; upBps: number };
  unlimited?: boolean;
  validSeconds?: number;
  price?: Money;
};

const HOLDS = ['non-payment', 'customer', 'fraud', 'legal'] as const;

/** `weir subscriber plan|terminate|hold|add-on|top-up`, each with --preview. */
export function subscriberChangeCommands(subscriber: Command, io: CliIo): void {
  const make = async (
    id: string,
    kind: string,
    path: string,
    change: object,
    flags: ChangeFlags,
  ): Promise<void> => {
    const target = apiTarget(readConfig(io.env), flags);
    const told = flags.reason === undefined ? change : { ...change, reason: flags.reason };
    const base = `/v1/subscribers/${encodeURIComponent(id)}`;
    if (flags.preview === true) {
      const view = await postView<PreviewView>(target, `${base}/preview`, { kind, change: told });
      io.out(flags.json === true ? json(view) : previewText(view));
      return;
    }
    if (kind === 'top-up') {
      const done = await postOnce<TopUpChangeView>(target, `${base}/${path}`, told, flags.idempotencyKey);
      io.out(flags.json === true ? json(done) : topUpText(done));
      return;
    }
    const done = await postOnce<SubscriberChangeView>(target, `${base}/${path}`, told, flags.idempotencyKey);
    io.out(flags.json === true ? json(done) : changeText(done));
  };
  withChangeFlags(subscriber.command('plan <id> <plan>'))
    .description('give it a plan')
    .requiredOption('--at <time>', '"now", "cycle-end", or an instant such as 2025-01-31T12:00:00Z', whenOf)
    .option('--back-date', '--at is a local midnight of this cycle that has passed')
    .option('--replace-later', 'changes that are stored for later go')
    .action(async (id: string, planId: string, flags: PlanFlags) => {
      const { at, backDate, replaceLater } = flags;
      const change = {
        ...{ planId, at },
        ...(backDate === true ? { backDate } : {}),
        ...(replaceLater === true ? { replaceLater } : {}),
      };
      await make(id, 'assignment', 'assignments', change, flags);
    });
  withChangeFlags(subscriber.command('terminate <id>'))
    .description('end the service')
    .requiredOption('--at <time>', 'as of plan', whenOf)
    .action((id: string, flags: PlanFlags) =>
      make(id, 'termination', 'termination', { at: flags.at }, flags),
    );
  holdCommand(subscriber, io, make);
  addOnCommand(subscriber, io, make);
  topUpCommand(subscriber, io, make);
}

type Make = (id: string, kind: string, path: string, change: object, flags: ChangeFlags) => Promise<void>;

function holdCommand(subscriber: Command, io: CliIo, make: Make): void {
  withChangeFlags(subscriber.command('hold <id> [kind]'))
    .description(`hold the service back: ${HOLDS.join(', ')}; or --end a hold`)
    .option('--from <time>', 'now if not given', instant)
    .option('--to <time>', 'open if not given', instant)
    .option('--end <hold>', 'id of a hold that ends now')
    .action(async (id: string, kind: string | undefined, flags: HoldFlags) => {
      const { from, to, end } = flags;
      if (end !== undefined && kind === undefined) {
        const path = `/v1/subscribers/${encodeURIComponent(id)}/holds/${encodeURIComponent(end)}`;
        const done = await deleteView<SubscriberChangeView>(apiTarget(readConfig(io.env), flags), path);
        io.out(flags.json === true ? json(done) : changeText(done));
        return;
      }
      if (kind === undefined || end !== undefined)
        throw new AppError('invalid-input', `name either a kind (${HOLDS.join(', ')}) or --end HOLD`);
      const span = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
      await make(id, 'hold', 'holds', { kind, ...span }, flags);
    });
}

function addOnCommand(subscriber: Command, io: CliIo, make: Make): void {
  withChangeFlags(subscriber.command('add-on <id> [add-on]'))
    .description('book an add-on; or --end one')
    .option('--at <time>', 'as of plan; now if not given', whenOf)
    .option('--end <row>', 'id of a booked add-on that ends, as weir subscriber show tells it')
    .action(async (id: string, addOnId: string | undefined, flags: AddOnFlags) => {
      const { at, end } = flags;
      if ((addOnId === undefined) === (end === undefined))
        throw new AppError('invalid-input', 'name either an add-on or --end ROW');
      if (end === undefined) {
        await make(id, 'add-on', 'add-ons', { addOnId, at: at ?? 'now' }, flags);
        return;
      }
      const query = at === undefined ? '' : `?at=${encodeURIComponent(at)}`;
      const path = `/v1/subscribers/${encodeURIComponent(id)}/add-ons/${encodeURIComponent(end)}${query}`;
      const done = await deleteView<SubscriberChangeView>(apiTarget(readConfig(io.env), flags), path);
      io.out(flags.json === true ? json(done) : changeText(done));
    });
}

function topUpCommand(subscriber: Command, io: CliIo, make: Make): void {
  withChangeFlags(subscriber.command('top-up <id> [product]'))
    .description('buy a product of the provider’s settings, or what the options say')
    .option('--bytes <octets>', 'on top of the cap', octets)
    .option('--boost <down/up>', 'a speed in Mbit/s, such as 1000/100', boost)
    .option('--unlimited', 'no byte counts against the cap')
    .option('--valid-seconds <n>', 'how long', wholeNumber)
    .addOption(new Option('--price <money>', 'such as "4.99 EUR"').argParser(moneyOf))
    .option('--take-back <top-up>', 'end one, which is credited where none of its bytes were used')
    .action(async (id: string, productId: string | undefined, flags: TopUpFlags) => {
      if (flags.takeBack !== undefined) {
        if (productId !== undefined || flags.preview === true)
          throw new AppError('invalid-input', '--take-back ends a top-up: it buys and previews nothing');
        const path = `/v1/subscribers/${encodeURIComponent(id)}/top-ups/${encodeURIComponent(flags.takeBack)}`;
        const done = await deleteView<TopUpChangeView>(apiTarget(readConfig(io.env), flags), path);
        io.out(flags.json === true ? json(done) : topUpText(done));
        return;
      }
      const change = productId === undefined ? givenTopUp(flags) : { productId };
      await make(id, 'top-up', 'top-ups', change, flags);
    });
}

function givenTopUp({ bytes, boost: speed, unlimited, validSeconds, price }: TopUpFlags): object {
  const kinds = [bytes !== undefined, speed !== undefined, unlimited === true].filter(Boolean).length;
  if (kinds !== 1 || validSeconds === undefined || price === undefined)
    throw new AppError(
      'invalid-input',
      'name a product; or one of --bytes, --boost, --unlimited with --valid-seconds and --price',
    );
  const what = { validSeconds, price };
  if (bytes !== undefined) return { kind: 'bytes', bytes, ...what };
  return speed === undefined ? { kind: 'unlimited', ...what } : { kind: 'boost', speed, ...what };
}

function withChangeFlags(command: Command): Command {
  return withIdempotencyKey(withApiFlags(command))
    .option('--preview', 'only say what it would charge and credit')
    .option('--reason <text>', 'for the audit');
}

function whenOf(text: string): string {
  return text === 'now' || text === 'cycle-end' ? text : instant(text);
}

function octets(text: string): string {
  if (/^[1-9][0-9]{0,15}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a whole number of octets, such as 5000000000.');
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function boost(text: string): { downBps: number; upBps: number } {
  const match = /^([0-9]{1,6})\/([0-9]{1,6})$/.exec(text);
  const [downBps = 0, upBps = 0] = match?.slice(1).map((megabits) => Number(megabits) * 1_000_000) ?? [];
  if (downBps > 0 && upBps > 0) return { downBps, upBps };
  throw new InvalidArgumentError('It must be download/upload in Mbit/s, such as 1000/100.');
}
