import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { realDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresJobStore } from '../../storage/postgres/job-store.ts';
import { FaultProxy } from './fault-proxy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A leader stops itself a quarter before the server ends its session: a second and a half, which a busy machine may need. */
const SILENT_MS = 6_000;
/** Pieces of work that hold a transaction open are ended by the server after 30 s. */
const BOUND_MS = 90_000;

let database: TestDatabase;
let schema: string;
const processes: LeaderProcess[] = [];
let proxy: FaultProxy | null = null;
/** What all processes told, in the order in which it came. */
const told: string[] = [];

/** A process that runs jobs, and what it told. */
class LeaderProcess {
  readonly lines: string[] = [];
  readonly name: string;
  readonly #child: ChildProcess;

  constructor(name: string, url: string, chunks: number, betweenMs: number) {
    this.name = name;
    const program = 'load-tests/chaos/job-leader-process.ts';
    const given = [name, url, schema, SILENT_MS, chunks, betweenMs].map(String);
    const options = { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] as ('pipe' | 'inherit')[] };
    this.#child = spawn(process.execPath, ['--import', 'tsx', program, ...given], options);
    if (this.#child.stdout !== null)
      createInterface(this.#child.stdout).on('line', (line) => {
        this.lines.push(line);
        told.push(`${name} ${line}`);
      });
    processes.push(this);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async told(line: string, times = 1): Promise<void> {
    const seen = (): boolean => this.lines.filter((one) => one === line).length >= times;
    await waitUntil(`${this.name} says ${line}`, () => Promise.resolve(seen()), { timeoutMs: BOUND_MS });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

function serverUrl(port?: number): string {
  const url = new URL(process.env['DATABASE_URL'] ?? '');
  if (port !== undefined) url.host = `127.0.0.1:${String(port)}`;
  return url.href;
}

async function throughProxy(): Promise<{ proxy: FaultProxy; url: string }> {
  const { hostname, port } = new URL(serverUrl());
  proxy = new FaultProxy(hostname, Number(port === '' ? 5432 : port));
  return { proxy, url: serverUrl(await proxy.listen()) };
}

/** The first leads and works, the second waits for its turn. */
async function twoProcesses(firstUrl = serverUrl()): Promise<[LeaderProcess, LeaderProcess]> {
  const first = new LeaderProcess('first', firstUrl, 1_000_000, 20);
  await first.told('leads');
  const second = new LeaderProcess('second', serverUrl(), 5, 20);
  await second.told('up');
  expect(await jobs().request('write', 'test')).toBe('requested');
  await first.told('chunk', 3);
  expect(await jobs().request('write', 'test')).toBe('running');
  expect(second.lines).not.toContain('leads');
  return [first, second];
}

function jobs(): PostgresJobStore {
  return new PostgresJobStore(database.pool, { ownSessions: true });
}

/** Who wrote, in order, without repeats: one after the other means nobody wrote once the next had begun. */
async function writers(): Promise<string[]> {
  const { rows } = await database.pool.query<{ process: string }>('select process from chunk order by n');
  return rows.map(({ process: name }) => name).filter((name, i, all) => name !== all[i - 1]);
}

async function outcomes(): Promise<unknown[]> {
  return (await jobs().runs('write', 9)).map(({ outcome }) => outcome);
}

beforeAll(async () => {
  database = await realDatabase('job_leaders');
  const { rows } = await database.pool.query<{ schema: string }>('select current_schema() as schema');
  schema = rows[0]?.schema ?? '';
  await database.pool.query(
    `create table chunk (n bigint generated always as identity, process text not null, token text not null)`,
  );
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query('truncate chunk, job, job_run, job_leader');
});
afterEach(async () => {
  for (const one of processes.splice(0)) await one.end();
  await proxy?.close();
  proxy = null;
  told.length = 0;
});

describe('two processes that run jobs', () => {
  it('take over from each other when one is killed, and the work is done again', async () => {
    const [first, second] = await twoProcesses();
    first.signal('SIGKILL');
    await second.told('ended done');
    expect(await outcomes()).toEqual(['done', 'lost']);
    expect(await writers()).toEqual(['first', 'second']);
    expect(second.lines.filter((line) => line === 'chunk')).toHaveLength(5);
  });

  it('take over from one that stands still: what it goes on with when it wakes is refused', async () => {
    const [first, second] = await twoProcesses();
    first.signal('SIGSTOP');
    await second.told('ended done');
    first.signal('SIGCONT');
    await first.told('refused conflict');
    await first.told('ended lost');
    await first.told('leads no more');
    expect(await outcomes()).toEqual(['done', 'lost']);
    expect(await writers()).toEqual(['first', 'second']);
  });

  it('take over from one whose connections are cut', async () => {
    const { proxy: between, url } = await throughProxy();
    const [first, second] = await twoProcesses(url);
    // For as long as the other one needs: it could come back before that one looks.
    const cutting = setInterval(() => between.cut(), 5);
    try {
      await second.told('leads');
    } finally {
      clearInterval(cutting);
    }
    await first.told('ended lost');
    await second.told('ended done');
    expect(await outcomes()).toEqual(['done', 'lost']);
    expect(await writers()).toEqual(['first', 'second']);
  });

  it('take over from one whose network swallows everything, which has stopped by itself before', async () => {
    const { proxy: between, url } = await throughProxy();
    const [first, second] = await twoProcesses(url);
    between.stall(20_000);
    await first.told('leads no more');
    await second.told('ended done');
    expect(told.indexOf('first leads no more')).toBeLessThan(told.indexOf('second leads'));
    between.heal();
    await first.told('refused conflict');
    expect(await outcomes()).toEqual(['done', 'lost']);
    expect(await writers()).toEqual(['first', 'second']);
  });
});
