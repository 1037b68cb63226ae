import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openServerGroup } from './server-group.ts';
import type { ServerSpec } from './server-group.ts';
import { waitUntil } from './wait-until.ts';

const ready = () => Promise.resolve(true);
const sleeper: ServerSpec = {
  name: 'sleeper',
  command: 'sleep',
  args: ['1000'],
  ready,
  readyTimeoutMs: 1_000,
};

/** False for one that is dead and not yet reaped, which an orphan may stay in a container for a while. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${String(pid)}/stat`, 'utf8').includes(') Z ');
  } catch {
    // No /proc entry: no process.
    return false;
  }
}

/** A program that opens a group with one server that ignores SIGTERM, says where, and waits. */
const OWNER = `
  import { openServerGroup } from ${JSON.stringify(new URL('server-group.ts', import.meta.url).href)};
  import { readFileSync } from 'node:fs';
  const group = await openServerGroup();
  const server = await group.start({
    name: 'stubborn', command: 'sh', args: ['-c', 'trap "" TERM; echo deaf now; while :; do sleep 1; done'],
    ready: async () => readFileSync(group.dir + '/stubborn.log', 'utf8').includes('deaf now'),
    readyTimeoutMs: 5000,
  });
  console.log(JSON.stringify({ pid: server.pid, dir: group.dir }));
  setInterval(() => undefined, 1000);
`;

describe('a group of servers', () => {
  it('ends its servers and removes its folder on stop', async () => {
    const group = await openServerGroup();
    const { pid } = await group.start(sleeper);
    await group.stop();
    await group.stop();
    expect([isAlive(pid), existsSync(group.dir)]).toEqual([false, false]);
  });

  it('does the same when its owner is killed by kill -9, for a server that ignores SIGTERM', async () => {
    const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', OWNER], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    const { pid, dir } = JSON.parse(line) as { pid: number; dir: string };
    expect([isAlive(pid), existsSync(dir)]).toEqual([true, true]);
    owner.kill('SIGKILL');
    await waitUntil('the folder is gone', () => Promise.resolve(!existsSync(dir)), { timeoutMs: 30_000 });
    await waitUntil('the server is gone', () => Promise.resolve(!isAlive(pid)), { timeoutMs: 5_000 });
  });

  it('fails with the end of the log when a server ends before it is ready', async () => {
    const group = await openServerGroup();
    const broken = { command: 'sh', args: ['-c', 'echo the port is taken; exit 3'] };
    const start = group.start({ ...sleeper, ...broken, ready: () => Promise.resolve(false) });
    await expect(start).rejects.toThrow(/sleeper is ready: it ended \(exit 3\)[^]*the port is taken/);
    await group.stop();
  });

  it('names the program that is not there', async () => {
    const group = await openServerGroup();
    await expect(group.start({ ...sleeper, command: 'no-such-program' })).rejects.toThrow(
      /cannot start no-such-program/,
    );
    await group.stop();
  });

  it('gives up on a server that never becomes ready, and ends it', async () => {
    const group = await openServerGroup();
    const start = group.start({ ...sleeper, ready: () => Promise.resolve(false), readyTimeoutMs: 200 });
    await expect(start).rejects.toThrow(/not within 200 ms/);
    await group.stop();
    expect(existsSync(group.dir)).toBe(false);
  });
});
