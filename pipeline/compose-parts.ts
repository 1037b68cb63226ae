import { join } from 'node:path';
import { ensureAdminKey } from '../api/admin-key.ts';
import { createApi } from '../api/server.ts';
import type { AppError } from '../schemas/errors.ts';
import type { HealthView, OverviewView } from '../schemas/views.ts';
import { ACTION_CHANNEL } from '../storage/postgres/ledger-statements.ts';
import { PostgresListener } from '../storage/postgres/listener.ts';
import type { Billing } from './compose-billing.ts';
import { composeDeadLetters } from './compose-dead-letters.ts';
import { composeIngest } from './compose-ingest.ts';
import { adminSources, schedulerPart } from './compose-jobs.ts';
import type { AccountingLog } from './compose-log.ts';
import { policyFolderPart, policyReportsPart, policyViews } from './compose-policies.ts';
import type { Simulation } from './compose-simulator.ts';
import type { Stores } from './compose-stores.ts';
import { composeImports } from './compose-imports.ts';
import { tariffSources } from './compose-tariff-api.ts';
import { composeTimelines } from './compose-timelines.ts';
import { workerPart, workerSnapshotsPart } from './compose-worker.ts';
import type { Config } from './config.ts';
import type { ProcessRole } from './config/variables.ts';
import { exportActions } from './flush/action-export.ts';
import type { CoaClient } from './dispatch/radius/coa-client.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { startLiveReport } from './live-line.ts';
import type { LiveAddresses, LiveScreen } from './live-line.ts';
import type { BackPressure, Pipeline } from './pipeline.ts';
import type { Relay } from './relay/relay.ts';
import { every } from './schedule/every.ts';
import type { Telemetry } from './telemetry.ts';
import { setFeedGauges } from './telemetry/feed-gauges.ts';
import { setGauges, setOwnGauges, TotalsWatch } from './telemetry/gauges.ts';
import { readFeeds } from './views/feeds.ts';
import { ProgressHealth } from './views/health.ts';
import { KnownEnds } from './views/known-ends.ts';
import { partitionViews } from './views/overview.ts';
import { readSubscriber } from './views/subscriber-view.ts';

/** The program, composed and not yet started. */
export interface Program {
  parts: LifecyclePart[];
  /** where it differs from the reverse of the start: intake ends first, and what it left is stored */
  stopOrder: string[];
}

/** What the composition is given from outside. */
export interface Surroundings {
  version: string;
  telemetry: Telemetry;
  screen: LiveScreen;
  isTTY: boolean;
  /** something broke that cannot be mended while running */
  onFatal: (error: AppError | unknown) => void;
}

/** Everything that the parts share. */
export interface Assembly {
  config: Config;
  around: Surroundings;
  stores: Stores;
  log: AccountingLog;
  pipeline: Pipeline;
  pressure: BackPressure;
  coa: CoaClient;
  relay: Relay;
  billing: Billing;
  simulation: Simulation | null;
  overview: () => Promise<OverviewView>;
  addresses: LiveAddresses & { api: string | null; metrics: string | null };
}

export function has(config: Config, role: ProcessRole): boolean {
  return config.roles.includes(role);
}

/** The parts of the roles that the configuration gives this process, in order of start. */
export async function programOf(assembly: Assembly): Promise<Program> {
  const { config } = assembly;
  const parts: LifecyclePart[] = [storesPart(assembly), metricsPart(assembly)];
  if (has(config, 'api')) parts.push(await apiPart(assembly));
  if (has(config, 'relay')) parts.push(policyFolderPart(assembly), relayPart(assembly));
  if (has(config, 'dispatcher')) parts.push(dispatcherPart(assembly));
  parts.push(assembly.billing.part(has(config, 'dispatcher')));
  if (has(config, 'worker'))
    parts.push(
      workerPart(assembly, complaintsOf(assembly.around)),
      workerSnapshotsPart(assembly),
      policyReportsPart(assembly, complaintsOf(assembly.around)),
    );
  if (has(config, 'scheduler')) parts.push(schedulerPart(assembly));
  if (assembly.simulation !== null) parts.push(simulationPart(assembly.simulation));
  parts.push(livePart(assembly));
  return {
    parts,
    stopOrder: [
      'live line',
      'simulated provider',
      'scheduler',
      'snapshots',
      'policy reports',
      'worker',
      'policies folder',
      'relay',
      'dispatcher',
      'billing',
      'api',
    ],
  };
}

function storesPart({ stores, log }: Assembly): LifecyclePart {
  return {
    name: 'stores',
    stop: async () => {
      await log.close();
      await stores.close();
    },
  };
}

function metricsPart(assembly: Assembly): LifecyclePart {
  const { config, around, addresses, simulation, pipeline, coa, pressure } = assembly;
  const { telemetry } = around;
  const { metrics } = telemetry;
  const coaTotals = new TotalsWatch();
  let close = (): Promise<void> => Promise.resolve();
  return {
    name: 'metrics',
    start: async () => {
      telemetry.onScrape(async () => {
        metrics.actionsInFlight.set(pipeline.dispatcher.inFlight);
        metrics.partitionsPaused.set(pressure.pausedPartitions);
        for (const [event, total] of Object.entries(coa.counters)) {
          coaTotals.look(event, total, (rise) => metrics.coaPackets.inc({ event }, rise));
        }
        setFeedGauges(metrics, has(config, 'worker') ? pipeline.worker.states : []);
        setOwnGauges(metrics, pipeline);
        try {
          setGauges(metrics, await assembly.overview(), simulation?.provider.nowMs ?? Date.now());
        } catch (error) {
          // A server that is away must not blind those who watch: what needs it keeps its last values.
          telemetry.log.warn({ err: error }, 'no overview for the scrape');
        }
      });
      const server = await telemetry.serveMetrics(config.metrics.host, config.metrics.port);
      addresses.metrics = server.url;
      close = () => server.close();
    },
    stop: () => close(),
  };
}

