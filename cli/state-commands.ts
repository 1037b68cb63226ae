import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { openStateAdmin } from '../pipeline/compose-state.ts';
import type { StateAdmin } from '../pipeline/compose-state.ts';
import { readConfig } from '../pipeline/config.ts';
import type { RebuildSource } from '../pipeline/snapshot/rebuild.ts';
import { AppError, isAppError } from '../schemas/errors.ts';
import { commandLog } from './command-log.ts';
import type { CliIo } from './commands.ts';
import { rebuiltText, slotText, snapshotsText } from './state-format.ts';

interface RebuildFlags {
  partition?: number;
  snapshot?: string;
  fromLog?: boolean;
  force?: boolean;
}

/** `weir state`: the state of slots, their snapshots, and how to get them back. They read the stores, not a running Weir. */
export function stateCommands(weir: Command, io: CliIo): void {
  const state = weir.command('state').description('the state of the partitions and its snapshots');
  state
    .command('show <partition>')
    .description('what is stored of one partition')
    .option('--json', 'print it as JSON')
    .action(async (text: string, { json }: { json?: boolean }) => {
      const partition = partitionOf(text);
      const report = await withState(io, async (admin) => {
        await requirePartition(admin, partition);
        return admin.show(partition);
      });
      io.out(json === true ? `${JSON.stringify(report, null, 2)}\n` : slotText(report));
    });
  state
    .command('snapshots')
    .description('list the snapshots that are kept')
    .option('--json', 'print them as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const snapshots = await withState(io, (admin) => admin.snapshots());
      io.out(json === true ? `${JSON.stringify(snapshots, null, 2)}\n` : snapshotsText(snapshots));
    });
  state
    .command('rebuild')
    .description(
      'make the state of partitions anew, from a snapshot or from the log; workers must be stopped',
    )
    .option('--partition <number>', 'this one only; all without it', partitionOf)
    .option('--snapshot <file>', 'from this file instead of the newest snapshot that can be used')
    .option('--from-log', 'from the beginning of the log, without a snapshot')
    .option(
      '--force',
      'drop what the partition holds; do it though workers run, or the log lost its beginning',
    )
    .action((flags: RebuildFlags) => withState(io, (admin) => rebuild(admin, flags, io)));
}

async function rebuild(admin: StateAdmin, flags: RebuildFlags, io: CliIo): Promise<void> {
  const { partitions, source } = await wanted(admin, flags);
  const force = flags.force === true;
  await admin.requireStopped().catch((error: unknown) => {
    if (!force || !isAppError(error, 'conflict')) throw error;
    io.err(`weir: ${error.message}\n`);
  });
  const failures: unknown[] = [];
  for (const partition of partitions) {
    try {
      io.out(rebuiltText(await admin.rebuild(partition, source, { force })));
    } catch (error) {
      // The others are rebuilt all the same; what is left can be done by itself.
      if (!isAppError(error)) throw error;
      failures.push(error);
      io.err(`weir: partition ${String(partition)}: ${error.message}\n`);
    }
  }
  if (failures.length === 0) return;
  throw new AppError(
    'conflict',
    `${String(failures.length)} of ${String(partitions.length)} partitions not rebuilt`,
  );
}

async function wanted(
  admin: StateAdmin,
  { partition, snapshot, fromLog }: RebuildFlags,
): Promise<{ partitions: number[]; source: RebuildSource }> {
  if (snapshot !== undefined && fromLog === true) {
    throw new AppError('invalid-input', '--snapshot and --from-log exclude each other');
  }
  if (snapshot !== undefined) {
    const file = await admin.file(snapshot);
    return { partitions: [partition ?? file.partition], source: file.source };
  }
  if (partition !== undefined) await requirePartition(admin, partition);
  const partitions = partition === undefined ? [...(await admin.ranges()).keys()] : [partition];
  partitions.sort((a, b) => a - b);
  return { partitions, source: { kind: fromLog === true ? 'log' : 'newest' } };
}

async function requirePartition(admin: StateAdmin, partition: number): Promise<void> {
  const { size } = await admin.ranges();
  if (partition < size) return;
  const there = size === 0 ? 'the log has none yet' : `they are 0 to ${String(size - 1)}`;
  throw new AppError('invalid-input', `there is no partition ${String(partition)}: ${there}`);
}

async function withState<T>(io: CliIo, use: (admin: StateAdmin) => Promise<T>): Promise<T> {
  const config = readConfig(io.env);
  const log = commandLog(io);
  const admin = await openStateAdmin(config, log);
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}

function partitionOf(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a partition’s number, from 0 on.');
}
