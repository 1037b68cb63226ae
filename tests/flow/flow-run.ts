import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { runCli } from '../../cli/commands.ts';
import { freePorts } from '../../dev/processes/ports.ts';
import type { OverviewView } from '../../schemas/views.ts';
import { PostgresDirectory } from '../../storage/postgres/directory.ts';
import { migrate } from '../../storage/postgres/migrate.ts';
import { SecretBox } from '../../storage/postgres/secret-box.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { AccountingTopic } from './accounting-topic.ts';
import { BulkWriter } from './bulk-writer.ts';
import { NasRecorder } from './nas-recorder.ts';
import { dropSlots, makeDatabases, serversOf } from './servers.ts';
import type { FlowServers, ScratchDatabases } from './servers.ts';
import { SlotReader } from './slot-reader.ts';
import { WeirProcess } from './weir-process.ts';
import { makeWorkload } from './workload.ts';
import type { Workload } from './workload.ts';

const POLICIES = fileURLToPath(new URL('../policies', import.meta.url));
const PARTITIONS = 4;

/** Of a run. */
export interface FlowOptions {
  seed: number;
  subscribers: number;
  records: number;
  /** a Redis of the test's own; default the one that all tests share */
  redisUrl?: string;
  /** by the clock, with ticks, instead of in simulated time */
  realTime?: boolean;
  /** put over the program's environment */
  env?: Readonly<Record<string, string>>;
}

/** What a `weir` command printed. */
export interface CommandEnd {
  code: number;
  out: string;
  err: string;
}

/**
 * One whole run of the program on real servers: a topic, databases, a directory, NAS and usage of its own. The program
 * itself runs as a process, as many times as the test starts it.
 */
export class FlowRun {
  readonly workload: Workload;
  readonly topic: AccountingTopic;
  readonly nas: NasRecorder;
  readonly slots: SlotReader;
  readonly pool: pg.Pool;
  readonly clickhouseUrl: string;
  readonly #servers: FlowServers;
  readonly #databases: ScratchDatabases;
  readonly #dataDir: string;
  readonly #secretKey: Buffer;
  readonly #writer: BulkWriter;
  readonly #entries: Iterator<LogAppend>;
  readonly #processes: WeirProcess[] = [];
  readonly #ports: readonly number[];
  readonly #env: Readonly<Record<string, string>>;

  private constructor(parts: {
    workload: Workload;
    topic: AccountingTopic;
    servers: FlowServers;
    databases: ScratchDatabases;
    dataDir: string;
    writer: BulkWriter;
    ports: readonly number[];
    env: Readonly<Record<string, string>>;
  }) {
    const { workload, topic, servers, databases } = parts;
    this.workload = workload;
    this.topic = topic;
    this.nas = new NasRecorder();
    this.slots = new SlotReader(servers.redisUrl, topic.name, topic.name, topic.partitions);
    this.pool = new pg.Pool({ connectionString: databases.databaseUrl, max: 3 });
    this.clickhouseUrl = databases.clickhouseUrl;
    this.#servers = servers;
    this.#databases = databases;
    this.#dataDir = parts.dataDir;
    this.#secretKey = randomBytes(32);
    this.#writer = parts.writer;
    this.#entries = workload.entries[Symbol.iterator]();
    this.#ports = parts.ports;
    this.#env = parts.env;
  }

  /** Makes everything but the program and the usage; the directory is filled as a provider's would be. */
  static async open(options: FlowOptions): Promise<FlowRun> {
    const { redisUrl, realTime = false, env: more = {}, ...load } = options;
    const env = realTime ? { WEIR_SIMULATED_TIME: 'off', ...more } : more;
    const shared = serversOf(process.env);
    const servers = { ...shared, redisUrl: redisUrl ?? shared.redisUrl };
    const name = `flow-${randomBytes(6).toString('hex')}`;
    const topic = await AccountingTopic.make(
      servers.brokers,
      name,
      PARTITIONS,
      realTime ? 'LogAppendTime' : 'CreateTime',
    );
    const writer = new BulkWriter({ broker: servers.brokers, topic: name, partitions: PARTITIONS });
    await writer.open();
    const run = new FlowRun({
      workload: makeWorkload({ ...load, partitions: PARTITIONS }),
      topic,
      servers,
      databases: await makeDatabases(servers),
      dataDir: await mkdtemp(join(tmpdir(), 'weir-flow-')),
      writer,
      ports: await freePorts(2),
      env,
    });
    await run.slots.open();
    await run.#fillDirectory();
    return run;
  }

