import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { PostgresDirectory } from '../../storage/postgres/directory.ts';
import { PostgresItemBook } from '../../storage/postgres/item-book.ts';
import { migrate } from '../../storage/postgres/migrate.ts';
import { SecretBox } from '../../storage/postgres/secret-box.ts';
import { postgresTariffs } from '../../storage/postgres/tariff-store.ts';
import type { TariffStore } from '../../storage/tariff-ports.ts';
import { AccountingTopic } from '../../tests/flow/accounting-topic.ts';
import { NasRecorder } from '../../tests/flow/nas-recorder.ts';
import { makeDatabases } from '../../tests/flow/servers.ts';
import { SlotReader } from '../../tests/flow/slot-reader.ts';
import type { Workload } from '../../tests/flow/workload.ts';
import type { ChaosServers } from './chaos-servers.ts';
import { Fleet } from './fleet.ts';
import type { SlotWatch } from './injector.ts';
import { chaosPools } from './tariff-changes.ts';

const POLICIES = fileURLToPath(new URL('policies', import.meta.url));
/** Longest wait for an answer of a server that may be dead. */
const LOOK_MS = 3_000;

/** Of a bed. */
export interface BedOptions {
  partitions: number;
  workers: number;
  program: string;
  /** folder for the workers' logs; kept after the run */
  logDir: string;
}

/**
 * One provider on the run's servers: topic, databases, directory, NAS, workers. What looks at the slots here goes to the
 * servers directly, past the faults of the workers' connections.
 */
export class ChaosBed implements SlotWatch {
  readonly name: string;
  readonly topic: AccountingTopic;
  readonly nas = new NasRecorder();
  readonly slots: SlotReader;
  readonly pool: pg.Pool;
  readonly directory: PostgresDirectory;
  readonly tariffs: TariffStore;
  readonly clickhouseUrl: string;
  readonly databaseUrl: string;
  readonly fleet: Fleet;
  /** of a process that reaches the servers directly */
  readonly env: Readonly<Record<string, string>>;

  private constructor(parts: {
    servers: ChaosServers;
    topic: AccountingTopic;
    fleet: Fleet;
    databases: { databaseUrl: string; clickhouseUrl: string };
    secretKey: Buffer;
    env: Readonly<Record<string, string>>;
  }) {
    const { topic, databases } = parts;
    this.name = topic.name;
    this.topic = topic;
    this.fleet = parts.fleet;
    this.env = parts.env;
    this.slots = new SlotReader(parts.servers.addresses.redisUrl, topic.name, topic.name, topic.partitions);
    this.clickhouseUrl = databases.clickhouseUrl;
    this.databaseUrl = databases.databaseUrl;
    this.pool = new pg.Pool({ connectionString: databases.databaseUrl, max: 4, query_timeout: LOOK_MS });
    // Postgres is killed on purpose; whoever asks it then gets the error.
    this.pool.on('error', () => undefined);
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    this.directory = new PostgresDirectory(this.pool, new SecretBox(parts.secretKey));
    this.tariffs = postgresTariffs(this.pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' });
  }

  /** Makes everything, fills the directory as a provider's would be, starts nobody. */
  static async open(servers: ChaosServers, workload: Workload, options: BedOptions): Promise<ChaosBed> {
    const name = `chaos-${randomBytes(4).toString('hex')}`;
    const { addresses } = servers;
    const databases = await makeDatabases(addresses);
    const secretKey = randomBytes(32);
    await mkdir(options.logDir, { recursive: true });
    const env = {
      KAFKA_BROKERS: addresses.brokers,
      KAFKA_TOPIC: name,
      KAFKA_GROUP: name,
      REDIS_URL: addresses.redisUrl,
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      WEIR_SIMULATED_TIME: 'on',
      WEIR_SIMULATOR: 'off',
      WEIR_POLICIES_DIR: POLICIES,
      WEIR_SECRET_KEY: secretKey.toString('hex'),
      // A killed or frozen process's claims are free again after twice this.
      RADIUS_COA_GIVE_UP_AFTER: '5',
    };
    const { workers, program, logDir } = options;
    const adopt = (child: ChildProcess): void => servers.adopt(child);
    const fleet = await Fleet.open({ workers, program, dir: join(logDir, name), env, adopt });
    const topic = await AccountingTopic.make(addresses.brokers, name, options.partitions);
    const bed = new ChaosBed({ servers, topic, fleet, databases, secretKey, env });
    await bed.slots.open();
    await bed.#fillDirectory(workload);
    return bed;
  }

  /** Next offset of each partition as Redis holds it. @throws while it does not answer */
  positions(): Promise<number[]> {
    return withinMs(this.slots.positions(), LOOK_MS);
  }

  /** End of each partition. @throws while the broker does not answer */
  ends(): Promise<number[]> {
    return withinMs(this.topic.ends(), LOOK_MS);
  }

  /** Slot marks of each partition; null where Postgres does not answer. */
  async marks(): Promise<(number | null)[]> {
    const { rows } = await this.pool
      .query<{ partition: number; position: string }>(
        'select partition, position from slot_mark where topic = $1',
        [this.name],
      )
      .catch(() => ({ rows: [] }));
    return Array.from({ length: this.topic.partitions }, (_, partition) => {
      const row = rows.find((each) => each.partition === partition);
      return row === undefined ? null : Number(row.position);
    });
  }

  /** True when everything that people changed is in the log. */
  async relayed(): Promise<boolean> {
    const { rows } = await this.pool.query<{ done: boolean }>(
      'select exists (select from policy) and not exists (select from control_outbox) as done',
    );
    return rows[0]?.done === true;
  }

  /** Actions that have not ended. */
  async openActions(): Promise<number> {
    const { rows } = await this.pool.query<{ open: number }>(
      `select count(*)::int as open from action where state in ('pending', 'sending', 'unknown')`,
    );
    return rows[0]?.open ?? 0;
  }

  async close(): Promise<void> {
    await this.fleet.close();
    await this.nas.stop();
    await this.slots.close();
    await this.pool.end();
    // The servers end with the run; one that is dead by now must not hide why.
    await this.topic.drop().catch(() => undefined);
  }

  async #fillDirectory({ plans, nas, profiles }: Workload): Promise<void> {
    await migrate(this.pool);
    const accesses = await this.nas.start(nas);
    await this.directory.putPlans(plans);
    await this.directory.putNas(nas.map(({ profile }, i) => ({ profile, access: accesses[i] ?? null })));
    await this.directory.putPools(chaosPools(profiles));
    await this.directory.putSubscribers(profiles);
  }
}

async function withinMs<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${String(ms)} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
