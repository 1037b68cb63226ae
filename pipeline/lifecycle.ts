import type { Logger } from 'pino';
import { isAppError } from '../schemas/errors.ts';

/** Exit codes of the program. */
export const EXIT = {
  ok: 0,
  /** an operating error or a defect */
  failed: 1,
  /** wrong configuration or wrong use of a command */
  usage: 2,
  /** a second signal while stopping */
  interrupted: 130,
} as const;

/** Something that is started and stopped. */
export interface LifecyclePart {
  readonly name: string;
  /** Resolves when it is up. A rejection stops what was started before. */
  start?(): Promise<void> | void;
  /**
   * Called only if the part was started, or is just starting. Should resolve within `graceMs`, what is left of the whole grace;
   * it is not waited for any longer.
   */
  stop?(graceMs: number): Promise<void> | void;
}

export interface LifecycleOptions {
  log: Pick<Logger, 'info' | 'warn' | 'error' | 'fatal'>;
  /** for stopping all parts together, ms */
  graceMs: number;
  /** names in the order to stop them; parts not named stop after these, last started first. Default: all of those */
  stopOrder?: readonly string[];
  /** for tests; default the process's */
  host?: LifecycleHost;
}

/** What of the process a lifecycle needs. */
export interface LifecycleHost {
  on(event: HostEvent, listener: (detail: unknown) => void): unknown;
  off(event: HostEvent, listener: (detail: unknown) => void): unknown;
  exit(code: number): void;
  nowMs(): number;
}

export type HostEvent = 'SIGTERM' | 'SIGINT' | 'unhandledRejection' | 'uncaughtException';

const PROCESS: LifecycleHost = {
  on: (event, listener) => process.on(event, listener),
  off: (event, listener) => process.off(event, listener),
  exit: (code) => process.exit(code),
  nowMs: () => performance.now(),
};

/**
 * One Ctrl-C arrives more than once: from the terminal to the whole group of processes, and again from npm and tsx,
 * which pass on what they got. A person's second one comes later.
 */
const ECHO_MS = 1_000;

/** A part that had no share of the grace left still gets this long, ms: closing a socket is quick, and omitting it is not. */
const LEAST_SHARE_MS = 250;

/**
 * Starts parts in order and stops them, whatever happens in between.
 *
 *   new --start--> starting --all up--> running --stop(), signal, defect--> stopping --> stopped
 *                     \--a part failed, signal--> stopping what was started
 *
 * The first SIGTERM or SIGINT drains, the second ends the process at once with 130. An unhandled rejection or exception
 * is logged, and the stop that follows ends with 1.
 */
export class Lifecycle {
  readonly #parts: readonly LifecyclePart[];
  readonly #options: LifecycleOptions;
  readonly #host: LifecycleHost;
  readonly #started = new Set<LifecyclePart>();
  readonly #listeners: [HostEvent, (detail: unknown) => void][] = [];
  #stopping: Promise<void> | null = null;
  #exitCode: number = EXIT.ok;
  #resolveEnded: (code: number) => void = () => undefined;
  /** Resolves with the exit code when everything has stopped; never rejects. */
  readonly ended: Promise<number>;

  constructor(parts: readonly LifecyclePart[], options: LifecycleOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#host = options.host ?? PROCESS;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** True from the first wish to stop on. */
  get isStopping(): boolean {
    return this.#stopping !== null;
  }

  /**
   * Starts the parts one after the other. Resolves when all are up, or when a stop came in between and is done.
   * @throws what a part's start threw, after those before it were stopped
   */
  async start(): Promise<void> {
    for (const part of this.#parts) {
      if (this.isStopping) break;
      try {
        // Before it is up: a stop that comes while it starts concerns it too.
        this.#started.add(part);
        // A start that waits for a server would outlive the stop.
        await Promise.race([part.start?.(), this.ended]);
      } catch (error) {
        this.#started.delete(part);
        if (this.isStopping) {
          // The stop took away what it was waiting for.
          this.#options.log.warn({ part: part.name, err: error }, 'start cut short by the stop');
          break;
        }
        await this.stop(EXIT.failed);
        throw error;
      }
    }
    await this.#stopping;
  }

  /** Stops what was started, within the grace. Idempotent: later calls wait for the first; the highest code counts. */
  stop(exitCode: number = EXIT.ok): Promise<void> {
    this.#exitCode = Math.max(this.#exitCode, exitCode);
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  /** Listens for signals and defects until everything has stopped. */
  listen(): void {
    let firstMs: number | null = null;
    const signal = (name: 'SIGTERM' | 'SIGINT') => (): void => {
      const now = this.#host.nowMs();
      firstMs ??= now;
      if (this.isStopping && now - firstMs < ECHO_MS) return;
      if (this.isStopping) {
        this.#options.log.warn({ signal: name }, 'second signal: ending at once');
        this.#host.exit(EXIT.interrupted);
        return;
      }
      this.#options.log.info({ signal: name }, 'stopping');
      void this.stop();
    };
    const defect = (what: string) => (error: unknown) => {
      this.#options.log.fatal({ err: error }, what);
      void this.stop(EXIT.failed);
    };
    this.#listen('SIGTERM', signal('SIGTERM'));
    this.#listen('SIGINT', signal('SIGINT'));
    this.#listen('unhandledRejection', defect('a promise was rejected and nobody looked'));
    this.#listen('uncaughtException', defect('an exception that nobody caught'));
  }

  #listen(event: HostEvent, listener: (detail: unknown) => void): void {
    this.#host.on(event, listener);
    this.#listeners.push([event, listener]);
  }

  async #stopAll(): Promise<void> {
    // In a turn of its own, so that `stop` has remembered the promise before a part's stop can ask for it again.
    await Promise.resolve();
    const endMs = this.#host.nowMs() + this.#options.graceMs;
    const order = this.#stopOrder();
    for (const part of order) {
      if (!this.#started.has(part)) continue;
      await this.#stopPart(part, Math.max(endMs - this.#host.nowMs(), LEAST_SHARE_MS));
    }
    for (const [event, listener] of this.#listeners) this.#host.off(event, listener);
    this.#resolveEnded(this.#exitCode);
  }

  #stopOrder(): LifecyclePart[] {
    const named = (this.#options.stopOrder ?? []).flatMap((name) =>
      this.#parts.filter((part) => part.name === name),
    );
    const rest = this.#parts.filter((part) => !named.includes(part)).reverse();
    return [...named, ...rest];
  }

  /** Never rejects: the parts after it must be stopped whatever this one does. */
  async #stopPart(part: LifecyclePart, graceMs: number): Promise<void> {
    const { log } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, graceMs, 'late');
    });
    try {
      const stopped = Promise.resolve().then(() => part.stop?.(graceMs));
      if ((await Promise.race([stopped, late])) === 'late') {
        log.error(
          { part: part.name, graceMs: Math.round(graceMs) },
          'did not stop in time; going on without it',
        );
        this.#exitCode = Math.max(this.#exitCode, EXIT.failed);
        stopped.catch((error: unknown) => log.warn({ part: part.name, err: error }, 'failed to stop, late'));
      }
    } catch (error) {
      log.error({ part: part.name, err: error }, 'failed to stop');
      this.#exitCode = Math.max(this.#exitCode, EXIT.failed);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Exit code for what a start failed with. */
export function exitCodeOf(error: unknown): number {
  return isAppError(error, 'config-invalid') ? EXIT.usage : EXIT.failed;
}