  /** Starts the program. */
  start(): WeirProcess {
    const process = new WeirProcess(this.#programEnv());
    this.#processes.push(process);
    return process;
  }

  /** Runs a `weir` command with the program's environment. */
  async weir(command: string): Promise<CommandEnd> {
    let [out, err] = ['', ''];
    const code = await runCli(command.split(' '), {
      env: this.#programEnv(),
      version: 'test',
      out: (text) => (out += text),
      err: (text) => (err += text),
      start: () => Promise.resolve(0),
    });
    return { code, out, err };
  }

  /** Resolves when everything that the directory and the policies folder hold is in the log. */
  async controlsRelayed(process: WeirProcess): Promise<void> {
    const relayed = async (): Promise<boolean> => {
      const { rows } = await this.pool.query<{ done: boolean }>(
        'select exists (select from policy) and not exists (select from control_outbox) as done',
      );
      return rows[0]?.done === true;
    };
    await process.until('all controls are in the log', relayed, 30_000);
  }

  /** Appends the next so many entries, or all that are left. Returns how many there were. */
  async append(count = Infinity): Promise<number> {
    let appended = 0;
    for (; appended < count; appended += 1) {
      const next = this.#entries.next();
      if (next.done === true) break;
      if (this.#writer.add(next.value)) await this.#writer.drain();
    }
    await this.#writer.flush();
    return appended;
  }

  /** Resolves when every entry is committed, every action has ended, and nothing waits for analytics. */
  async settled(process: WeirProcess, timeoutMs: number): Promise<void> {
    const ends = await this.topic.ends();
    const committed = async (): Promise<boolean> => {
      const positions = await this.slots.positions();
      return positions.every((position, partition) => position >= (ends[partition] ?? 0));
    };
    await process.until('every entry is committed', committed, timeoutMs);
    const ended = async (): Promise<boolean> => {
      const { rows } = await this.pool.query<{ open: number }>(
        `select count(*)::int as open from action where state in ('pending', 'sending', 'unknown')`,
      );
      return rows[0]?.open === 0 && (await this.metric('weir_flush_backlog_rows')) === 0;
    };
    await process.until('actions are sent and rows are flushed', ended, timeoutMs);
  }

  /** How far the database knows each slot to have come; 0 where it does not. */
  async marks(): Promise<number[]> {
    const { rows } = await this.pool.query<{ partition: number; position: number }>(
      'select partition, position::int as position from slot_mark',
    );
    const marks = Array.from({ length: this.topic.partitions }, () => 0);
    for (const { partition, position } of rows) marks[partition] = position;
    return marks;
  }

  /** What the running program says of itself. @throws Error while it does not answer */
  async overview(): Promise<OverviewView> {
    return (await this.#ask('/v1/overview', {})) as OverviewView;
  }

  /** Gives accounting records, in JSON, to the running program. @throws Error where it does not take them */
  async feed(records: readonly object[]): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    await this.#ask('/v1/accounting', { method: 'POST', headers, body: JSON.stringify(records) });
  }

  async #ask(path: string, request: { method?: string; headers?: object; body?: string }): Promise<unknown> {
    const key = (await readFile(join(this.#dataDir, 'admin-key'), 'utf8')).trim();
    const url = `http://127.0.0.1:${String(this.#ports[0])}${path}`;
    const headers = { ...request.headers, authorization: `Bearer ${key}` };
    const response = await fetch(url, { ...request, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${url}: ${String(response.status)} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  /** The first overview in which the condition holds. */
  async overviewWhen(
    process: WeirProcess,
    what: string,
    holds: (view: OverviewView) => boolean,
    timeoutMs: number,
  ): Promise<OverviewView> {
    const seen: OverviewView[] = [];
    const condition = async (): Promise<boolean> => {
      seen[0] = await this.overview();
      return holds(seen[0]);
    };
    await process.until(what, condition, timeoutMs).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\nlast seen: ${JSON.stringify(seen[0]?.partitions)}`);
    });
    const [view] = seen;
    if (view === undefined) throw new Error('no overview');
    return view;
  }

  /** Sum of a metric's series, as the running program says it. */
  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${String(this.#ports[1])}/metrics`);
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
    if (lines.length === 0) throw new Error(`there is no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Ends what runs and removes everything that was made. */
  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.end('SIGKILL')));
    this.#writer.close();
    await this.nas.stop();
    await this.slots.close();
    await dropSlots(this.#servers.redisUrl, this.topic.name);
    await this.pool.end();
    await this.topic.drop();
    await this.#databases.drop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  #programEnv(): Record<string, string> {
    const [apiPort, metricsPort] = this.#ports;
    return {
      KAFKA_BROKERS: this.#servers.brokers,
      KAFKA_TOPIC: this.topic.name,
      KAFKA_GROUP: this.topic.name,
      REDIS_URL: this.#servers.redisUrl,
      DATABASE_URL: this.#databases.databaseUrl,
      CLICKHOUSE_URL: this.clickhouseUrl,
      WEIR_SIMULATED_TIME: 'on',
      WEIR_SIMULATOR: 'off',
      WEIR_DATA_DIR: this.#dataDir,
      WEIR_POLICIES_DIR: POLICIES,
      WEIR_SECRET_KEY: this.#secretKey.toString('hex'),
      WEIR_API_PORT: String(apiPort),
      WEIR_METRICS_PORT: String(metricsPort),
      // A killed process's claims are free again after twice this.
      RADIUS_COA_GIVE_UP_AFTER: '5',
      ...this.#env,
    };
  }

  async #fillDirectory(): Promise<void> {
    await migrate(this.pool);
    const directory = new PostgresDirectory(this.pool, new SecretBox(this.#secretKey));
    const { plans, nas, profiles } = this.workload;
    const accesses = await this.nas.start(nas);
    await directory.putPlans(plans);
    await directory.putNas(nas.map(({ profile }, i) => ({ profile, access: accesses[i] ?? null })));
    await directory.putSubscribers(profiles);
  }
}
