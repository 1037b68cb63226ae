import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type { FeedProfilesView, FeedProfileView, FeedsView, NasProfilesView } from '../schemas/feed-views.ts';
import { AppError } from '../schemas/errors.ts';
import { defaultNasProfile } from '../schemas/profile.ts';
import type { ClassMatch, NasProfile } from '../schemas/profile.ts';
import { apiTarget, getView, putView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { feedProfilesText, feedProfileText, feedsText, nasProfileText, nasText } from './feed-format.ts';
import { instant } from './instant.ts';

type ListFlags = ApiFlags & { nas?: string; from?: string; to?: string; byHour?: boolean };
type NasChanges = Partial<Omit<NasProfile, 'nasId' | 'classes' | 'redundancyGroup' | 'interimSeconds'>>;
type NasFlags = ApiFlags &
  NasChanges & {
    redundancyGroup?: string;
    interimSeconds?: number | typeof LEARNED;
    class?: ClassMatch[];
    /** false = --no-classes; commander says true without it */
    classes?: boolean;
    fromDefaults?: boolean;
  };

/** Words for null: commander makes an empty text of a null that a parser returns. */
const NONE = 'none';
const LEARNED = 'learned';
/** Likewise of a feed's time. */
const ALL = 'all';

/** `weir feeds [list]|profiles|set` and `weir nas list|set`. */
export function feedCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const feeds = weir.command('feeds').description('how good the records of each NAS are');
  withApiFlags(feeds.command('list', { isDefault: true }))
    .description('outcomes, missing Stops, clock skew, interim interval; of the last day unless told')
    .option('--nas <id>', 'of one NAS')
    .option('--from <time>', 'hours from this one on, such as 2025-01-31T12:00:00Z', instant)
    .option('--to <time>', 'hours that begin before', instant)
    .option('--by-hour', 'a line an hour instead of a line a NAS')
    .action(async (flags: ListFlags) => {
      const view = await getView<FeedsView>(target(flags), `/v1/feeds${queryOf(flags)}`);
      io.out(flags.json === true ? json(view) : feedsText(view, flags.byHour === true));
    });
  withApiFlags(feeds.command('profiles'))
    .description('feeds whose sessions count from a time on')
    .action(async (flags: ApiFlags) => {
      const view = await getView<FeedProfilesView>(target(flags), '/v1/feeds/profiles');
      io.out(flags.json === true ? json(view) : feedProfilesText(view));
    });
  withApiFlags(feeds.command('set <feed>'))
    .description('sessions that began before are not charged for what they carried before; "" = no feed id')
    .requiredOption('--count-from <time>', 'from when on, or "all" to charge everything', allOrInstant)
    .action(async (feed: string, flags: ApiFlags & { countFrom: string }) => {
      const countFrom = flags.countFrom === ALL ? null : flags.countFrom;
      const path = `/v1/feeds/${encodeURIComponent(feed)}`;
      const stored = await putView<FeedProfileView>(target(flags), path, { countFrom });
      io.out(flags.json === true ? json(stored) : feedProfileText(stored));
    });
  nasCommands(weir, io, target);
}

function nasCommands(weir: Command, io: CliIo, target: (flags: ApiFlags) => ApiTarget): void {
  const nas = weir.command('nas').description('how the records of NAS are read');
  withApiFlags(nas.command('list'))
    .description('what sets them apart from a NAS that nobody described')
    .action(async (flags: ApiFlags) => {
      const view = await getView<NasProfilesView>(target(flags), '/v1/nas/profiles');
      io.out(flags.json === true ? json(view) : nasText(view));
    });
  withProfileOptions(withApiFlags(nas.command('set <nas>')))
    .description('change what is named, keep the rest; * = all that have no profile of their own')
    .action(async (nasId: string, flags: NasFlags) => {
      const stored = await setProfile(target(flags), nasId, flags);
      io.out(flags.json === true ? json(stored) : nasProfileText(stored));
    });
}

