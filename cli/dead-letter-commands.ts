import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterReplayView,
  DeadLetterSummaryView,
} from '../schemas/dead-letter-views.ts';
import { AppError } from '../schemas/errors.ts';
import { DEAD_LETTER_REASONS } from '../schemas/outcome.ts';
import { apiTarget, getView, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import { instant } from './instant.ts';
import type { CliIo } from './commands.ts';
import { letterText, lettersText, replayText, summaryText } from './dead-letter-format.ts';

/** Letters that the API takes in one call. */
const MAX_IDS = 1_000;
/** A replay of 1,000 letters decodes and writes them; ms. */
const REPLAY_TIMEOUT_MS = 60_000;
const PATH = '/v1/dead-letters';

interface FilterFlags {
  reason?: string;
  partition?: number;
  nas?: string;
  from?: string;
  to?: string;
}
type ListFlags = ApiFlags &
  FilterFlags & { replayed?: boolean; limit?: number; before?: string; summary?: boolean };
type ReplayFlags = ApiFlags & FilterFlags & { all?: boolean; set?: Record<string, string>; dryRun?: boolean };

/** `weir dead-letters list|show|replay`. A replay with refused letters ends with `failed`. */
export function deadLetterCommands(weir: Command, io: CliIo, failed: () => void): void {
  const letters = weir
    .command('dead-letters')
    .description('records that could not be metered: look at them, replay them');
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  withFilters(withApiFlags(letters.command('list')))
    .description('the newest first')
    .option('--replayed', 'only those that were replayed')
    .option('--no-replayed', 'only those that were not')
    .option('--limit <n>', 'letters, at most 200', wholeNumber)
    .option('--before <id>', 'what follows this letter')
    .option('--summary', 'only count them by reason, all of them')
    .action(async (flags: ListFlags) => io.out(await list(target(flags), flags)));
  withApiFlags(letters.command('show <id>'))
    .description('one letter, what could be read of it and its bytes; the id is partition:offset')
    .action(async (id: string, flags: ApiFlags) => {
      const view = await getView<DeadLetterDetailView>(target(flags), `${PATH}/${encodeURIComponent(id)}`);
      io.out(flags.json === true ? json(view) : letterText(view));
    });
  withFilters(withApiFlags(letters.command('replay [ids...]')))
    .description('bring their records to the meter, each once; by id, by filter, or --all')
    .option('--all', 'every letter that was not replayed')
    .option(
      '--set <field=value>',
      'put this over the records, again for more; nothing after = is absent',
      assignment,
    )
    .option('--dry-run', 'only say what would be done')
    .action(async (ids: string[], flags: ReplayFlags) => {
      const done = await replay(target(flags), ids, flags);
      io.out(flags.json === true ? json(done) : replayText(done));
      if (done.refused.length > 0) failed();
    });
}

function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--reason <reason>', 'why they were refused').choices(DEAD_LETTER_REASONS))
    .option('--partition <n>', 'of the log', wholeNumber)
    .option('--nas <id>', 'whose records they are')
    .option('--from <time>', 'appended at or after, such as 2025-01-31T12:00:00Z', instant)
    .option('--to <time>', 'appended before', instant);
}

async function list(target: ApiTarget, flags: ListFlags): Promise<string> {
  if (flags.summary === true) {
    const summary = await getView<DeadLetterSummaryView>(target, `${PATH}/summary`);
    return flags.json === true ? json(summary) : summaryText(summary);
  }
  const { replayed, limit, before } = flags;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...filterOf(flags), replayed, limit, before }))
    if (value !== undefined) query.set(name, String(value));
  const page = await getView<DeadLetterListView>(target, `${PATH}?${query}`);
  return flags.json === true ? json(page) : lettersText(page);
}

/** All that is selected, call by call. A call that fails leaves what went before it replayed, and says so. */
async function replay(
  target: ApiTarget,
  ids: readonly string[],
  flags: ReplayFlags,
): Promise<Omit<DeadLetterReplayView, 'next'>> {
  const total: Omit<DeadLetterReplayView, 'next'> = {
    replayed: 0,
    ids: [],
    refused: [],
    dryRun: flags.dryRun === true,
  };
  const how = { set: flags.set ?? {}, dryRun: total.dryRun };
  const call = async (selection: object): Promise<string | null> => {
    const body = { ...selection, ...how };
    const answer = await postView<DeadLetterReplayView>(
      target,
      `${PATH}/replay`,
      body,
      REPLAY_TIMEOUT_MS,
    ).catch((error: unknown) => {
      throw total.replayed === 0 || total.dryRun ? error : interrupted(error, total.replayed);
    });
    total.replayed += answer.replayed;
    total.ids.push(...answer.ids);
    total.refused.push(...answer.refused);
    return answer.next;
  };
  const filter = filterOf(flags);
  const filtered = Object.values(filter).some((value) => value !== undefined);
  assertOne([ids.length > 0, filtered, flags.all === true]);
  if (ids.length > 0) {
    for (let at = 0; at < ids.length; at += MAX_IDS) await call({ ids: ids.slice(at, at + MAX_IDS) });
    return total;
  }
  let before = await call({ filter });
  while (before !== null) before = await call({ filter, before });
  if (total.replayed === 0 && total.refused.length === 0)
    throw new AppError('not-found', 'no dead letter matches that was not replayed: weir dead-letters list');
  return total;
}

function assertOne(given: readonly boolean[]): void {
  const selections = given.filter(Boolean).length;
  if (selections === 1) return;
  throw new AppError(
    'invalid-input',
    selections === 0
      ? 'nothing is selected: name letters, or a filter such as --reason, or --all'
      : 'name either letters, or a filter, or --all',
  );
}

function interrupted(error: unknown, replayed: number): unknown {
  if (!(error instanceof AppError)) return error;
  const message = `${error.message} (${replayed} letters were replayed before; the same command goes on with the rest)`;
  return new AppError(error.code, message, { cause: error });
}

function filterOf({ reason, partition, nas, from, to }: FilterFlags): FilterFlags {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(partition === undefined ? {} : { partition }),
    ...(nas === undefined ? {} : { nas }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function assignment(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be field=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
