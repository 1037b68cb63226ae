import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitUntil } from './wait-until.ts';

/** How to start one server and how to tell that it is up. */
export interface ServerSpec {
  /** Also the name of its log file, `<name>.log`, in the group's folder. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Run as another user (PostgreSQL refuses root). */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** SIGTERM unless the server would wait for its clients on that. */
  readonly stopSignal?: NodeJS.Signals;
  readonly ready: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
}

/** A server that answered its readiness check. */
export interface RunningServer {
  readonly pid: number;
  /** Ends it and waits for its end; SIGKILL after 5 s. Repeating it is harmless. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Servers that share a scratch folder and an end. Each runs in a process group of its own; a guard process
 * (guard.sh) ends them and removes the folder even when this process is killed with -9.
 */
export interface ServerGroup {
  /** Scratch folder; removed at the end. Readable by other users, since PostgreSQL runs as one. */
  readonly dir: string;
  /** Makes a folder in the scratch folder and returns its path. */
  folder(name: string): Promise<string>;
  /**
   * Starts a server and waits until it is ready.
   *
   * @throws Error with the tail of the server's log when it ends or is not ready in time
   */
  start(spec: ServerSpec): Promise<RunningServer>;
  /** Runs a preparing command to its end. @throws Error with the end of its output on a non-zero exit. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs a command to its end with our own output; ended with the group. @returns its exit code, 1 for a signal */
  runVisibly(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number>;
  /** Has the guard end a child of ours that was spawned detached, with what it has started, when the group ends. */
  adopt(child: ChildProcess, signal: NodeJS.Signals): void;
  /** Has the guard run a shell command once everything else has ended; its outcome is not looked at. */
  atEnd(command: string): void;
  /** Ends all servers and removes the folder. Repeating it is harmless. */
  stop(): Promise<void>;
}

/** Of a preparing command. */
export interface RunOptions {
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly env?: NodeJS.ProcessEnv;
}

const STOP_GRACE_MS = 5_000;
const LOG_TAIL_LINES = 25;
const GUARD = fileURLToPath(new URL('guard.sh', import.meta.url));

/** Makes the scratch folder and starts the guard. */
export async function openServerGroup(): Promise<ServerGroup> {
  const dir = await mkdtemp(join(tmpdir(), 'weir-services-'));
  await chmod(dir, 0o711);
  const guard = spawn('sh', [GUARD, dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  await once(guard, 'spawn');
  const guardEnd = once(guard, 'exit');
  guard.stdin.on('error', (error) => {
    process.stderr.write(`the guard of ${dir} is gone: its servers outlive a kill -9 (${error.message})\n`);
  });
  const tell = (line: string) => {
    // A preparing command may end after stop() has closed the pipe; the guard has dealt with it then.
    if (!guard.stdin.writableEnded) guard.stdin.write(`${line}\n`);
  };
  const running = new Set<RunningServer>();
  let stopping: Promise<void> | undefined;

  const adopt = (child: ChildProcess, signal: NodeJS.Signals): number => {
    const pid = child.pid;
    if (pid === undefined) throw new Error('a child without a process id');
    tell(`add ${String(pid)} ${signal.slice('SIG'.length)}`);
    child.once('exit', () => tell(`drop ${String(pid)}`));
    if (stopping !== undefined) process.kill(-pid, 'SIGKILL');
    return pid;
  };

  return {
    dir,
    folder: async (name) => {
      if (stopping !== undefined) throw new Error('the servers are being stopped');
      const path = join(dir, name);
      await mkdir(path, { recursive: true });
      return path;
    },
    start: async (spec) => {
      const server = await startServer(dir, spec, adopt);
      running.add(server);
      return server;
    },
    run: (command, args, options) => runToEnd(command, args, options ?? {}, adopt),
    runVisibly: async (command, args, env) => {
      const child = spawn(command, args, { detached: true, env, stdio: ['ignore', 'inherit', 'inherit'] });
      await spawned(child, command);
      adopt(child, 'SIGTERM');
      await once(child, 'exit');
      return child.exitCode ?? 1;
    },
    adopt: (child, signal) => {
      adopt(child, signal);
    },
    atEnd: (command) => {
      tell(`end ${command}`);
    },
    stop: () => {
      stopping ??= (async () => {
        await Promise.all([...running].map((server) => server.stop()));
        guard.stdin.end();
        await guardEnd;
      })();
      return stopping;
    },
  };
}

type Adopt = (child: ChildProcess, signal: NodeJS.Signals) => number;

async function startServer(dir: string, spec: ServerSpec, adopt: Adopt): Promise<RunningServer> {
  const logPath = join(dir, `${spec.name}.log`);
  const log = await open(logPath, 'a');
  const child = spawn(spec.command, spec.args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(spec.env === undefined ? {} : { env: spec.env }),
    ...(spec.user ?? {}),
  });
  try {
    await spawned(child, spec.command);
  } finally {
    await log.close();
  }
  const pid = adopt(child, spec.stopSignal ?? 'SIGTERM');
  await writeFile(join(dir, `${spec.name}.pid`), String(pid));
  const stop = (signal?: NodeJS.Signals) => endChild(child, pid, signal ?? spec.stopSignal ?? 'SIGTERM');
  try {
    await waitUntil(`${spec.name} is ready`, spec.ready, {
      timeoutMs: spec.readyTimeoutMs,
      gaveUp: () => (hasEnded(child) ? `it ended (${endOf(child)})` : undefined),
    });
  } catch (error) {
    await stop('SIGKILL');
    throw new Error(`${(error as Error).message}\n${await logTail(logPath)}`, { cause: error });
  }
  return { pid, stop };
}

async function spawned(child: ChildProcess, command: string): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Error(`cannot start ${command}: ${(error as Error).message}`, { cause: error });
  }
}

async function endChild(child: ChildProcess, pid: number, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  signalGroup(pid, signal);
  const forced = setTimeout(() => signalGroup(pid, 'SIGKILL'), STOP_GRACE_MS);
  await ended;
  clearTimeout(forced);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: it ended by itself between our look and the signal, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function endOf(child: ChildProcess): string {
  return child.signalCode ?? `exit ${String(child.exitCode)}`;
}

async function runToEnd(
  command: string,
  args: readonly string[],
  options: RunOptions,
  adopt: Adopt,
): Promise<string> {
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.user ?? {}),
  });
  let output = '';
  const collect = (chunk: Buffer) => (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  await spawned(child, command);
  adopt(child, 'SIGTERM');
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${command} failed (${endOf(child)})\n${lastLines(output)}`);
  return output;
}

async function logTail(path: string): Promise<string> {
  return `--- end of ${path}\n${lastLines(await readFile(path, 'utf8'))}`;
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
