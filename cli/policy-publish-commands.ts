import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { EXIT } from '../pipeline/lifecycle.ts';
import { AppError } from '../schemas/errors.ts';
import type {
  PolicyCheckView,
  PolicyDetailView,
  PolicyDraftView,
  PolicyPublishedView,
} from '../schemas/policy-views.ts';
import { apiTarget, deleteView, getView, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { findingsText, publishedText } from './policy-format.ts';
import { pathOf } from './policy-look-commands.ts';

const PATH = '/v1/policies';
/** Lint and tests are bounded to some seconds. */
const CHECK_TIMEOUT_MS = 35_000;
const MODES = ['off', 'shadow', 'percent', 'enforce'] as const;

type PublishFlags = ApiFlags & { mode?: string; percent?: number; comment?: string; yes?: boolean };
type PromoteFlags = ApiFlags & { to: string[]; comment?: string; yes?: boolean };
type CommentFlags = ApiFlags & { comment?: string };

/** `weir policy publish|promote|rollback|withdraw`: changes of what is in force. */
export function policyPublishCommands(policy: Command, io: CliIo, result: { code: number }): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const print = (flags: ApiFlags, done: PolicyPublishedView): void =>
    io.out(flags.json === true ? json(done) : publishedText(done));
  withApiFlags(policy.command('publish <file>'))
    .description('check a policy file, with FILE.test.json beside it, and bring it into force')
    .addOption(new Option('--mode <mode>', 'another mode than the file has').choices(MODES))
    .option('--percent <n>', 'share of the subscribers, with --mode percent', percentage)
    .option('--comment <text>', 'why; it is kept')
    .option('--yes', 'also where it acts on many subscribers at once')
    .action(async (file: string, flags: PublishFlags) => {
      const done = await publishFile(target(flags), file, flags, io);
      if (done === null) result.code = EXIT.failed;
      else print(flags, done);
    });
  withApiFlags(policy.command('promote <id>'))
    .description('bring what is in shadow, or on a share, to more subscribers')
    .requiredOption('--to <mode...>', '`percent N` or `enforce`')
    .option('--comment <text>', 'why; it is kept')
    .option('--yes', 'also where it acts on many subscribers at once')
    .action(async (id: string, flags: PromoteFlags) => print(flags, await promote(target(flags), id, flags)));
  withApiFlags(policy.command('rollback <id>'))
    .description('back to what was before: drops a candidate, else brings the base before this one back')
    .option('--comment <text>', 'why; it is kept')
    .action(async (id: string, flags: CommentFlags) => {
      const body = { comment: flags.comment ?? '' };
      print(flags, await postView<PolicyPublishedView>(target(flags), `${pathOf(id)}/rollback`, body));
    });
  withApiFlags(policy.command('withdraw <id>'))
    .description('end a policy: whom only it held is restored; its versions are kept')
    .option('--comment <text>', 'why; it is kept')
    .action(async (id: string, flags: CommentFlags) => {
      const query = flags.comment === undefined ? '' : `?comment=${encodeURIComponent(flags.comment)}`;
      print(flags, await deleteView<PolicyPublishedView>(target(flags), `${pathOf(id)}${query}`));
    });
}

/** null = it is not right, and why was printed. */
async function publishFile(
  target: ApiTarget,
  file: string,
  { mode, percent, comment = '', yes = false }: PublishFlags,
  io: CliIo,
): Promise<PolicyPublishedView | null> {
  if (percent !== undefined && mode !== 'percent')
    throw new AppError('invalid-input', '--percent goes with --mode percent');
  if (mode === 'percent' && percent === undefined)
    throw new AppError('invalid-input', '--mode percent needs --percent');
  const given = await givenOf(file);
  const checked = await postView<PolicyCheckView>(target, `${PATH}/validate`, given, CHECK_TIMEOUT_MS);
  const named = checked.findings.map((finding) => ({ ...finding, file: nameOf(finding.file, file) }));
  io.err(findingsText(named));
  if (!checked.ok) return null;
  const draft = await postView<PolicyDraftView>(target, PATH, { ...given, comment }, CHECK_TIMEOUT_MS);
  const body = {
    version: draft.version,
    ...(mode === undefined ? {} : { mode }),
    ...(percent === undefined ? {} : { percent }),
    comment,
    confirm: yes,
  };
  return postView<PolicyPublishedView>(target, `${pathOf(draft.id)}/publish`, body, CHECK_TIMEOUT_MS);
}

async function promote(
  target: ApiTarget,
  id: string,
  { to, comment = '', yes = false }: PromoteFlags,
): Promise<PolicyPublishedView> {
  const how = modeOf(to);
  const { candidate } = await getView<PolicyDetailView>(target, pathOf(id));
  if (candidate === null)
    throw new AppError(
      'conflict',
      `policy ${id} has nothing in shadow or on a share to promote: weir policy show ${id}`,
    );
  const body = { version: candidate.version, ...how, comment, confirm: yes };
  return postView<PolicyPublishedView>(target, `${pathOf(id)}/publish`, body, CHECK_TIMEOUT_MS);
}

function modeOf([mode, percent, ...rest]: string[]): { mode: string; percent?: number } {
  if (mode === 'enforce' && percent === undefined) return { mode };
  if (mode === 'percent' && percent !== undefined && rest.length === 0) {
    if (isPercent(percent)) return { mode, percent: Number(percent) };
  }
  throw new AppError('invalid-input', '--to is `enforce`, or `percent` and a number from 0 to 100');
}

/** The text, and that of the tests beside it. */
async function givenOf(file: string): Promise<{ policy: string; tests?: string }> {
  const policy = await textOf(file);
  if (policy === null) throw new AppError('not-found', `there is no file ${file}`);
  const tests = await textOf(testsOf(file));
  return tests === null ? { policy } : { policy, tests };
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('invalid-input', `cannot read ${file}: ${why}`, { cause: error });
  }
}

function testsOf(file: string): string {
  return file.replace(/(\.json)?$/, '.test.json');
}

/** The API knows no file names. */
function nameOf(name: string, file: string): string {
  return name.endsWith('.test.json') ? testsOf(file) : name.endsWith('.json') ? file : basename(name);
}

function percentage(text: string): number {
  if (isPercent(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number from 0 to 100.');
}

function isPercent(text: string): boolean {
  return /^[0-9]{1,3}(\.[0-9]{1,6})?$/.test(text) && Number(text) <= 100;
}
