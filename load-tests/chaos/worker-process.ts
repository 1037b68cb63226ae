import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A line of a worker's log (WEIR_LOG_FORMAT=json), as far as it is looked at here. */
export interface LogLine {
  atMs: number;
  level: string;
  msg: string;
  partition?: number;
  position?: number;
  mark?: number;
  partitions?: number[];
  err?: { message?: string; code?: string };
  /** the line itself */
  text: string;
}

/** How a process ended. */
export interface WorkerEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One process of the program, its log in a file and line by line to whoever watches. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<WorkerEnd>;
  frozen = false;

  constructor(options: {
    program: string;
    env: Readonly<Record<string, string>>;
    logFile: string;
    onLine: (line: LogLine) => void;
    /** takes care that it does not outlive this process */
    adopt: (child: ChildProcess) => void;
  }) {
    const { PATH = '', HOME = '' } = process.env;
    const loader = options.program.endsWith('.ts') ? ['--import', 'tsx'] : [];
    this.#child = spawn(process.execPath, [...loader, options.program], {
      cwd: ROOT,
      env: { PATH, HOME, NODE_ENV: 'production', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child.once('spawn', () => options.adopt(this.#child));
    const file = createWriteStream(options.logFile, { flags: 'a' });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (text) => {
        file.write(`${text}\n`);
        options.onLine(readLine(text));
      });
    }
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      file.end();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends a signal; nothing happens to one that has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.hasEnded) this.#child.kill(signal);
    if (signal === 'SIGSTOP') this.frozen = true;
    if (signal === 'SIGCONT') this.frozen = false;
  }
}

const LEVELS = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
]);

function readLine(text: string): LogLine {
  try {
    const { level, msg = '', ...rest } = JSON.parse(text) as { level: number | string; msg?: string };
    const name = typeof level === 'number' ? (LEVELS.get(level) ?? String(level)) : level;
    return { ...rest, atMs: Date.now(), level: name, msg, text };
  } catch {
    // What a crash prints is no JSON; it is kept as it is.
    return { atMs: Date.now(), level: 'text', msg: text, text };
  }
}
