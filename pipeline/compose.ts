import { cacheRoom } from './commit/cache-room.ts';
import type { OverviewView } from '../schemas/views.ts';
import { composeBilling } from './compose-billing.ts';
import type { Billing } from './compose-billing.ts';
import { watchCycles } from './compose-cycles.ts';
import { watchOutbox } from './compose-imports.ts';
import { openLog } from './compose-log.ts';
import type { AccountingLog } from './compose-log.ts';
import { composeSimulation } from './compose-simulator.ts';
import type { Simulation } from './compose-simulator.ts';
import { openStores } from './compose-stores.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { BillingSink } from './dispatch/billing-sink.ts';
import { CoaClient } from './dispatch/radius/coa-client.ts';
import { RadiusSink } from './dispatch/radius/radius-sink.ts';
import { RFC5080_RETRANSMISSION } from './dispatch/radius/retransmission.ts';
import { KindRouter, NoticeSink } from './dispatch/sinks.ts';
import { BackPressure, buildPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { Relay } from './relay/relay.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './source/accounting-schema.ts';
import { WriterSchemaResolver } from './source/schema-registry.ts';
import type { Telemetry } from './telemetry.ts';
import { createObservers } from './telemetry/observers.ts';
import { timedStore } from './telemetry/timed-store.ts';
import { readOverview } from './views/overview.ts';
import { RateMeter } from './views/rate-meter.ts';
import { has, programOf } from './compose-parts.ts';
import type { Program, Surroundings } from './compose-parts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Intents waiting for the ledger at which a slot takes no more batches. */
const MAX_WAITING_INTENTS = 10_000;

/**
 * Opens what the configuration names and puts the program together. The only place that sees both a port and its
 * adapters. Throws what opening throws; nothing stays open then.
 */
export async function compose(config: Config, around: Surroundings): Promise<Program> {
  const { log } = around.telemetry;
  let relay: Relay | null = null;
  const stores = await openStores(config, around.telemetry, { relay: () => relay?.wake() }, around.onFatal);
  let accounting: AccountingLog | null = null;
  let billing: Billing | null = null;
  try {
    accounting = await openLog(config, stores.pool, log);
    const coa = coaClient(config);
    let simulation: Simulation | null = null;
    const nowMs = (): number => simulation?.provider.nowMs ?? Date.now();
    const pipeline = await composePipeline(config, around.telemetry, stores, accounting, coa, nowMs);
    if (config.simulator !== null) {
      simulation = await composeSimulation(
        config,
        config.simulator,
        stores,
        accounting.writer,
        log,
        around.onFatal,
      );
    }
    relay = composeRelay(around.telemetry, stores, accounting, simulation);
    billing = await composeBilling(config, around.telemetry, stores);
    watchCycles(around.telemetry, stores.pool);
    if (has(config, 'relay')) watchOutbox(around.telemetry, stores.tariffReads);
    const overview = overviewOf(config, around, stores, accounting, pipeline);
    const addresses = { api: null, metrics: null };
    return await programOf({
      config,
      around,
      stores,
      log: accounting,
      pipeline,
      pressure: new BackPressure(accounting.source, pipeline),
      coa,
      relay,
      billing,
      simulation,
      overview,
      addresses,
    });
  } catch (error) {
    await billing?.close();
    await accounting?.close();
    await stores.close();
    throw error;
  }
}

function coaClient({ coa }: Config): CoaClient {
  return new CoaClient({
    maxPortsPerNas: coa.portsPerNas,
    retransmission: {
      ...RFC5080_RETRANSMISSION,
      firstMs: coa.firstTimeoutMs,
      maxMs: coa.longestTimeoutMs,
      maxSends: coa.maxSends,
      maxDurationMs: coa.giveUpAfterMs,
    },
  });
}

async function composePipeline(
  config: Config,
  telemetry: Telemetry,
  stores: Stores,
  log: AccountingLog,
  coa: CoaClient,
  nowMs: () => number,
): Promise<Pipeline> {
  const schemas = new WriterSchemaResolver({
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    registryUrl: config.schemaRegistryUrl?.reveal() ?? null,
    maxRecordBytes: config.maxRecordBytes,
  });
  const radius = new RadiusSink({ inventory: stores.inventory, client: coa });
  const billing = new BillingSink({ items: stores.billingItems, tariffs: stores.tariffs, nowMs });
  const notice = new NoticeSink((event) => telemetry.log.info({ notice: event }, 'notice'));
  const pipeline: Pipeline = buildPipeline(
    {
      source: log.source,
      writer: log.writer,
      store: timedStore(stores.store, telemetry.metrics),
      marks: stores.marks,
      ledger: stores.ledger,
      analytics: stores.analytics,
      sink: new KindRouter({
        throttle: radius,
        restore: radius,
        block: radius,
        redirect: radius,
        hold: radius,
        boost: radius,
        notify: notice,
        overage: billing,
        topup: billing,
      }),
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
        acceptLatenessMs: config.acceptLatenessDays * DAY_MS,
        cycleCloseGraceMs: config.cycleCloseGraceHours * HOUR_MS,
      },
      maxRecordBytes: config.maxRecordBytes,
      maxWaitingIntents: MAX_WAITING_INTENTS,
      cachedSubscribers: (due) => cacheRoom(config.cachedSubscribers, due),
      policyCrossCheckRate: config.policyCrossCheckRate,
      simulatedTime: config.simulatedTime,
    },
    {
      maxInFlight: config.coa.maxInFlight,
      // A claim outlives an attempt, and an attempt the last repeat of its CoA.
      sendTimeoutMs: Math.ceil(config.coa.giveUpAfterMs * 1.5),
      leaseMs: Math.ceil(config.coa.giveUpAfterMs * 2),
    },
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
