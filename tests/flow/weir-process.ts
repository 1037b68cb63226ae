import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '../../dev/processes/wait-until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Kept of what the process prints. */
const MAX_OUTPUT = 200_000;

/** How it ended. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The whole program as a process: pipeline/main.ts with an environment of its own and nothing inherited but PATH and HOME. */
export class WeirProcess {
  readonly #child: ChildProcess;
  #output = '';
  #wasEnded = false;
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<ProcessEnd>;

  /** @param program another build of it, relative to the project; TypeScript goes through tsx */
  constructor(
    env: Readonly<Record<string, string>>,
    nodeArguments: readonly string[] = [],
    program = 'pipeline/main.ts',
  ) {
    const { PATH = '', HOME = '' } = process.env;
    const loader = program.endsWith('.ts') ? ['--import', 'tsx'] : [];
    this.#child = spawn(process.execPath, [...nodeArguments, ...loader, program], {
      cwd: ROOT,
      env: { PATH, HOME, NODE_ENV: 'test', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-MAX_OUTPUT);
    };
    this.#child.stdout?.on('data', collect);
    this.#child.stderr?.on('data', collect);
    this.ended = once(this.#child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the program could not be started');
    return pid;
  }

  /** Standard output and error, the newest part of it. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** It has ended, and nobody here asked it to. */
  get isMissing(): boolean {
    return this.hasEnded && !this.#wasEnded;
  }

  /** Waits for a condition; fails at once, with what it printed, when the process ends meanwhile. */
  async until(what: string, condition: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    try {
      await waitUntil(what, condition, {
        timeoutMs,
        gaveUp: () => (this.hasEnded ? 'the program ended' : undefined),
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#output.slice(-4_000)}`, { cause: error });
    }
  }

  /** Whoever reads what it prints goes away. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<ProcessEnd> {
    this.#wasEnded = true;
    if (!this.hasEnded) this.#child.kill(signal);
    return this.ended;
  }
}
