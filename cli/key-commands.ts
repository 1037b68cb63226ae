import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { ROLES } from '../schemas/roles.ts';
import type { Role } from '../schemas/roles.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lines } from './format.ts';
import { instant } from './instant.ts';
import { withKeys } from './key-access.ts';
import { keysText } from './key-format.ts';

const HOUR_MS = 3_600_000;
const UNIT_MS = { h: HOUR_MS, d: 24 * HOUR_MS, w: 7 * 24 * HOUR_MS } as const;
/** Ten years: longer is "until it is revoked". */
const MAX_MS = 3_653 * 24 * HOUR_MS;

type CreateFlags = ApiFlags & { name: string; roles: Role[]; expires?: string; rate?: number };

/** `weir keys create|list|revoke`. */
export function keyCommands(weir: Command, io: CliIo): void {
  const keys = weir.command('keys').description('keys of the API');
  withApiFlags(keys.command('create'))
    .description('make a key; it is printed once and stored nowhere')
    .requiredOption('--name <name>', 'whose it is', nameOf)
    .requiredOption('--roles <roles>', `comma-separated: ${ROLES.join(', ')}`, rolesOf)
    .option('--expires <when>', 'after a time such as 90d or 12h, or at an instant', expiryOf)
    .option('--rate <n>', 'requests a minute; without it as many as usual', rateOf)
    .action(async ({ name, roles, expires, rate, ...flags }: CreateFlags) => {
      const wanted = { name, roles, expires: expires ?? null, rateLimit: rate ?? null };
      const made = await withKeys(io, flags, (access) => access.create(wanted));
      const until = made.expires === null ? '' : `, until ${made.expires}`;
      io.err(
        `key ${made.id} of ${name}, roles ${roles.join(', ')}${until}; keep it, it is not shown again:\n`,
      );
      io.out(flags.json === true ? json(made) : `${made.key}\n`);
    });
  withApiFlags(keys.command('list'))
    .description('all, also those that work no more')
    .action(async (flags: ApiFlags) => {
      const view = await withKeys(io, flags, (access) => access.list());
      io.out(flags.json === true ? json(view) : keysText(view, Date.now()));
    });
  withApiFlags(keys.command('revoke <id>'))
    .description('it works no more, at once and for ever')
    .action(async (id: string, flags: ApiFlags) => {
      const revoked = await withKeys(io, flags, (access) => access.revoke(id));
      io.out(flags.json === true ? json(revoked) : lines([`revoked ${revoked.id}`]));
    });
}

function nameOf(text: string): string {
  if (/^[^\p{C}]{1,100}$/u.test(text) && text.trim() !== '') return text.trim();
  throw new InvalidArgumentError('It must be 1 to 100 printable characters.');
}

function rolesOf(text: string): Role[] {
  const names = text.split(',').map((name) => name.trim());
  const roles = ROLES.filter((role) => names.includes(role));
  if (roles.length > 0 && names.every((name) => roles.some((role) => role === name))) return roles;
  throw new InvalidArgumentError(`They must be some of ${ROLES.join(', ')}.`);
}

/** As ISO 8601. */
function expiryOf(text: string): string {
  const span = /^([1-9][0-9]{0,5})([hdw])$/.exec(text);
  const forMs = span === null ? null : Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS];
  const atMs = forMs === null ? Date.parse(instant(text)) : Date.now() + forMs;
  if (atMs > Date.now() && atMs <= Date.now() + MAX_MS) return new Date(atMs).toISOString();
  throw new InvalidArgumentError('It must be in the future, and ten years at most.');
}

function rateOf(text: string): number {
  const rate = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (rate >= 1 && rate <= 1_000_000) return rate;
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000000.');
}
