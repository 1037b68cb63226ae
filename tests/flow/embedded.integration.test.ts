import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../dev/processes/ports.ts';
import type { OverviewView } from '../../schemas/views.ts';
import { makeDatabases, serversOf } from './servers.ts';
import { WeirProcess } from './weir-process.ts';

const STARTED_WITHIN_MS = 60_000;
/** The default of WEIR_STOP_GRACE_SECONDS, and what an exit itself may take on a busy machine. */
const STOPPED_WITHIN_MS = 30_000;

let scratch: string;
const processes: WeirProcess[] = [];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'weir-embedded-'));
});

afterAll(async () => {
  await Promise.all(processes.map((process) => process.end('SIGKILL')));
  await rm(scratch, { recursive: true, force: true });
});

function start(env: Record<string, string>): WeirProcess {
  const process = new WeirProcess(env);
  processes.push(process);
  return process;
}

/** What it says before it gives up, when it does not start. */
async function refusal(env: Record<string, string>): Promise<{ code: number | null; lines: string[] }> {
  const process = start(env);
  const { code } = await process.ended;
  return { code, lines: process.output.split('\n').filter((line) => line.startsWith('weir: ')) };
}

describe('the embedded default', () => {
  const env: Record<string, string> = {};
  let first: WeirProcess;

  beforeAll(async () => {
    const [api, metrics] = await freePorts(2);
    env['WEIR_DATA_DIR'] = join(scratch, 'data');
    env['WEIR_API_PORT'] = String(api);
    env['WEIR_METRICS_PORT'] = String(metrics);
    first = start(env);
  });

  async function overview(): Promise<OverviewView> {
    const key = (await readFile(join(scratch, 'data', 'admin-key'), 'utf8')).trim();
    const url = `http://127.0.0.1:${env['WEIR_API_PORT'] ?? ''}/v1/overview`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    if (!response.ok) throw new Error(`${url}: ${String(response.status)} ${await response.text()}`);
    return (await response.json()) as OverviewView;
  }

  /** The overview once it holds, with everything that it must say of the state. */
  async function overviewWhen(
    process: WeirProcess,
    what: string,
    holds: (view: OverviewView) => boolean,
  ): Promise<OverviewView> {
    let view: OverviewView | null = null;
    const condition = async (): Promise<boolean> => {
      view = await overview();
      return holds(view);
    };
    await process.until(what, condition, STARTED_WITHIN_MS);
    if (view === null) throw new Error('no overview');
    return view;
  }

  it('shows the first throttle within a minute', async () => {
    // The policies that ship send notices too.
    const isThrottle = ({ kind, policyId, state }: OverviewView['recentActions'][number]): boolean =>
      kind === 'throttle' && policyId === 'home-fup' && state === 'delivered';
    const view = await overviewWhen(first, 'a throttle', ({ recentActions }) =>
      recentActions.some(isThrottle),
    );
    expect(view.throttledSubscribers).toBeGreaterThan(0);
    expect(view.recentActions.find(isThrottle)?.desired).toMatchObject({
      downBps: 2_000_000,
      upBps: 512_000,
    });
  });

  it('refuses a second process on its data folder and goes on', async () => {
    const [api, metrics] = await freePorts(2);
    const other = { ...env, WEIR_API_PORT: String(api), WEIR_METRICS_PORT: String(metrics) };
    const before = entries(await overview());
    const { code, lines } = await refusal(other);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(join(scratch, 'data'));
    expect(lines[0]).toContain(String(first.pid));
    await overviewWhen(first, 'more entries', (view) => entries(view) > before);
  });

  it('ends with 0 on Ctrl-C, and goes on from there when started again', async () => {
    const before = await overview();
    await endsWithin(first, 'SIGINT', { code: 0, signal: null });
    const second = start(env);
    expectNothingLost(before, await overviewWhen(second, 'all slots are loaded', isWhole));
    const more = await overviewWhen(second, 'more entries', (now) => entries(now) > entries(before));

    await endsWithin(second, 'SIGKILL', { code: null, signal: 'SIGKILL' });
    const third = start(env);
    expectNothingLost(more, await overviewWhen(third, 'all slots are loaded', isWhole));
    await overviewWhen(third, 'more entries', (now) => entries(now) > entries(more));
    await endsWithin(third, 'SIGTERM', { code: 0, signal: null });
  });

  it('ends with 1 when nobody reads any more what it prints', async () => {
    const process = start({ ...env, WEIR_LOG_LEVEL: 'debug' });
    await overviewWhen(process, 'all slots are loaded', isWhole);
    process.closeOutput();
    await endsWithin(process, null, { code: 1, signal: null });
  });
});

