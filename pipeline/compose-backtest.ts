import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import type { Logger } from 'pino';
import { confirmRule } from '../rules/confirm.ts';
import type { PolicyFile, PolicyInForce, PolicyVersion } from '../schemas/policy.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import { connectClickHouse } from '../storage/clickhouse/connection.ts';
import { openEmbeddedClickHouse } from '../storage/clickhouse/embedded.ts';
import type { PolicyHead } from '../storage/policy-ports.ts';
import { PostgresPolicyStore } from '../storage/postgres/policy-store.ts';
import { PostgresProfilePages } from '../storage/postgres/profile-pages.ts';
import { reportOf } from './backtest/report.ts';
import type { AgainstWhat, BacktestReport, Explain } from './backtest/report.ts';
import { assertRange, runBacktest } from './backtest/run-backtest.ts';
import type { BacktestProgress, BacktestSources } from './backtest/run-backtest.ts';
import type { Resolution } from './backtest/task.ts';
import { openMigrated } from './compose-admin.ts';
import type { Config } from './config.ts';
import { policyVersion } from './policies/policy-version.ts';

/** A checked policy file, and the settings that lie beside it. */
export interface NamedPolicy {
  file: string;
  policy: PolicyFile;
  /** null = none lie there: those in force hold */
  provider: ProviderSettings | null;
}

/** What a backtest is asked for. Instants are ms since 1970 UTC. */
export interface BacktestCommand {
  draft: NamedPolicy;
  against: 'live' | 'none' | NamedPolicy;
  fromMs: number;
  toMs: number;
  resolution: Resolution | null;
  sample: number | null;
  /** null = one a core, at most 8 */
  threads: number | null;
  onProgress: (progress: BacktestProgress) => void;
}

/** Subscribers of each kind of difference that the report tells all of. */
const EXPLAINED = 8;
const MOST_THREADS = 8;

type Closers = (() => Promise<void>)[];

/**
 * Opens the directory and analytics that the configuration names, for reading, and replays what is stored. Beside running
 * processes where both are servers; what lies in a data folder is opened when no process holds that.
 *
 * @throws AppError 'invalid-input', 'not-found' (as runBacktest), 'data-folder-in-use', 'migration-failed', 'unreachable',
 *   'analytics-failed'
 */
export async function backtest(
  config: Config,
  logger: Logger,
  command: BacktestCommand,
): Promise<BacktestReport> {
  assertRange(command.fromMs, command.toMs);
  const closers: Closers = [];
  try {
    const { pool, sources } = await openSources(config, logger, closers);
    const store = new PostgresPolicyStore(pool);
    const inForce = (await store.settings())?.settings ?? NO_PROVIDER_SETTINGS;
    const live = liveOf(await store.heads());
    const { draft, fromMs, toMs, resolution, sample, onProgress } = command;
    const version = enforced(draft.policy);
    const against = againstOf(command.against, live);
    const result = await runBacktest(
      {
        ...{ fromMs, toMs, resolution, sample, onProgress },
        // Beside the live ones the draft takes the place of its namesake; the others stay.
        draft: new Map([
          ...(command.against === 'live' ? live : []),
          [version.policyId, { base: version, candidate: null }],
        ]),
        against: against.policies,
        provider: { draft: draft.provider ?? inForce, against: against.provider ?? inForce },
        defaultZone: config.defaultZone,
        explained: EXPLAINED,
        threads: command.threads ?? Math.min(availableParallelism(), MOST_THREADS),
      },
      sources,
    );
    const name = {
      file: draft.file,
      policyId: version.policyId,
      description: draft.policy.description,
      version: policyVersion(draft.policy).version,
    };
    return await reportOf(result, name, against.told, explain);
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}

const explain: Explain = async ({ evidence }) =>
  evidence === null
    ? { holds: false, results: [] }
    : confirmRule(evidence.conditions, evidence.facts, evidence.named);

/** For everybody whom it is for, whatever its mode. */
function enforced(file: PolicyFile): PolicyVersion {
  const { percent: _percent, ...rest } = file;
  return policyVersion({ ...rest, mode: 'enforce' });
}

/** What acts: a candidate in shadow does not. */
function liveOf(heads: readonly PolicyHead[]): Map<string, PolicyInForce> {
  const plain = (stored: PolicyVersion | undefined): PolicyVersion | null =>
    stored === undefined ? null : { policyId: stored.policyId, version: stored.version, file: stored.file };
  const live = new Map<string, PolicyInForce>();
  for (const { policyId, base, candidate } of heads) {
    const acting = candidate?.version.file.mode === 'percent' ? candidate.version : undefined;
    if (base === null && acting === undefined) continue;
    live.set(policyId, { base: plain(base?.version), candidate: plain(acting) });
  }
  return live;
}

interface Against {
  policies: ReadonlyMap<string, PolicyInForce>;
  /** null = those in force */
  provider: ProviderSettings | null;
  told: AgainstWhat;
}

function againstOf(against: BacktestCommand['against'], live: ReadonlyMap<string, PolicyInForce>): Against {
  if (against === 'none')
    return { policies: new Map(), provider: null, told: { kind: 'none', file: '', policies: [] } };
  if (against === 'live') {
    const policies = [...live.values()].flatMap(({ base, candidate }) =>
      [base, candidate].flatMap((one) =>
        one === null || one.file.mode === 'off' ? [] : [{ policyId: one.policyId, version: one.version }],
      ),
    );
    return { policies: live, provider: null, told: { kind: 'live', file: '', policies } };
  }
  const version = enforced(against.policy);
  const { policyId } = version;
  const told = {
    kind: 'file' as const,
    file: against.file,
    policies: [{ policyId, version: policyVersion(against.policy).version }],
  };
  const policies = new Map([[policyId, { base: version, candidate: null }]]);
  return { policies, provider: against.provider, told };
}

async function openSources(
  config: Config,
  logger: Logger,
  closers: Closers,
): Promise<{ pool: pg.Pool; sources: BacktestSources }> {
  const needsFolder = config.databaseUrl === null || config.clickhouseUrl === null;
  const pool = await openMigrated(config, logger, needsFolder, closers);
  const isEmbedded = config.clickhouseUrl === null;
  const usage =
    config.clickhouseUrl === null
      ? await openEmbeddedClickHouse(join(config.dataDir, 'clickhouse'))
      : await connectClickHouse(config.clickhouseUrl.reveal());
  closers.push(() => usage.close());
  if (isEmbedded) await usage.migrate();
  const sources = { profiles: new PostgresProfilePages(pool), usage, reads: isEmbedded ? 1 : 2 };
  return { pool, sources };
}