function withProfileOptions(command: Command): Command {
  const choice = (flags: string, description: string, choices: readonly string[]): Option =>
    new Option(flags, description).choices(choices);
  return command
    .option('--reversed <yes|no>', 'Input means download', yesOrNo)
    .addOption(choice('--unit <unit>', 'of the counters', ['octets', 'kilobytes']))
    .option('--start-tolerance-seconds <n>', 'of the rule which session it is', wholeNumber)
    .option('--gigawords <yes|no>', 'no = 32-bit counters that wrap', yesOrNo)
    .option('--counters-reset <yes|no>', 'a restarted counter begins at 0', yesOrNo)
    .option('--redundancy-group <name>', 'NAS that continue each other’s sessions, or "none"')
    .addOption(choice('--on-off <what>', 'what Accounting-On and -Off do to sessions', ['close', 'ignore']))
    .option('--interim-seconds <n>', '0 = it sends none, or "learned"', intervalOrLearned)
    .addOption(choice('--sub-sessions <how>', 'whose counters count', SUB_SESSIONS))
    .addOption(choice('--ipv6 <how>', 'IPv6 counters: part of the octets or on top', ['subset', 'additive']))
    .option('--class <match=class>', 'service class by service name or Class, again for more', classMatch)
    .option('--no-classes', 'forget the service classes')
    .option('--from-defaults', 'what is not named is as for a NAS that nobody described');
}

const SUB_SESSIONS = [
  'sum',
  'parent',
  'children',
  'split',
  'shared',
] as const satisfies NasProfile['subSessions'][];

/** Puts the changes over what is in force for the NAS, and stores that. */
async function setProfile(target: ApiTarget, nasId: string, flags: NasFlags): Promise<NasProfile> {
  const changes = changesOf(flags);
  if (Object.keys(changes).length === 0 && flags.fromDefaults !== true)
    throw new AppError('invalid-input', 'nothing is to be changed: see weir nas set --help');
  const { profiles } = await getView<NasProfilesView>(target, '/v1/nas/profiles');
  const stored = [nasId, '*'].flatMap((id) => profiles.filter((profile) => profile.nasId === id));
  const before = flags.fromDefaults === true ? undefined : stored[0];
  const { nasId: _, ...profile } = { ...defaultNasProfile(nasId), ...before, ...changes };
  return putView<NasProfile>(target, `/v1/nas/profiles/${encodeURIComponent(nasId)}`, profile);
}

function changesOf(flags: NasFlags): Partial<NasProfile> {
  const { url: _url, keyFile: _keyFile, json: _json, fromDefaults: _fromDefaults, ...given } = flags;
  const { redundancyGroup, interimSeconds, classes, class: matches, ...changes } = given;
  return {
    ...changes,
    ...(redundancyGroup === undefined
      ? {}
      : { redundancyGroup: redundancyGroup === NONE ? null : redundancyGroup }),
    ...(interimSeconds === undefined
      ? {}
      : { interimSeconds: interimSeconds === LEARNED ? null : interimSeconds }),
    ...(matches === undefined ? (classes === false ? { classes: [] } : {}) : { classes: matches }),
  };
}

function queryOf({ nas, from, to }: ListFlags): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ nas, from, to }))
    if (value !== undefined) query.set(name, value);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function allOrInstant(text: string): string {
  return text === ALL ? ALL : instant(text);
}

function yesOrNo(text: string): boolean {
  if (text === 'yes' || text === 'no') return text === 'yes';
  throw new InvalidArgumentError('It must be yes or no.');
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function intervalOrLearned(text: string): number | typeof LEARNED {
  return text === LEARNED ? LEARNED : wholeNumber(text);
}

function classMatch(text: string, before: ClassMatch[] = []): ClassMatch[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be match=class.');
  return [...before, { match: text.slice(0, at), serviceClass: text.slice(at + 1) }];
}
