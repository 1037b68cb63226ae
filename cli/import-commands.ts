import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type { ImportFaultsView, ImportsView, ImportView } from '../schemas/import-views.ts';
import { IMPORT_KINDS } from '../storage/import-ports.ts';
import type { ImportKind } from '../storage/import-ports.ts';
import { apiTarget, deleteView, getView, postFile, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { importsText, importText } from './import-format.ts';
import { allPages, withLimit } from './paged.ts';
import type { PageFlags } from './paged.ts';

type FileFlags = ApiFlags & { kind: ImportKind; format?: 'csv' | 'ndjson'; dryRun?: boolean };

const TYPES = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;
/** Reading and checking of the largest file. */
const TAKE_MS = 3_600_000;
const LOOK_MS = 1_000;
const FAULTS_SHOWN = 20;
/** With --json all of them; a file has as many records at most. */
const ALL_FAULTS = 1_000_000;

/** `weir import [file]|list|show|resume|forget`. `failed` is called where something of a file did not go in. */
export function importCommands(weir: Command, io: CliIo, failed: () => void): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const imports = weir.command('import').description('bring files of subscribers or assignments in');
  const report = async (flags: ApiFlags, view: ImportView): Promise<void> => {
    const isWell = view.state === 'done' || view.state === 'applying';
    const limit = flags.json === true ? ALL_FAULTS : FAULTS_SHOWN;
    const path = `${pathOf(view.importId)}/faults`;
    const faults: ImportFaultsView | null = isWell
      ? null
      : await allPages(target(flags), path, new URLSearchParams(), { limit });
    if (!isWell) failed();
    io.out(flags.json === true ? json({ ...view, faults }) : importText(view, faults));
  };
  withApiFlags(imports.command('file <file>', { isDefault: true }))
    .description('check a file as a whole, then apply it; waits until it is done')
    .addOption(new Option('--kind <kind>', 'what it has').choices(IMPORT_KINDS).makeOptionMandatory())
    .addOption(new Option('--format <format>', 'by its name, if not given').choices(Object.keys(TYPES)))
    .option('--dry-run', 'check it, and apply nothing')
    .action(async (file: string, flags: FileFlags) => {
      const query = new URLSearchParams({ kind: flags.kind, dryRun: String(flags.dryRun === true) });
      const { stream, type } = await opened(file, flags.format);
      const path = `/v1/imports?${query.toString()}`;
      const taken = await postFile<ImportView>(target(flags), path, type, stream, TAKE_MS);
      const view = await ended(target(flags), taken, io);
      await report(flags, { ...view, known: taken.known });
    });
  withLimit(withApiFlags(imports.command('list')))
    .description('the last ones')
    .action(async (flags: ApiFlags & PageFlags) => {
      const view: ImportsView = await allPages(target(flags), '/v1/imports', new URLSearchParams(), flags);
      io.out(flags.json === true ? json(view) : importsText(view));
    });
  withApiFlags(imports.command('show <id>'))
    .description('how far one is, and what is wrong with it')
    .action(async (id: string, flags: ApiFlags) => {
      await report(flags, await getView<ImportView>(target(flags), pathOf(id)));
    });
  withApiFlags(imports.command('resume <id>'))
    .description('go on with one that stopped; waits until it is done')
    .action(async (id: string, flags: ApiFlags) => {
      const view = await postView<ImportView>(target(flags), `${pathOf(id)}/resume`, undefined);
      await report(flags, await ended(target(flags), view, io));
    });
  withApiFlags(imports.command('forget <id>'))
    .description('forget one and its records, so that the same file can come again; what it applied stays')
    .action(async (id: string, flags: ApiFlags) => {
      const view = await deleteView<ImportView>(target(flags), pathOf(id));
      io.out(flags.json === true ? json(view) : importText(view));
    });
}

function pathOf(id: string): string {
  return `/v1/imports/${encodeURIComponent(id)}`;
}

async function opened(
  file: string,
  given: FileFlags['format'],
): Promise<{ stream: ReadableStream<Uint8Array>; type: string }> {
  const format = given ?? (/\.(ndjson|jsonl)$/i.test(file) ? 'ndjson' : /\.csv$/i.test(file) ? 'csv' : null);
  if (format === null)
    throw new AppError('invalid-input', 'say with --format what the file is: csv or ndjson');
  try {
    // openAsBlob takes a folder for a file.
    if (!(await stat(file)).isFile()) throw new AppError('invalid-input', `${file} is no file`);
    return { stream: (await openAsBlob(file)).stream(), type: TYPES[format] };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('invalid-input', `${file} cannot be read`, { cause: error });
  }
}

/** Looks once a second until nothing more happens to it; says what it waits for. */
async function ended(target: ApiTarget, taken: ImportView, io: CliIo): Promise<ImportView> {
  let view = taken;
  let told: string | null = null;
  while (view.state === 'applying' || view.state === 'checking') {
    await wait(LOOK_MS);
    view = await getView<ImportView>(target, pathOf(view.importId));
    if (view.state === 'applying' && view.reason !== null && view.reason !== told) io.err(`${view.reason}\n`);
    told = view.reason;
  }
  return view;
}
