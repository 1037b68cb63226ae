import { join } from 'node:path';
import type { Logger } from 'pino';
import type { AppError } from '../schemas/errors.ts';
import { connectClickHouse } from '../storage/clickhouse/connection.ts';
import { openEmbeddedClickHouse } from '../storage/clickhouse/embedded.ts';
import { lockDataFolder } from '../storage/data-folder.ts';
import type { DataFolderLock } from '../storage/data-folder.ts';
import type {
  ApiKeys,
  BillingItems,
  ControlOutbox,
  DeadLetters,
  Directory,
  SubscriberLookup,
  UsageRecords,
} from '../storage/people-ports.ts';
import type { Analytics } from '../storage/analytics-ports.ts';
import type { SubscriberHistory } from '../storage/history-ports.ts';
import type { PolicyReports, PolicyStore, ShadowDecisions } from '../storage/policy-ports.ts';
import type { TariffReads, TariffStore } from '../storage/tariff-ports.ts';
import type { ActionLedger, NasInventory, SlotMarks, StateStore } from '../storage/ports.ts';
import { PostgresApiKeys } from '../storage/postgres/api-keys.ts';
import { PostgresBillingItems } from '../storage/postgres/billing-items.ts';
import { PostgresControlOutbox } from '../storage/postgres/control-outbox.ts';
import { CycleClose } from '../storage/postgres/cycle-close.ts';
import { PostgresDeadLetters } from '../storage/postgres/dead-letters.ts';
import { PostgresDirectory } from '../storage/postgres/directory.ts';
import { startEmbeddedPostgres } from '../storage/postgres/embedded.ts';
import { PostgresActionLedger } from '../storage/postgres/ledger.ts';
import { migrate } from '../storage/postgres/migrate.ts';
import { PostgresNasInventory } from '../storage/postgres/nas-inventory.ts';
import { PostgresPolicyReports } from '../storage/postgres/policy-reports.ts';
import { PostgresPolicyStore } from '../storage/postgres/policy-store.ts';
import { connectPostgres } from '../storage/postgres/pool.ts';
import { readOrCreateSecretKey, SecretBox } from '../storage/postgres/secret-box.ts';
import { PostgresShadowDecisions } from '../storage/postgres/shadow-decisions.ts';
import { PostgresSlotMarks } from '../storage/postgres/slot-marks.ts';
import { PostgresSubscriberHistory } from '../storage/postgres/subscriber-history.ts';
import { PostgresSubscriberLookup } from '../storage/postgres/subscriber-lookup.ts';
import { PostgresStateStore } from '../storage/postgres/state-store.ts';
import { PostgresUsageRecords } from '../storage/postgres/usage-records.ts';
import { RedisStateStore } from '../storage/redis/state-store.ts';
import type pg from 'pg';
import { tariffStores } from './compose-tariffs.ts';
import type { Config } from './config.ts';
import type { Telemetry } from './telemetry.ts';

/** Everything that is stored, behind its ports. */
export interface Stores {
  pool: pg.Pool;
  store: StateStore;
  marks: SlotMarks;
  ledger: ActionLedger;
  directory: Directory;
  policies: PolicyStore;
  policyReports: PolicyReports;
  shadows: ShadowDecisions;
  deadLetters: DeadLetters;
  lookup: SubscriberLookup;
  history: SubscriberHistory;
  records: UsageRecords;
  outbox: ControlOutbox;
  inventory: NasInventory;
  keys: ApiKeys;
  billingItems: BillingItems;
  tariffs: TariffStore;
  tariffReads: TariffReads;
  analytics: Analytics;
  /** Closes all of it in the right order; the data folder last. Idempotent. */
  close(): Promise<void>;
}

/** What of the composition wakes up when something was stored in this process. */
export interface Wakes {
  relay: () => void;
}

/**
 * Opens the stores that the configuration names, the embedded ones where it names none, and brings their tables up to
 * date. Whatever was opened is closed again when a later one fails.
 */
