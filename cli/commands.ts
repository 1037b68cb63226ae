import { Command, CommanderError } from 'commander';
import { openAdmin } from '../pipeline/compose-admin.ts';
import type { Admin } from '../pipeline/compose-admin.ts';
import { readConfig } from '../pipeline/config.ts';
import type { Config } from '../pipeline/config.ts';
import { EXIT } from '../pipeline/lifecycle.ts';
import { isAppError } from '../schemas/errors.ts';
import type { OverviewView } from '../schemas/views.ts';
import { accountCommands } from './account-commands.ts';
import { addOnCommands } from './add-on-commands.ts';
import { apiTarget, getView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import { auditCommand } from './audit-command.ts';
import { commandLog } from './command-log.ts';
import { deadLetterCommands } from './dead-letter-commands.ts';
import { explainCommand } from './explain-command.ts';
import { feedCommands } from './feed-commands.ts';
import { overviewText } from './format.ts';
import { importCommands } from './import-commands.ts';
import { jobCommands } from './job-commands.ts';
import { keyCommands } from './key-commands.ts';
import { cycleCommands } from './cycle-commands.ts';
import { planCommands } from './plan-commands.ts';
import { poolCommands } from './pool-commands.ts';
import { policyCommands } from './policy-commands.ts';
import { itemCommands } from './item-commands.ts';
import { reconcileCommand } from './reconcile-command.ts';
import { stateCommands } from './state-commands.ts';
import { subscriberCommands } from './subscriber-commands.ts';
import { verifyCommand } from './verify-command.ts';

/** What a command line runs with. */
export interface CliIo {
  env: NodeJS.ProcessEnv;
  version: string;
  out(text: string): void;
  err(text: string): void;
  /** what `err` writes goes to a terminal */
  isTTY?: boolean;
  /** runs the program itself; resolves with its exit code */
  start(env: NodeJS.ProcessEnv): Promise<number>;
}

/**
 * Runs one `weir` command. Never rejects.
 *
 * @param args without node and script
 * @returns exit code: 0, 1 for what failed, 2 for wrong use or configuration
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const result = { code: EXIT.ok as number };
  try {
    await program(io, result).parseAsync([...args], { from: 'user' });
    return result.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.err(`weir: ${error instanceof Error ? error.message : String(error)}\n`);
    return isAppError(error, 'config-invalid', 'invalid-input') ? EXIT.usage : EXIT.failed;
  }
}

function program(io: CliIo, result: { code: number }): Command {
  const weir = new Command('weir')
    .description('Exact usage metering and policy enforcement for internet providers')
    .version(io.version)
    .exitOverride()
    .showHelpAfterError()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  weir
    .command('start')
    .description('run Weir (npm start does the same)')
    .action(async () => {
      result.code = await io.start(io.env);
    });
  weir
    .command('config')
    .description('check the configuration and print it, without secrets')
    .action(() => {
      io.out(`${JSON.stringify(readConfig(io.env), null, 2)}\n`);
    });
  migrateCommands(weir, io);
  keyCommands(weir, io);
  jobCommands(weir, io);
  importCommands(weir, io, () => (result.code = EXIT.failed));
  viewCommands(weir, io);
  policyCommands(weir, io, result);
  stateCommands(weir, io);
  deadLetterCommands(weir, io, () => (result.code = EXIT.failed));
  verifyCommand(weir, io, () => (result.code = EXIT.failed));
  reconcileCommand(weir, io, () => (result.code = EXIT.failed));
  itemCommands(weir, io);
  return weir;
}

function migrateCommands(weir: Command, io: CliIo): void {
  const migrate = weir.command('migrate').description('tables of the database and of analytics');
  migrate
    .command('up')
    .description('bring them up to date')
    .action(async () => {
      const applied = await withAdmin(io, (admin) => admin.migrate());
      io.out(applied.length === 0 ? 'up to date\n' : applied.map((name) => `applied ${name}\n`).join(''));
    });
  migrate
    .command('status')
    .description('say what is missing in the database')
    .action(async () => {
      const { applied, pending, unknown } = await withAdmin(io, (admin) => admin.status());
      io.out(`${applied.length} applied\n`);
      for (const name of pending) io.out(`pending ${name}\n`);
      for (const name of unknown) io.out(`unknown ${name}: applied by a newer Weir\n`);
    });
}

function viewCommands(weir: Command, io: CliIo): void {
  withApiFlags(weir.command('overview').description('what is going on in the running Weir')).action(
    async (flags: ApiFlags) => {
      const overview = await getView<OverviewView>(apiTarget(readConfig(io.env), flags), '/v1/overview');
      io.out(flags.json === true ? json(overview) : overviewText(overview));
    },
  );
  subscriberCommands(weir, io);
  explainCommand(weir, io);
  feedCommands(weir, io);
  planCommands(weir, io);
  addOnCommands(weir, io);
  accountCommands(weir, io);
  poolCommands(weir, io);
  cycleCommands(weir, io);
  auditCommand(weir, io);
}

async function withAdmin<T>(io: CliIo, use: (admin: Admin) => Promise<T>): Promise<T> {
  const config: Config = readConfig(io.env);
  const log = commandLog(io);
  const admin = await openAdmin(config, log);
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}
