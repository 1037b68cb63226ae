import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePorts } from '../../dev/processes/ports.ts';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import type { ProcessRole } from '../../pipeline/config/variables.ts';
import { BillingServer } from '../../simulator/billing/server.ts';
import { PostgresDirectory } from '../../storage/postgres/directory.ts';
import { migrate } from '../../storage/postgres/migrate.ts';
import { SecretBox } from '../../storage/postgres/secret-box.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { AccountingTopic } from './accounting-topic.ts';
import { BulkWriter } from './bulk-writer.ts';
import { dropSlots, makeDatabases, serversOf } from './servers.ts';
import type { FlowServers, ScratchDatabases } from './servers.ts';
import { SlotReader } from './slot-reader.ts';
import { WeirProcess } from './weir-process.ts';

/** Of the topic of every run of tariffs. */
export const PARTITIONS = 4;
const BILLING_KEY = 'a-key-of-the-billing-server';

/** How a run is made. */
export interface TariffRunOptions {
  policiesDir: string;
  /** put over the program's */
  env?: Readonly<Record<string, string>>;
  /** by the clock, with ticks, instead of by the stamps of what is appended */
  realTime?: boolean;
  /** addresses of the servers; default: this process's environment */
  on?: Readonly<Record<string, string | undefined>>;
}

/** An answer of the API. */
export interface Answered {
  status: number;
  body: unknown;
}

/** What is sent with a request: JSON, or a file as it is; and headers. */
export interface Sent {
  json?: unknown;
  file?: { type: string; text: string };
  headers?: Readonly<Record<string, string>>;
}

/**
 * A provider whose program runs as several processes by role, with a billing system of its own, on real servers. The log's
 * clock is the stamp of what is appended, so a test says by its records what time it is.
 */
export class TariffRun {
  readonly topic: AccountingTopic;
  readonly slots: SlotReader;
  readonly pool: pg.Pool;
  readonly directory: PostgresDirectory;
  readonly brokers: string;
  readonly billing: BillingServer;
  /** base address of the billing server, and its key */
  readonly peer: { url: string; key: string };
  readonly #servers: FlowServers;
  readonly #databases: ScratchDatabases;
  readonly #dir: string;
  readonly #writer: BulkWriter;
  readonly #env: Readonly<Record<string, string>>;
  readonly #processes: WeirProcess[] = [];
  readonly #apiPort: number;

  private constructor(parts: {
    secretKey: Buffer;
    topic: AccountingTopic;
    billing: BillingServer;
    url: string;
    servers: FlowServers;
    databases: ScratchDatabases;
    dir: string;
    writer: BulkWriter;
    apiPort: number;
    env: Readonly<Record<string, string>>;
  }) {
    const { topic, servers, databases } = parts;
    this.topic = topic;
    this.slots = new SlotReader(servers.redisUrl, topic.name, topic.name, topic.partitions);
    this.pool = new pg.Pool({ connectionString: databases.databaseUrl, max: 4 });
    this.directory = new PostgresDirectory(this.pool, new SecretBox(parts.secretKey));
    this.brokers = servers.brokers;
    this.billing = parts.billing;
    this.peer = { url: parts.url, key: BILLING_KEY };
    this.#servers = servers;
    this.#databases = databases;
    this.#dir = parts.dir;
    this.#writer = parts.writer;
    this.#apiPort = parts.apiPort;
    this.#env = parts.env;
  }

  /** Makes everything but the program. */
  static async open({ policiesDir, env = {}, realTime = false, on }: TariffRunOptions): Promise<TariffRun> {
    const servers = serversOf(on ?? process.env);
    const name = `tariff-${randomBytes(6).toString('hex')}`;
    const stamps = realTime ? 'LogAppendTime' : 'CreateTime';
    const topic = await AccountingTopic.make(servers.brokers, name, PARTITIONS, stamps);
    const writer = new BulkWriter({ broker: servers.brokers, topic: name, partitions: PARTITIONS });
    await writer.open();
    const billing = new BillingServer({ key: BILLING_KEY });
    const [url, databases] = [await billing.listen(), await makeDatabases(servers)];
    const dir = await mkdtemp(join(tmpdir(), 'weir-tariffs-'));
    const [apiPort = 0] = await freePorts(1);
    const secretKey = randomBytes(32);
    const run = new TariffRun({
      ...{ secretKey, topic, billing, url, servers, databases, dir, writer, apiPort },
      env: {
        KAFKA_BROKERS: servers.brokers,
        KAFKA_TOPIC: name,
        KAFKA_GROUP: name,
        REDIS_URL: servers.redisUrl,
        DATABASE_URL: databases.databaseUrl,
        CLICKHOUSE_URL: databases.clickhouseUrl,
        BILLING_API_URL: url,
        BILLING_API_KEY: BILLING_KEY,
        WEIR_SIMULATED_TIME: realTime ? 'off' : 'on',
        WEIR_SIMULATOR: 'off',
        WEIR_POLICIES_DIR: policiesDir,
        WEIR_SECRET_KEY: secretKey.toString('hex'),
        WEIR_ADMIN_KEY_FILE: join(dir, 'admin-key'),
        WEIR_API_PORT: String(apiPort),
        WEIR_API_RATE_LIMIT: '100000',
        WEIR_API_KEY_RATE_LIMIT: '100000',
        ...env,
      },
    });
    await migrate(run.pool);
    await run.slots.open();
    return run;
  }