export async function openStores(
  config: Config,
  telemetry: Pick<Telemetry, 'log' | 'metrics'>,
  wakes: Wakes,
  onFatal: (error: AppError) => void,
): Promise<Stores> {
  const { log } = telemetry;
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
      // One that fails must not leave the others open, the folder's lock last of all.
      await close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    if (needsDataFolder(config)) {
      const lock: DataFolderLock = await lockDataFolder(config.dataDir, onFatal);
      closers.push(() => lock.release());
    }
    const pool = await openPostgres(config, log, onFatal, closers);
    if (config.migrateOnStart || config.databaseUrl === null) {
      const { applied } = await migrate(pool);
      if (applied.length > 0) log.info({ applied }, 'database tables brought up to date');
    }
    const analytics =
      config.clickhouseUrl === null
        ? await openEmbeddedClickHouse(join(config.dataDir, 'clickhouse'))
        : await connectClickHouse(config.clickhouseUrl.reveal());
    closers.push(() => analytics.close());
    await analytics.migrate();
    const store = openState(config, pool, log);
    closers.push(() => store.close());
    await store.verify();
    const box = new SecretBox(await secretKey(config));
    return {
      pool,
      store,
      marks: new PostgresSlotMarks(pool),
      ledger: new PostgresActionLedger(pool, Date.now, moneyAtClose(telemetry)),
      directory: new PostgresDirectory(pool, box, wakes.relay, config.defaultCurrency),
      policies: new PostgresPolicyStore(pool, wakes.relay),
      policyReports: new PostgresPolicyReports(pool, config.group, config.topic),
      shadows: new PostgresShadowDecisions(pool),
      deadLetters: new PostgresDeadLetters(pool, config.topic, wakes.relay),
      lookup: new PostgresSubscriberLookup(pool),
      history: new PostgresSubscriberHistory(pool),
      records: new PostgresUsageRecords(pool),
      outbox: new PostgresControlOutbox(pool, wakes.relay),
      inventory: new PostgresNasInventory(pool, box),
      keys: new PostgresApiKeys(pool),
      billingItems: new PostgresBillingItems(pool),
      ...tariffStores(config, pool, telemetry, wakes.relay),
      analytics,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Makes the items of cycles as they close; what it cannot make waits for the job that tries again. */
function moneyAtClose({ log, metrics }: Pick<Telemetry, 'log' | 'metrics'>): CycleClose {
  return new CycleClose((error, { subscriberId, cycleStartMs }) => {
    metrics.closeFailures.inc();
    log.error({ err: error, subscriberId, cycleStartMs }, 'a closed cycle could not be itemised');
  });
}

/** True where this process keeps something in the data folder that two processes must not share. */
function needsDataFolder(config: Config): boolean {
  return config.databaseUrl === null || config.clickhouseUrl === null || config.simulator !== null;
}

async function openPostgres(
  config: Config,
  log: Logger,
  onFatal: (error: AppError) => void,
  closers: (() => Promise<void>)[],
): Promise<pg.Pool> {
  let target: string | pg.PoolConfig;
  if (config.databaseUrl === null) {
    const embedded = await startEmbeddedPostgres(join(config.dataDir, 'postgres'), onFatal);
    closers.push(() => embedded.close());
    target = embedded.connection;
  } else target = config.databaseUrl.reveal();
  const pool = await connectPostgres(target, log);
  closers.push(() => pool.end());
  return pool;
}

/** The state store that the configuration names; not verified yet. */
export function openState(config: Config, pool: pg.Pool, log: Logger): StateStore {
  if (config.redis === null) return new PostgresStateStore(pool);
  return new RedisStateStore({ url: config.redis.url.reveal(), allowUnsafe: config.redis.allowUnsafe, log });
}

async function secretKey(config: Config): Promise<Buffer> {
  if (config.secretKey !== null) return Buffer.from(config.secretKey.reveal(), 'hex');
  return readOrCreateSecretKey(join(config.dataDir, 'secret-key'));
}
