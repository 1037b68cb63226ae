import { join } from 'node:path';
import { ensureAdminKey } from '../api/admin-key.ts';
import { createApi } from '../api/server.ts';
import type { AppError } from '../schemas/errors.ts';
import type { HealthView, OverviewView } from '../schemas/views.ts';
import { ACTION_CHANNEL } from '../storage/postgres/ledger-statements.ts';
import { PostgresListener } from '../storage/postgres/listener.ts';
import { openLog } from './compose-log.ts';
import type { AccountingLog } from './compose-log.ts';
import { composeSimulation } from './compose-simulator.ts';
import type { Simulation } from './compose-simulator.ts';
import { openStores } from './compose-stores.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import type { ProcessRole } from './config/variables.ts';
import { CoaClient } from './dispatch/radius/coa-client.ts';
import { RadiusSink } from './dispatch/radius/radius-sink.ts';
import { RFC5080_RETRANSMISSION } from './dispatch/radius/retransmission.ts';
import { KindRouter, NoticeSink } from './dispatch/sinks.ts';
import { exportActions } from './flush/action-export.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { startLiveReport } from './live-line.ts';
import type { LiveAddresses, LiveScreen } from './live-line.ts';
import { BackPressure, buildPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { loadPolicies } from './policies/load-policies.ts';
import { Relay } from './relay/relay.ts';
import { Ticker } from './relay/ticks.ts';
import { every } from './schedule/every.ts';
import { startJobs } from './schedule/jobs.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './source/accounting-schema.ts';
import { WriterSchemaResolver } from './source/schema-registry.ts';
import type { Telemetry } from './telemetry.ts';
import { setGauges } from './telemetry/gauges.ts';
import { createObservers } from './telemetry/observers.ts';
import { timedStore } from './telemetry/timed-store.ts';
import { ProgressHealth } from './views/health.ts';
import { partitionViews, readOverview } from './views/overview.ts';
import { RateMeter } from './views/rate-meter.ts';
import { readSubscriber } from './views/subscriber-view.ts';

/** Intents waiting for the ledger at which a slot takes no more batches. */
const MAX_WAITING_INTENTS = 10_000;

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
interface Assembly {
  config: Config;
  around: Surroundings;
  stores: Stores;
  log: AccountingLog;
  pipeline: Pipeline;
  relay: Relay;
  simulation: Simulation | null;
  overview: () => Promise<OverviewView>;
  addresses: LiveAddresses & { api: string | null; metrics: string | null };
}

/**
 * Opens what the configuration names and puts the program together. The only place that sees both a port and its
 * adapters. Throws what opening throws; nothing stays open then.
 */
export async function compose(config: Config, around: Surroundings): Promise<Program> {
  const { log } = around.telemetry;
  let relay: Relay | null = null;
  const stores = await openStores(config, log, { relay: () => relay?.wake() }, around.onFatal);
  let accounting: AccountingLog | null = null;
  try {
    accounting = await openLog(config, stores.pool, log);
    const pipeline = await composePipeline(config, around.telemetry, stores, accounting);
    let simulation: Simulation | null = null;
    if (config.simulator !== null) {
      const { directory } = stores;
      simulation = await composeSimulation(
        config,
        config.simulator,
        directory,
        accounting.writer,
        log,
        around.onFatal,
      );
    }
    relay = composeRelay(around.telemetry, stores, accounting, simulation);
    const overview = overviewOf(config, around, stores, accounting, pipeline);
    const addresses = { api: null, metrics: null };
    return await programOf({
      config,
      around,
      stores,
      log: accounting,
      pipeline,
      relay,
      simulation,
      overview,
      addresses,
    });
  } catch (error) {
    await accounting?.close();
    await stores.close();
    throw error;
  }
}

async function composePipeline(
  config: Config,
  telemetry: Telemetry,
  stores: Stores,
  log: AccountingLog,
): Promise<Pipeline> {
  const schemas = new WriterSchemaResolver({
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    registryUrl: config.schemaRegistryUrl?.reveal() ?? null,
    maxRecordBytes: config.maxRecordBytes,
  });
  const { coa } = config;
  const radius = new RadiusSink({
    inventory: stores.inventory,
    client: new CoaClient({
      maxPortsPerNas: coa.portsPerNas,
      retransmission: {
        ...RFC5080_RETRANSMISSION,
        firstMs: coa.firstTimeoutMs,
        maxMs: coa.longestTimeoutMs,
        maxSends: coa.maxSends,
        maxDurationMs: coa.giveUpAfterMs,
      },
    }),
  });
  const notice = new NoticeSink((event) => telemetry.log.info({ notice: event }, 'notice'));
  const pipeline: Pipeline = buildPipeline(
    {
      source: log.source,
      deadLetters: log.deadLetters,
      store: timedStore(stores.store, telemetry.metrics),
      marks: stores.marks,
      ledger: stores.ledger,
      analytics: stores.analytics,
      sink: new KindRouter({ throttle: radius, restore: radius, notify: notice }),
      resolveSchemas: (batch) => schemas.resolve(batch),
    },
    createObservers(telemetry, { states: () => pipeline.worker.states, simulatedTime: config.simulatedTime }),
    {
      group: config.group,
      topic: config.topic,
      settings: {
        partitionCount: await log.source.partitionCount(),
        bucketCount: config.buckets,
        defaultZone: config.defaultZone,
      },
      maxRecordBytes: config.maxRecordBytes,
      maxWaitingIntents: MAX_WAITING_INTENTS,
    },
    { maxInFlight: coa.maxInFlight },
  );
  return pipeline;
}

function composeRelay(
  telemetry: Telemetry,
  stores: Stores,
  log: AccountingLog,
  simulation: Simulation | null,
): Relay {
  const { metrics } = telemetry;
  return new Relay({
    outbox: stores.outbox,
    log: log.writer,
    logger: telemetry.log,
    observer: {
      leading: (leads) => metrics.relayLeader.set(leads ? 1 : 0),
      relayed: (controls) => metrics.relayControls.inc(controls),
      refused: () => metrics.relayErrors.inc(),
      failed: () => metrics.relayErrors.inc(),
    },
    ...(simulation === null ? {} : { timeMs: () => simulation.provider.nowMs }),
  });
}

function overviewOf(
  config: Config,
  around: Surroundings,
  stores: Stores,
  log: AccountingLog,
  pipeline: Pipeline,
): () => Promise<OverviewView> {
  const startedAtMs = Date.now();
  const rate = new RateMeter();
  return () =>
    readOverview({
      version: around.version,
      startedAtMs,
      store: stores.store,
      ledger: stores.ledger,
      source: log.source,
      group: config.group,
      worker: has(config, 'worker') ? pipeline.worker : null,
      flusher: pipeline.flusher,
      rate,
      nowMs: Date.now,
    });
}

function has(config: Config, role: ProcessRole): boolean {
  return config.roles.includes(role);
}

async function programOf(assembly: Assembly): Promise<Program> {
  const { config } = assembly;
  const parts: LifecyclePart[] = [storesPart(assembly), metricsPart(assembly)];
  if (has(config, 'api')) parts.push(await apiPart(assembly));
  if (has(config, 'relay')) parts.push(relayPart(assembly));
  if (has(config, 'dispatcher')) parts.push(dispatcherPart(assembly));
  if (has(config, 'worker')) parts.push(workerPart(assembly));
  if (has(config, 'scheduler')) parts.push(schedulerPart(assembly));
  if (assembly.simulation !== null) parts.push(simulationPart(assembly.simulation));
  parts.push(livePart(assembly));
  return {
    parts,
    stopOrder: ['live line', 'simulated provider', 'scheduler', 'worker', 'relay', 'dispatcher', 'api'],
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

function metricsPart({ config, around, overview, addresses, simulation }: Assembly): LifecyclePart {
  const { telemetry } = around;
  let close = (): Promise<void> => Promise.resolve();
  return {
    name: 'metrics',
    start: async () => {
      telemetry.onScrape(async () => {
        const clockMs = simulation?.provider.nowMs ?? Date.now();
        setGauges(telemetry.metrics, await overview(), clockMs);
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
  overview,
  addresses,
}: Assembly): Promise<LifecyclePart> {
  const health = new ProgressHealth();
  const checkHealth = async (): Promise<HealthView> => {
    const worker = has(config, 'worker') ? pipeline.worker : null;
    return health.check(await partitionViews({ worker, source: log.source }), Date.now());
  };
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
      ready: checkHealth,
    },
    keys: stores.keys,
    log: around.telemetry.log,
    rateLimit: config.api.rateLimit,
    trustedProxies: config.api.trustedProxies,
  });
  return {
    name: 'api',
    start: async () => {
      const remake = config.databaseUrl === null;
      const { file, created } = await ensureAdminKey(stores.keys, config.adminKeyFile, { remake });
      around.telemetry.log.info(
        { file },
        created ? 'admin API key made: it is in this file' : 'admin API key is in this file',
      );
      addresses.api = await api.listen(config.api.host, config.api.port);
    },
    stop: () => api.close(),
  };
}

function relayPart({ config, around, stores, relay }: Assembly): LifecyclePart {
  const { log } = around.telemetry;
  return {
    name: 'relay',
    start: async () => {
      const { policies, refused } = await loadPolicies(config.policiesDir);
      for (const { file, faults } of refused)
        log.error({ file, faults }, 'policy file refused: what was in force stays');
      await stores.directory.putPolicies(policies);
      relay.start();
    },
    stop: () => relay.stop(),
  };
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
      await endExport();
      await exportActions(stores.ledger, stores.analytics);
      await pipeline.sink.close();
    },
  };
}

function complaintsOf(around: Surroundings): (error: unknown) => void {
  return (error) => around.telemetry.log.warn({ err: error }, 'a regular task failed; it comes again');
}

/** Reads, meters, commits. Its stop: no more fetches, what is in hand committed, flushed, then the group is left. */
function workerPart({ config, around, log, pipeline }: Assembly): LifecyclePart {
  const { worker, flusher } = pipeline;
  const { source } = log;
  const complain = complaintsOf(around);
  const pressure = new BackPressure(source, pipeline);
  const ticker = new Ticker(log.writer, () => worker.tickedSlots, Date.now);
  const ends: (() => Promise<void>)[] = [];
  return {
    name: 'worker',
    start: async () => {
      await source.start(worker);
      ends.push(every(1000, () => worker.checkOwnership(), complain));
      ends.push(every(100, () => pressure.beat(), complain));
      if (!config.simulatedTime) ends.push(every(1000, () => ticker.beat(), complain));
    },
    stop: async (graceMs) => {
      for (const end of ends) await end();
      for (const { partition } of worker.states) source.pause(partition);
      await worker.quiet(graceMs / 3);
      await flusher.drain(graceMs / 3);
      await source.stop();
    },
  };
}

function schedulerPart({ config, around, log, simulation }: Assembly): LifecyclePart {
  let end = (): Promise<void> => Promise.resolve();
  return {
    name: 'scheduler',
    start: () => {
      end = startJobs({
        trim: log.trim,
        retentionMs: config.logRetentionMs,
        nowMs: () => simulation?.provider.nowMs ?? Date.now(),
        log: around.telemetry.log,
      });
    },
    stop: () => end(),
  };
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
