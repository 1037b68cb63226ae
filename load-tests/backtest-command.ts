import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { pino } from 'pino';
import { backtest } from '../pipeline/compose-backtest.ts';
import { openAdmin } from '../pipeline/compose-admin.ts';
import { readConfig } from '../pipeline/config.ts';
import type { Config } from '../pipeline/config.ts';
import { policyVersion } from '../pipeline/policies/policy-version.ts';
import { PostgresPolicyStore } from '../storage/postgres/policy-store.ts';
import { connectPostgres } from '../storage/postgres/pool.ts';
import type { PolicyFile } from '../schemas/policy.ts';
import { makeDatabases, serversOf } from '../tests/flow/servers.ts';
import { makeSubscribers, makeUsage } from './backtest-rows.ts';
import type { BacktestLoad } from './backtest-rows.ts';
import { list, whole } from './forms.ts';
import { withServers } from './with-servers.ts';

interface BacktestFlags {
  subscribers: number;
  days: number;
  windows: number;
  threads: number;
  policy: string[];
  json?: string;
  keep?: string;
}

/** For 1,000,000 subscriber-days; other amounts in proportion. */
const MOST_SECONDS = 30;
const DAY_MS = 24 * 3_600_000;
const FROM_MS = Date.UTC(2026, 4, 1);

/** `npm run load -- backtest`: how fast a draft is replayed over stored usage. Fails above 30 s for a million subscriber-days. */
export function addBacktestCommand(program: Command): void {
  program
    .command('backtest')
    .description('seconds that weir policy backtest takes over usage made inside ClickHouse')
    .option('--subscribers <n>', 'subscribers', whole(1, 10_000_000), 100_000)
    .option('--days <n>', 'days of usage, all of which is replayed', whole(1, 62), 10)
    .option('--windows <n>', '5-minute windows with usage a day: 24, 96 or 288', whole(1, 288), 24)
    .option('--threads <n>', 'threads that replay', whole(1, 64), 2)
    .option('--policy <files>', 'the draft and then those in force, with commas between', list, [
      'policies/home-fup.json',
      'policies/overage-blocks.json',
      'policies/usage-notices.json',
    ])
    .option('--json <file>', 'write the figures to a file')
    .option('--keep <file>', 'write the report of the backtest to a file')
    .action(async (flags: BacktestFlags) => {
      const figures = await withServers((env) => measure(flags, env));
      process.stdout.write(figuresText(figures));
      if (flags.json !== undefined) {
        await mkdir(dirname(flags.json), { recursive: true });
        await writeFile(flags.json, `${JSON.stringify(figures, null, 2)}\n`);
      }
      if (figures.secondsAMillion > MOST_SECONDS)
        throw new Error(`more than ${String(MOST_SECONDS)} s for 1,000,000 subscriber-days`);
    });
}

interface Figures {
  subscribers: number;
  days: number;
  rows: number;
  seconds: number;
  secondsAMillion: number;
  cpuSeconds: number;
  peakMiB: number;
}

async function measure(
  flags: BacktestFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Figures> {
  const databases = await makeDatabases(serversOf(env));
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-backtest-'));
  try {
    const config = readConfig({
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      WEIR_DATA_DIR: dataDir,
    });
    const { subscribers, days, windows } = flags;
    const load: BacktestLoad = { subscribers, days, windows, fromMs: FROM_MS };
    const [draft, ...live] = await Promise.all(
      flags.policy.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as PolicyFile),
    );
    if (draft === undefined) throw new Error('--policy names none');
    const rows = await fill(config, databases, load, [draft, ...live]);
    return await timed(config, flags, draft, rows);
  } finally {
    await databases.drop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function fill(
  config: Config,
  { databaseUrl, clickhouseUrl }: { databaseUrl: string; clickhouseUrl: string },
  load: BacktestLoad,
  policies: readonly PolicyFile[],
): Promise<number> {
  const quiet = pino({ level: 'silent' });
  const admin = await openAdmin(config, quiet);
  await admin.migrate();
  await admin.close();
  const pool = await connectPostgres(databaseUrl, quiet, { max: 1 });
  try {
    process.stderr.write('making subscribers\n');
    await makeSubscribers(pool, load);
    const author = { by: 'load', source: 'cli', comment: '' } as const;
    await new PostgresPolicyStore(pool).publish(
      policies.map((file) => policyVersion({ ...file, mode: 'enforce' })),
      author,
    );
  } finally {
    await pool.end();
  }
  process.stderr.write('making usage\n');
  return makeUsage(clickhouseUrl, load);
}

async function timed(
  config: Config,
  flags: BacktestFlags,
  policy: PolicyFile,
  rows: number,
): Promise<Figures> {
  const draft = { file: 'draft.json', policy: stricter(policy), provider: null };
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 100);
  const began = process.hrtime.bigint();
  const before = process.cpuUsage();
  const report = await backtest(config, pino({ level: 'silent' }), {
    draft,
    against: 'live',
    fromMs: FROM_MS,
    toMs: FROM_MS + flags.days * DAY_MS,
    resolution: null,
    sample: null,
    threads: flags.threads,
    onProgress: () => undefined,
  }).finally(() => clearInterval(watch));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const { user, system } = process.cpuUsage(before);
  if (flags.keep !== undefined) await writeFile(flags.keep, JSON.stringify(report));
  return {
    subscribers: report.subscribers,
    days: flags.days,
    rows,
    seconds,
    secondsAMillion: (seconds * 1e6) / report.subscriberDays,
    cpuSeconds: (user + system) / 1e6,
    peakMiB: peak / 2 ** 20,
  };
}

/** The same policy with every threshold at nine tenths, so that there is something to compare. */
function stricter(file: PolicyFile): PolicyFile {
  const text = JSON.stringify(file, (key, value: unknown) =>
    key === 'value' && typeof value === 'number' ? value * 0.9 : value,
  );
  return JSON.parse(text) as PolicyFile;
}

function figuresText(figures: Figures): string {
  const { subscribers, days, rows, seconds, secondsAMillion, cpuSeconds, peakMiB } = figures;
  return (
    `${subscribers.toLocaleString('en')} subscribers x ${String(days)} days, ${rows.toLocaleString('en')} rows: ` +
    `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU here (ClickHouse apart), at most ${peakMiB.toFixed(0)} MiB\n` +
    `${secondsAMillion.toFixed(1)} s for 1,000,000 subscriber-days\n`
  );
}