/** @param signal null = it ends by itself */
async function endsWithin(process: WeirProcess, signal: NodeJS.Signals | null, end: object): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(
      resolve,
      STOPPED_WITHIN_MS,
      `still there ${String(STOPPED_WITHIN_MS)} ms after ${signal ?? 'that'}`,
    );
  });
  const ended = signal === null ? process.ended : process.end(signal);
  expect(await Promise.race([ended, late]), process.output.slice(-2_000)).toEqual(end);
  clearTimeout(timer);
}

function isWhole({ partitions }: OverviewView): boolean {
  return partitions.length === 4 && partitions.every(({ status }) => status === 'running');
}

function entries(view: OverviewView): number {
  return view.partitions.reduce((sum, { position }) => sum + position, 0);
}

/** Everything that only grows is at least what it was. */
function expectNothingLost(before: OverviewView, after: OverviewView): void {
  expect(after.subscribers).toBeGreaterThanOrEqual(before.subscribers);
  expect(after.actions.delivered).toBeGreaterThanOrEqual(before.actions.delivered);
  expect(entries(after)).toBeGreaterThanOrEqual(entries(before));
  expect(after.outcomes.metered).toBeGreaterThanOrEqual(before.outcomes.metered);
}

describe('a start that cannot be', () => {
  it('lists every fault of the configuration at once and ends with 2', async () => {
    const process = start({
      WEIR_API_PORT: 'eighty',
      WEIR_PARTITIONS: '0',
      REDIS_URL: 'http://localhost',
      WEIR_COLOUR: 'blue',
    });
    expect((await process.ended).code).toBe(2);
    for (const name of ['WEIR_API_PORT', 'WEIR_PARTITIONS', 'REDIS_URL', 'WEIR_COLOUR'])
      expect(process.output).toContain(name);
  });

  it.each(['WEIR_API_PORT', 'WEIR_METRICS_PORT'])(
    'says in one line that %s is taken and ends with 1',
    async (name) => {
      const holder = createServer();
      const [taken = 0, other = 0] = await freePorts(2);
      holder.listen(taken, '127.0.0.1');
      await once(holder, 'listening');
      const { code, lines } = await refusal({
        WEIR_API_PORT: String(other),
        WEIR_METRICS_PORT: String(other),
        [name]: String(taken),
        WEIR_DATA_DIR: join(scratch, name),
      });
      holder.close();
      expect(code).toBe(1);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(String(taken));
      expect(lines[0]).toContain(name);
    },
  );

  it('gives up after some tries, in one line, where a server cannot be reached', async () => {
    const servers = serversOf(process.env);
    const databases = await makeDatabases(servers);
    const [nobody = 0, api = 0] = await freePorts(2);
    const good = {
      KAFKA_BROKERS: servers.brokers,
      REDIS_URL: servers.redisUrl,
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      WEIR_DATA_DIR: join(scratch, 'unreachable'),
      WEIR_API_PORT: String(api),
      WEIR_METRICS_PORT: '0',
    };
    const address = `127.0.0.1:${String(nobody)}`;
    const wrong = {
      KAFKA_BROKERS: address,
      REDIS_URL: `redis://${address}`,
      DATABASE_URL: `postgres://weir:secret@${address}/weir`,
      CLICKHOUSE_URL: `http://${address}`,
    };
    const refusals = await Promise.all(
      Object.entries(wrong).map(async ([name, url]) => ({
        name,
        ...(await refusal({ ...good, [name]: url })),
      })),
    );
    await databases.drop();
    const servedBy = {
      KAFKA_BROKERS: 'Kafka',
      REDIS_URL: 'Redis',
      DATABASE_URL: 'Postgres',
      CLICKHOUSE_URL: 'ClickHouse',
    };
    for (const { name, code, lines } of refusals) {
      expect({ name, code }).toEqual({ name, code: 1 });
      expect(lines, name).toHaveLength(1);
      expect(lines[0]).toContain(servedBy[name as keyof typeof servedBy]);
      expect(lines[0]).not.toContain('secret');
    }
  });
});
