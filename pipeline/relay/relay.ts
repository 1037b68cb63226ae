import type { Logger } from 'pino';
import { AppError, isAppError } from '../../schemas/errors.ts';
import type { ControlOutbox, PendingControl, RelayLeadership } from '../../storage/people-ports.ts';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { expandControl } from './expand.ts';

/** Controls a round; with copies to every partition still a few MB. An import makes as many a transaction. */
const ROUND = 2_000;
/** Wake-ups may get lost, and another transaction may hide a row for a while: asked anyway, this often. */
const POLL_MS = 1_000;
/** After a wake-up the row may be hidden by an older transaction for some ms more: asked again soon, then less often. */
const FIRST_POLL_MS = 20;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;

/** What the relay tells: metrics hang here. */
export interface RelayObserver {
  /** this process became the relay, or is it no longer */
  leading(leads: boolean): void;
  /** so many controls are durably in the log and behind the cursor */
  relayed(controls: number): void;
  /** a control that readers would refuse was left out */
  refused(): void;
  /** a round failed and will be tried again */
  failed(): void;
}

/** How a relay is made. */
export interface RelayOptions {
  outbox: ControlOutbox;
  log: LogWriter;
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  observer?: RelayObserver;
  /** stamp of appended entries in simulated time, ms since 1970 UTC; default: the log stamps by itself */
  timeMs?: () => number;
}

/**
 * Brings what people changed into the log: lead -> next -> append -> advance, in one loop. One process leads, others
 * stand by. Every control gets there at least once, with the same id each time: the fold skips repeats. After a crash
 * between append and advance the round is sent again under the same ids.
 *
 * Operating errors are retried for ever with back-off; the log and Postgres may be away as long as they like. A
 * programmer error ends the loop with an unhandled rejection, hence the process.
 */
export class Relay {
  readonly #options: RelayOptions;
  #loop: Promise<void> | null = null;
  #stopped = false;
  /** a wake-up came since the last question */
  #woken = false;
  #rouse: (() => void) | null = null;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** There is something to relay. Cheap, from anywhere, any number of times. */
  wake(): void {
    this.#woken = true;
    this.#rouse?.();
  }

  /** Ends the round in hand, gives leadership up. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rouse?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#stopped) {
      this.#woken = false;
      try {
        const leadership = await this.#options.outbox.lead();
        if (leadership === null) {
          await this.#pause(POLL_MS);
          continue;
        }
        await this.#whileLeading(leadership, () => (backoffMs = FIRST_BACKOFF_MS));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#options.observer?.failed();
        this.#options.logger.warn({ err: error }, 'controls wait: the relay tries again');
        // Jitter, so that processes that lost the same server do not come back together.
        // A wake-up does not shorten it: changes go on while a server is away.
        await this.#pause(backoffMs * (0.5 + Math.random() / 2), false);
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
  }

  async #whileLeading(leadership: RelayLeadership, onProgress: () => void): Promise<void> {
    this.#options.observer?.leading(true);
    try {
      const partitions = await this.#options.log.partitionCount();
      let pollMs = FIRST_POLL_MS;
      let ahead: Promise<PendingControl[]> | null = null;
      while (!this.#stopped) {
        this.#woken = false;
        const controls: PendingControl[] = await (ahead ?? leadership.next(ROUND));
        ahead = null;
        const last = controls.at(-1);
        if (last === undefined) {
          const woken = await this.#pause(pollMs);
          pollMs = woken ? FIRST_POLL_MS : Math.min(pollMs * 2, POLL_MS);
          continue;
        }
        if (controls.length === ROUND) ahead = readAhead(leadership, last);
        await this.#append(controls, partitions);
        await leadership.advance(last);
        this.#options.observer?.relayed(controls.length);
        onProgress();
        pollMs = FIRST_POLL_MS;
      }
    } finally {
      await leadership.release();
      this.#options.observer?.leading(false);
    }
  }

  async #append(controls: readonly PendingControl[], partitions: number): Promise<void> {
    const timeMs = this.#options.timeMs?.() ?? null;
    const entries: LogAppend[] = [];
    for (const control of controls) entries.push(...this.#expand(control, partitions, timeMs));
    if (entries.length > 0) await this.#options.log.append(entries);
  }

  /** One control that nobody can read must not hold up all that follow: it is left out, loudly. */
  #expand(pending: PendingControl, partitions: number, timeMs: number | null): LogAppend[] {
    try {
      return expandControl(pending, partitions, timeMs);
    } catch (error) {
      if (!isAppError(error, 'invalid-input')) throw error;
      this.#options.observer?.refused();
      this.#options.logger.error(
        { err: error, id: pending.id },
        'a control was left out: readers would refuse it',
      );
      return [];
    }
  }

  /** Resolves after `ms`, at stop, or at a wake-up unless it shall not count; true = woken. */
  #pause(ms: number, wakeable = true): Promise<boolean> {
    if ((wakeable && this.#woken) || this.#stopped) return Promise.resolve(this.#woken);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#rouse = null;
        resolve(this.#woken);
      };
      const timer = setTimeout(end, ms);
      this.#rouse = () => {
        if (wakeable || this.#stopped) end();
      };
    });
  }
}

/** What comes after a full round is read while that one is appended. */
function readAhead(leadership: RelayLeadership, last: PendingControl): Promise<PendingControl[]> {
  const next = leadership.next(ROUND, last);
  // Whoever waits for it is told; where the round before fails first, nobody does.
  next.catch(() => undefined);
  return next;
}