async function apiPart({
  config,
  around,
  stores,
  log,
  pipeline,
  billing,
  simulation,
  overview,
  addresses,
}: Assembly): Promise<LifecyclePart> {
  const health = new ProgressHealth();
  const ends = new KnownEnds(log.source);
  const checkHealth = async (): Promise<HealthView> => {
    const worker = has(config, 'worker') ? pipeline.worker : null;
    return health.check(await partitionViews({ worker, source: ends }), Date.now());
  };
  const nowMs = (): number => simulation?.provider.nowMs ?? Date.now();
  const imports = composeImports(config, around.telemetry, stores, nowMs);
  const api = await createApi({
    views: {
      overview,
      subscriber: (id) =>
        readSubscriber(
          {
            store: stores.store,
            ledger: stores.ledger,
            analytics: stores.analytics,
            group: config.group,
            topic: config.topic,
            partitionCount: () => log.source.partitionCount(),
          },
          id,
        ),
      health: checkHealth,
      ready: async () => {
        const { problems } = await checkHealth();
        const faults = [...problems, ...(await unreachableStores(stores))];
        if (has(config, 'worker') && !(await ends.answers()))
          faults.push('the accounting log does not answer');
        return { ok: faults.length === 0, problems: faults };
      },
      feeds: (query) =>
        readFeeds(
          { analytics: stores.analytics, nowMs: () => simulation?.provider.nowMs ?? Date.now() },
          query,
        ),
      deadLetters: composeDeadLetters(config, stores.deadLetters),
      policies: policyViews({ config, stores, log }),
      timelines: composeTimelines(config, stores, log, () => simulation?.provider.nowMs ?? Date.now()),
    },
    intake: composeIngest(config, around.telemetry, stores, log),
    tariffs: tariffSources(config, stores, log, () => simulation?.provider.nowMs ?? Date.now()),
    keys: stores.keys,
    admin: adminSources(config, stores),
    billing: billing.sources,
    imports: imports.sources,
    directory: stores.directory,
    log: around.telemetry.log,
    rateLimit: config.api.rateLimit,
    keyRateLimit: config.api.keyRateLimit,
    trustedProxies: config.api.trustedProxies,
  });
  return {
    name: 'api',
    start: async () => {
      const remake = config.databaseUrl === null;
      const key = await ensureAdminKey(stores.keys, config.adminKeyFile, { remake });
      around.telemetry.log.info({ file: config.adminKeyFile }, ADMIN_KEY[key]);
      addresses.api = await api.listen(config.api.host, config.api.port);
      imports.start();
    },
    stop: async () => {
      await Promise.all([api.close(), imports.stop()]);
    },
  };
}

const ADMIN_KEY = {
  made: 'admin API key made: it is in this file',
  there: 'admin API key is in this file',
  elsewhere: 'the database has API keys already, none of them is in this file',
};

/** One line for each store that does not answer. */
async function unreachableStores({ pool, store }: Stores): Promise<string[]> {
  const asked = [
    { name: 'Postgres', answer: pool.query('select 1') },
    { name: 'the state store', answer: store.readHead({ group: '', topic: '', partition: 0 }) },
  ];
  const answers = await Promise.allSettled(asked.map(({ answer }) => answer));
  return asked
    .filter((_, i) => answers[i]?.status === 'rejected')
    .map(({ name }) => `${name} does not answer`);
}

function relayPart({ relay }: Assembly): LifecyclePart {
  return { name: 'relay', start: () => relay.start(), stop: () => relay.stop() };
}

function dispatcherPart({ around, stores, pipeline }: Assembly): LifecyclePart {
  const complain = complaintsOf(around);
  let endExport = (): Promise<void> => Promise.resolve();
  const listener = new PostgresListener(stores.pool, ACTION_CHANNEL, () => pipeline.dispatcher.wake());
  return {
    name: 'dispatcher',
    start: () => {
      pipeline.dispatcher.start();
      listener.start();
      endExport = every(
        1000,
        async () => void (await exportActions(stores.ledger, stores.analytics)),
        complain,
      );
    },
    stop: async (graceMs) => {
      await listener.stop();
      await pipeline.dispatcher.stop(graceMs / 2);
      await pipeline.sink.close();
      await endExport();
      try {
        await exportActions(stores.ledger, stores.analytics);
      } catch (error) {
        // Nothing is lost: what was not exported waits in the ledger for the next start.
        complain(error);
      }
    },
  };
}

function complaintsOf(around: Surroundings): (error: unknown) => void {
  return (error) => around.telemetry.log.warn({ err: error }, 'a regular task failed; it comes again');
}

function simulationPart(simulation: Simulation): LifecyclePart {
  return { name: 'simulated provider', start: () => simulation.start(), stop: () => simulation.stop() };
}

function livePart({ config, around, overview, addresses }: Assembly): LifecyclePart {
  let end = (): void => undefined;
  return {
    name: 'live line',
    start: () => {
      const { log } = around.telemetry;
      log.info({ ...addresses, data: join(config.dataDir), roles: config.roles }, 'Weir is running');
      end = startLiveReport({ screen: around.screen, isTTY: around.isTTY, overview, addresses, log });
    },
    stop: () => end(),
  };
}