  /** Starts a process that does these parts of the work. */
  async start(...roles: ProcessRole[]): Promise<WeirProcess> {
    const [metricsPort = 0] = await freePorts(1);
    const dataDir = join(this.#dir, `data-${String(this.#processes.length)}`);
    await mkdir(dataDir);
    const process = new WeirProcess({
      ...this.#env,
      WEIR_ROLES: roles.join(','),
      WEIR_DATA_DIR: dataDir,
      WEIR_METRICS_PORT: String(metricsPort),
    });
    this.#processes.push(process);
    return process;
  }

  /** Asks the API. Never throws for an answer of it. */
  async ask(method: string, path: string, { json, file, headers = {} }: Sent = {}): Promise<Answered> {
    const key = (await readFile(join(this.#dir, 'admin-key'), 'utf8')).trim();
    const content =
      file ?? (json === undefined ? null : { type: 'application/json', text: JSON.stringify(json) });
    const response = await fetch(`http://127.0.0.1:${String(this.#apiPort)}${path}`, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${key}`,
        ...(content === null ? {} : { 'content-type': content.type }),
      },
      ...(content === null ? {} : { body: content.text }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  }

  /** Asks the API for what it must grant. @throws Error with what it said where it does not */
  async granted(method: string, path: string, sent: Sent = {}): Promise<unknown> {
    const { status, body } = await this.ask(method, path, sent);
    if (status < 300) return body;
    const printed = status < 500 ? '' : `\n${this.#printed()}`;
    throw new Error(`${method} ${path}: ${String(status)} ${JSON.stringify(body)}${printed}`);
  }

  /** Appends to the accounting log. */
  async append(entries: Iterable<LogAppend>): Promise<void> {
    for (const entry of entries) if (this.#writer.add(entry)) await this.#writer.drain();
    await this.#writer.flush();
  }

  /** The first row of a statement that gives one. */
  async row<R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<R> {
    const { rows } = await this.pool.query<R>(sql, [...values]);
    const [first] = rows;
    if (first === undefined) throw new Error(`no row: ${sql}`);
    return first;
  }

  /** True while something in the run's database waits for a lock of somebody else. */
  async isBlocked(): Promise<boolean> {
    const { blocked } = await this.row<{ blocked: boolean }>(
      `select exists (select from pg_stat_activity
        where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0) as blocked`,
    );
    return blocked;
  }

  /** Resolves when the log holds all changes, and the slots are at its end. */
  async read(timeoutMs: number): Promise<void> {
    await this.until(
      'everything is read',
      async () => {
        const { waiting } = await this.row<{ waiting: boolean }>(
          'select exists (select from control_outbox) as waiting',
        );
        if (waiting) return false;
        const [ends, positions] = [await this.topic.ends(), await this.slots.positions()];
        return ends.every((end, partition) => (positions[partition] ?? 0) >= end);
      },
      timeoutMs,
    );
  }

  /** Waits for a condition; fails with what the processes printed, at once where one ended that nobody killed. */
  async until(what: string, condition: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const ended = (): WeirProcess | undefined => this.#processes.find(({ isMissing }) => isMissing);
    try {
      await waitUntil(what, condition, {
        timeoutMs,
        gaveUp: () => (ended() === undefined ? undefined : 'a process ended'),
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#printed()}`, { cause: error });
    }
  }

  /** The newest of what each process said. */
  #printed(): string {
    return this.#processes.map(({ output }) => output.slice(-1_500)).join('\n--\n');
  }

  /** Ends what runs and removes everything that was made. */
  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.end('SIGKILL')));
    this.#writer.close();
    await this.billing.close();
    await this.slots.close();
    await dropSlots(this.#servers.redisUrl, this.topic.name);
    await this.pool.end();
    await this.topic.drop();
    await this.#databases.drop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
